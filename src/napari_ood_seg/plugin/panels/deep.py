"""A network that is trained in the background: start, pause, curves, verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from napari_ood_seg.plugin.panels.plots import CurvePlot
from napari_ood_seg.plugin.panels.settings import SettingsPanel
from napari_ood_seg.plugin.panels.wrapped import WrappedLabel

if TYPE_CHECKING:
    from napari_ood_seg.plugin.panels.plots import Curves

OFF: Final = "off"
ON: Final = "on"
PAUSED: Final = "paused"
_TEXTS: Final = {OFF: "&Train a network", ON: "Pause", PAUSED: "Resume"}
_TIPS: Final = {
    OFF: "Train a network on your scribbles in the background. You can go on painting:"
    " it makes way, and takes in new strokes.",
    ON: "Stop the training after this step; it can be taken up again.",
    PAUSED: "Go on with the training where it stopped.",
}
CURVES_TIP: Final = (
    "Loss by training steps. Thin line: the strokes that the network learns from. Dots:"
    " one stroke in four of each class, which it never sees."
)
RESUME_TIP: Final = (
    "A training of these very strokes and settings did not come to its end, as napari "
    "was closed. Go on with it where it was last checked; Train a network begins anew."
)
INTRO: Final = "No network was trained yet. The answers are those of the filters."


class DeepPanel(QWidget):
    """Two buttons, two curves, what came of it, and settings."""

    start_requested = Signal()
    pause_requested = Signal()
    anew_requested = Signal()
    resume_requested = Signal()
    settings_changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = OFF
        self._go, self._anew = QPushButton(), QPushButton("Start over")
        self._anew.setToolTip("Forget what the network has learned, and begin again.")
        self._resume = QPushButton("Resume the training")
        self._resume.setToolTip(RESUME_TIP)
        self._resume.hide()
        self._plot = CurvePlot()
        self._plot.setToolTip(CURVES_TIP)
        self._plot.hide()
        self._key = WrappedLabel("Loss. Line: learned strokes. Dots: held-out ones.")
        self._key.hide()
        self._verdict = WrappedLabel(INTRO)
        self._settings = SettingsPanel()
        self._settings.settings_changed.connect(self.settings_changed)
        self._settings.hide()
        self._more = QPushButton("Settings…")
        self._more.setCheckable(True)
        self._more.setToolTip("Show or hide the settings of the network.")
        self._more.toggled.connect(self._settings.setVisible)
        self._go.clicked.connect(lambda: self._on_go())
        self._anew.clicked.connect(lambda: self.anew_requested.emit())
        self._resume.clicked.connect(lambda: self.resume_requested.emit())
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self._go, 1)
        row.addWidget(self._anew)
        row.addWidget(self._more)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(row)
        column.addWidget(self._resume)
        for widget in (self._plot, self._key, self._verdict, self._settings):
            column.addWidget(widget)
        self.set_state(OFF)

    @property
    def settings(self) -> SettingsPanel:
        """The form."""
        return self._settings

    def set_state(self, state: str) -> None:
        """Show whether training is ``off``, ``on`` or ``paused``."""
        self._state = state
        self._go.setText(_TEXTS[state])
        self._go.setToolTip(_TIPS[state])

    def set_started(self, started: bool) -> None:
        """Show whether there is something to forget."""
        self._anew.setEnabled(started)

    def set_kept(self, when: str) -> None:
        """Offer to go on with a training of some time; empty for none."""
        if when:
            self._resume.setText(f"Resume the training of {when}")
        self._resume.setVisible(bool(when))

    def set_curves(self, curves: Curves | None) -> None:
        """Show how training goes; `None` before there is any."""
        self._plot.setVisible(curves is not None)
        self._key.setVisible(curves is not None)
        self._plot.set_curves(curves)

    def curves(self) -> Curves | None:
        """Return what is shown."""
        return self._plot.curves()

    def set_verdict(self, text: str) -> None:
        """Show what the network is good for."""
        self._verdict.setText(text)

    def verdict(self) -> str:
        """Return what is shown."""
        return self._verdict.text()

    def _on_go(self) -> None:
        if self._state == ON:
            self.pause_requested.emit()
        else:
            self.start_requested.emit()

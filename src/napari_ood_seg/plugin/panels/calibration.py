"""Choose a white and a dark reference, and see whether the image is calibrated."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QPushButton, QWidget

from napari_ood_seg.plugin.panels.choices import ChoiceBox

if TYPE_CHECKING:
    from collections.abc import Sequence

FILE: Final = "file"
"""Key of a file that is still to be asked for."""
NONE: Final = ""
_NONE: Final = (NONE, "None")
_FILE: Final = (FILE, "From a file…")
_WHITE: Final = (
    "Image of a white tile, under the same light: what the camera counted becomes"
    " reflectance, the share of the light that came back. It needs the bands of the"
    " image, and its size, its width, or one pixel."
)
_DARK: Final = (
    "Image taken with the shutter closed, which is subtracted from image and white"
    " reference. It may be left out."
)


class CalibrationPanel(QWidget):
    """Two choices, and what came of them."""

    white_chosen = Signal(str)
    dark_chosen = Signal(str)
    """A key of the options, `FILE`, or `NONE`."""
    take_back_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._white = ChoiceBox(name="White reference", tip=_WHITE)
        self._dark = ChoiceBox(name="Dark reference", tip=_DARK)
        self._state = QLabel()
        self._state.setIndent(0)
        self._back = QPushButton("Take back")
        self._back.setToolTip(
            "Work on the values as they were opened again; the scribbles stay."
        )
        self._white.chosen.connect(self.white_chosen)
        self._dark.chosen.connect(self.dark_chosen)
        self._back.clicked.connect(lambda: self.take_back_requested.emit())
        self._lay_out()
        self.set_references((), NONE, NONE)

    def set_references(
        self, options: Sequence[tuple[str, str]], white: str, dark: str
    ) -> None:
        """Show what can be chosen, as `(key, label)`, and the keys of what is used.

        `NONE` for `white`: the image is not calibrated.
        """
        calibrated = white != NONE
        offered = [_NONE, *options, _FILE]
        self._white.set_options(offered, white)
        self._dark.set_options(offered, dark)
        self._dark.setEnabled(calibrated)
        self._show("Calibrated to reflectance" if calibrated else "", back=calibrated)

    def set_waiting(self) -> None:
        """Show that references are being read."""
        self._show("Calibrating…", back=False)

    def _show(self, text: str, *, back: bool) -> None:
        if self._back.hasFocus() and not back:
            self._white.setFocus()
        self._state.setText(text)
        self._below.setVisible(bool(text))
        self._back.setVisible(back)

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        pairs = (("White", self._white, _WHITE), ("Dark", self._dark, _DARK))
        for column, (text, box, tip) in enumerate(pairs):
            label = QLabel(text)
            label.setIndent(0)
            label.setToolTip(tip)
            label.setBuddy(box)
            grid.addWidget(label, 0, 2 * column)
            grid.addWidget(box, 0, 2 * column + 1)
            grid.setColumnStretch(2 * column + 1, 1)
        self._below = QWidget()
        row = QHBoxLayout(self._below)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self._state, 1)
        row.addWidget(self._back)
        grid.addWidget(self._below, 1, 0, 1, 4)

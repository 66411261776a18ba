"""The frames of a series: a strip, and what can be done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_ood_seg.plugin.panels.time_strip import TimeStrip
from napari_ood_seg.plugin.panels.wheel import WheelGuard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_ood_seg.plugin.panels.time_strip import FrameColumn


class FramesPanel(QWidget):
    """A line of text, the strip, and a row of buttons."""

    picked = Signal(int)
    next_requested = Signal()
    least_changed = Signal(float)
    predict_requested = Signal()
    stop_requested = Signal()
    csv_requested = Signal()
    report_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._running = False
        self.strip = TimeStrip()
        self._next = _button(
            "Next unknown",
            "Go to the next frame with more unknown than this (Shift+U).",
        )
        self._least = QDoubleSpinBox()
        self._least.setRange(0.0, 100.0)
        self._least.setDecimals(1)
        self._least.setSuffix(" %")
        self._least.setValue(5.0)
        self._least.setKeyboardTracking(False)
        self._least.setToolTip("Frames with more unknown than this are marked.")
        self._least.setAccessibleName("Frames with more unknown than this are marked")
        WheelGuard(self._least)
        self._predict = _button("Predict all", "")
        self._csv = _button(
            "CSV...", "Write pixels, share and area of each class in each frame."
        )
        self._report = _button(
            "Report...", "Write a page on this frame: image, result, spectra, areas."
        )
        self._note = QElidingLabel()
        self._note.setIndent(0)
        self._lay_out()
        self._connect()
        self.set_running(running=False)

    def set_frames(self, frames: Sequence[FrameColumn | None]) -> None:
        """Show frames; `None`: not predicted yet."""
        self.strip.set_frames(frames)
        some = any(frame is not None for frame in frames)
        self._next.setEnabled(some)
        self._csv.setEnabled(some)

    def set_note(self, text: str) -> None:
        """Show a line of text: what is shown, how far it got."""
        if text != self._note.text():
            self._note.setText(text)
            self._note.setToolTip(text)

    def set_least(self, least: float) -> None:
        """Show from which share of unknown on a frame is marked, 0 to 1."""
        with QSignalBlocker(self._least):
            self._least.setValue(100 * least)
        self.strip.set_least(least)

    def set_running(self, *, running: bool) -> None:
        """Show whether all frames are being predicted."""
        self._running = running
        self._predict.setText("Stop" if running else "Predict all")
        self._predict.setToolTip(
            "Stop predicting frames."
            if running
            else "Apply the model to all frames, as far as memory allows."
        )

    def note(self) -> str:
        """Return the line of text."""
        return str(self._note.text())

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(6)
        above = QLabel("above")
        above.setIndent(0)
        for widget in (self._next, above, self._least, self._predict):
            row.addWidget(widget)
        row.addStretch(1)
        row.addWidget(self._csv)
        row.addWidget(self._report)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 2, 4, 2)
        column.setSpacing(3)
        column.addWidget(self._note)
        column.addWidget(self.strip, 1)
        column.addLayout(row)

    def _connect(self) -> None:
        self.strip.picked.connect(self.picked)
        self._next.clicked.connect(lambda: self.next_requested.emit())
        self._least.valueChanged.connect(self._on_least)
        self._predict.clicked.connect(self._on_predict)
        self._csv.clicked.connect(lambda: self.csv_requested.emit())
        self._report.clicked.connect(lambda: self.report_requested.emit())

    def _on_least(self, per_cent: float) -> None:
        self.strip.set_least(per_cent / 100)
        self.least_changed.emit(per_cent / 100)

    def _on_predict(self) -> None:
        if self._running:
            self.stop_requested.emit()
        else:
            self.predict_requested.emit()


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    return button

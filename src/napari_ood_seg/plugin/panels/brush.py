"""Size of the brush, and the eraser."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSpinBox, QWidget

from napari_ood_seg.plugin.panels.wheel import WheelGuard

LARGEST = 999


class BrushPanel(QWidget):
    """One row: pixels, how large that is, erase."""

    size_changed = Signal(int)
    erase_toggled = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._size, self._units = QSpinBox(), QLabel()
        self._erase = QPushButton("Erase")
        tip = "Diameter of the brush in pixels of the image."
        self._size.setRange(1, LARGEST)
        self._size.setSuffix(" px")
        self._size.setKeyboardTracking(False)  # 1 is not the beginning of 12
        self._size.setToolTip(tip)
        self._size.setAccessibleName("Brush size in pixels")
        WheelGuard(self._size)
        self._units.setToolTip("The same in the unit of the image.")
        self._erase.setCheckable(True)
        self._erase.setToolTip("Erase scribbles with the brush; again: paint.")
        label = QLabel("&Brush")
        label.setBuddy(self._size)
        label.setIndent(0)
        label.setToolTip(tip)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(label)
        row.addWidget(self._size)
        row.addWidget(self._units, 1)
        row.addWidget(self._erase)
        self._size.valueChanged.connect(self.size_changed)
        self._erase.toggled.connect(self.erase_toggled)

    def set_enabled(self, enabled: bool) -> None:
        """Show whether there is something to paint on."""
        for control in (self._size, self._units, self._erase):
            control.setEnabled(enabled)

    def set_size(self, pixels: int, units: str) -> None:
        """Show the size in pixels, and in other words where there are any."""
        with QSignalBlocker(self._size):
            self._size.setValue(pixels)
        self._units.setText(f"= {units}" if units else "")

    def set_erasing(self, erasing: bool) -> None:
        """Show whether the brush erases."""
        with QSignalBlocker(self._erase):
            self._erase.setChecked(erasing)

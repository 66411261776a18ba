"""How much memory features may take."""

from __future__ import annotations

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import (
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QWidget,
)

from napari_ood_seg.plugin.panels.wheel import WheelGuard

TIP = (
    "Features that are kept make the next training quick; more memory keeps those of"
    " larger images."
)


class MemoryPanel(QWidget):
    """One row: gigabytes, and a button that gives them back."""

    memory_changed = Signal(float)
    release_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._spin = QDoubleSpinBox()
        self._spin.setRange(0.1, 1024.0)
        self._spin.setDecimals(1)
        self._spin.setSingleStep(0.5)
        self._spin.setSuffix(" GB")
        self._spin.setKeyboardTracking(False)  # half a number is no limit
        self._spin.setToolTip(TIP)
        self._spin.setAccessibleName("Memory for features in gigabytes")
        WheelGuard(self._spin)
        label = QLabel("Memory for features")
        label.setIndent(0)
        label.setToolTip(TIP)
        label.setBuddy(self._spin)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(label)
        row.addWidget(self._spin, 1)
        release = QPushButton("Release")
        release.setToolTip(
            "Give back the memory of features and networks now, also that of a graphics"
            " card. Model and result stay; the next training computes features again."
        )
        release.clicked.connect(lambda: self.release_requested.emit())
        row.addWidget(release)
        self._spin.valueChanged.connect(self.memory_changed)

    def set_memory(self, gigabytes: float) -> None:
        """Show how much there may be."""
        with QSignalBlocker(self._spin):
            self._spin.setValue(gigabytes)

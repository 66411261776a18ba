"""Threshold, what is shown, areas, files."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, QTimer, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_ood_seg.plugin.panels.areas import AreaShares
from napari_ood_seg.plugin.panels.wheel import WheelGuard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

KEEP_TIP = (
    "Where typicality ends: what is less typical than this share of your scribbles"
    " is called unknown. Lower: more of the image is unknown."
)
LAYERS = {
    "classes": ("Classes", "Show the class of each pixel."),
    "heatmap": ("OOD heatmap", "Show how out-of-distribution (OOD) each pixel is."),
    "unknown": ("Unknown", "Show what is like none of the classes."),
}
_STEPS = 1000  # slider steps for all scribbles: 0.1 % each
_SETTLED_MS = 800


class ResultsPanel(QWidget):
    """What to keep, what to show, what to store."""

    keep_changed = Signal(float)
    keep_settled = Signal()
    """The slider was let go, or nothing moved for a while."""
    visibility_changed = Signal(str, bool)
    opacity_changed = Signal(float)
    save_requested = Signal()
    load_requested = Signal()
    export_requested = Signal()
    copy_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._make_keep()
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._shown = {key: QCheckBox(label) for key, (label, _) in LAYERS.items()}
        self._opacity = _slider("Opacity", "How opaque the results lie on the image.")
        self._promise, self._areas = QElidingLabel(), AreaShares()
        self._save = QPushButton("Save model...")
        self._load = QPushButton("Load model...")
        self._export = QPushButton("&Export...")
        self._copy = QPushButton("Copy")
        self._set_up()
        self._lay_out()
        self._connect()
        self.set_keep(0.95)
        self.set_enabled(False)

    def set_keep(self, keep: float) -> None:
        """Show the share of scribbles that is kept, from 0.5 to 0.999."""
        step = round(keep * _STEPS)
        with QSignalBlocker(self._keep), QSignalBlocker(self._keep_spin):
            self._keep.setValue(step)
            self._keep_spin.setValue(step / 10)

    def set_opacity(self, opacity: float) -> None:
        """Show the opacity, from 0 to 1."""
        with QSignalBlocker(self._opacity):
            self._opacity.setValue(round(100 * opacity))

    def set_enabled(self, enabled: bool) -> None:
        """Show whether there is a result; a model can always be loaded."""
        results = (self._keep, self._keep_spin, self._opacity, *self._shown.values())
        files = (self._save, self._export, self._copy)
        for control in (*results, self._promise, self._areas, *files):
            control.setEnabled(enabled)

    def set_visible_layers(self, visible: Mapping[str, bool]) -> None:
        """Show which layers are visible; keys that are missing stay as they are."""
        for key, shown in visible.items():
            with QSignalBlocker(self._shown[key]):
                self._shown[key].setChecked(shown)

    def set_promise(self, text: str) -> None:
        """Show what the threshold keeps in truth."""
        self._promise.setText(text)
        self._promise.setToolTip(text)

    def set_areas(self, areas: Sequence[tuple[str, str, float]]) -> None:
        """Show `(name, color, share)` of each class and of unknown."""
        self._areas.set_areas(areas)

    def _make_keep(self) -> None:
        self._keep = _slider("Keep, in tenths of a per cent", KEEP_TIP)
        self._keep.setRange(500, 999)
        self._keep.setPageStep(10)
        self._keep_spin = QDoubleSpinBox()
        self._keep_spin.setRange(50.0, 99.9)
        self._keep_spin.setSingleStep(0.1)
        self._keep_spin.setDecimals(1)
        self._keep_spin.setSuffix(" %")
        self._keep_spin.setKeyboardTracking(False)  # half a number is no threshold
        self._keep_spin.setToolTip(KEEP_TIP)
        self._keep_spin.setAccessibleName("Keep this many per cent of my scribbles")
        WheelGuard(self._keep_spin)

    def _set_up(self) -> None:
        for key, (_, tip) in LAYERS.items():
            self._shown[key].setToolTip(tip)
            self._shown[key].setChecked(True)
        self._promise.setIndent(0)
        self._opacity.setRange(0, 100)
        self._opacity.setValue(70)
        self._save.setToolTip("Save what was learnt to a file.")
        self._load.setToolTip("Open a saved model and use it on this image.")
        self._export.setToolTip("Write the results to image files.")
        self._copy.setToolTip(
            "Copy classes and OOD map, as they are now, to layers of their own: they "
            "stay while you paint on, and other plugins can work with them."
        )

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        keep, of = _label("&Keep", self._keep_spin), _label("of my scribbles")
        column.addLayout(_row(keep, self._keep_spin, of, stretch=2))
        column.addWidget(self._keep)
        column.addWidget(self._promise)
        column.addLayout(_row(*self._shown.values()))
        opacity = _label("Opacit&y", self._opacity)
        column.addLayout(_row(opacity, self._opacity, self._copy, stretch=1))
        column.addWidget(self._areas)
        column.addLayout(_row(self._save, self._load, self._export))

    def _connect(self) -> None:
        self._keep.valueChanged.connect(self._on_keep_moved)
        self._keep_spin.valueChanged.connect(self._on_keep_typed)
        self._opacity.valueChanged.connect(
            lambda value: self.opacity_changed.emit(value / 100)
        )
        self._keep.sliderReleased.connect(self._on_settled)
        self._settle.timeout.connect(self._on_settled)
        for key, box in self._shown.items():
            box.toggled.connect(partial(self.visibility_changed.emit, key))
        self._save.clicked.connect(lambda: self.save_requested.emit())
        self._load.clicked.connect(lambda: self.load_requested.emit())
        self._export.clicked.connect(lambda: self.export_requested.emit())
        self._copy.clicked.connect(lambda: self.copy_requested.emit())

    def _on_keep_moved(self, step: int) -> None:
        self.set_keep(step / _STEPS)
        self.keep_changed.emit(step / _STEPS)
        if not self._keep.isSliderDown():  # by key, wheel or number
            self._settle.start(_SETTLED_MS)

    def _on_settled(self) -> None:
        self._settle.stop()
        self.keep_settled.emit()

    def _on_keep_typed(self, per_cent: float) -> None:
        self._on_keep_moved(round(10 * per_cent))


def _slider(name: str, tip: str) -> QSlider:
    slider = QSlider(Qt.Orientation.Horizontal)
    slider.setAccessibleName(name)
    slider.setToolTip(tip)
    WheelGuard(slider)
    return slider


def _label(text: str, buddy: QWidget | None = None) -> QLabel:
    label = QLabel(text)
    label.setIndent(0)
    if buddy is not None:
        label.setBuddy(buddy)
    return label


def _row(*widgets: QWidget, stretch: int | None = None) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(6)
    for i, widget in enumerate(widgets):
        row.addWidget(widget, 1 if i == stretch else 0)
    return row

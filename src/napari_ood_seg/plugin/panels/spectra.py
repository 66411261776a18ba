"""Spectra: a plot, a legend, and what can be done with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_ood_seg.plugin.panels.spectra_legend import SpectraLegend
from napari_ood_seg.plugin.panels.spectra_plot import SpectraPlot
from napari_ood_seg.plugin.panels.wheel import WheelGuard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_ood_seg.plugin.panels.spectra_plot import Floats, SpectrumRow


class SpectraPanel(QWidget):
    """The plot on the left; choices, legend and buttons on the right."""

    normalised_toggled = Signal(bool)
    bands_toggled = Signal(bool)
    bands_dragged = Signal(int, int)
    """First and last band of the range, counted from 0."""
    csv_requested = Signal()
    svg_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plot = SpectraPlot()
        self.legend = SpectraLegend()
        self._unit = QComboBox()
        self._unit.addItems(["As measured", "L1-normalised"])
        self._unit.setToolTip(
            "Values as they are stored, or each pixel over its own mean: only the shape"
            " is left, as the model sees it."
        )
        self._unit.setAccessibleName("How spectra are shown")
        WheelGuard(self._unit)
        self._bands = QCheckBox("Map bands")
        self._bands.setToolTip(
            "Show the mean of some bands as a layer; drag the range in the plot."
        )
        self._csv, self._svg = QPushButton("CSV..."), QPushButton("SVG...")
        self._csv.setToolTip("Write what is shown to a table.")
        self._svg.setToolTip("Write what is shown to a picture.")
        self._lay_out()
        self._unit.currentIndexChanged.connect(
            lambda i: self.normalised_toggled.emit(i == 1)
        )
        self._bands.toggled.connect(self._on_bands)
        self.plot.range_dragged.connect(self.bands_dragged)
        self._csv.clicked.connect(lambda: self.csv_requested.emit())
        self._svg.clicked.connect(lambda: self.svg_requested.emit())

    def set_axis(self, bands: Floats, label: str) -> None:
        """Show where each band lies."""
        self.plot.set_axis(bands, label)
        self._bands.setEnabled(len(bands) > 1)

    def set_rows(self, rows: Sequence[SpectrumRow]) -> None:
        """Show mean and spread of classes and groups."""
        self.plot.set_rows(rows)
        self.legend.set_rows(rows, self.plot.pixel)

    def set_pixel(self, row: SpectrumRow | None) -> None:
        """Show the spectrum under the pointer."""
        self.plot.set_pixel(row)
        self.legend.set_rows(self.plot.rows, row)

    def set_bands(self, bands: tuple[int, int] | None) -> None:
        """Show a range of bands, or none."""
        with QSignalBlocker(self._bands):
            self._bands.setChecked(bands is not None)
        self.plot.set_range(bands)

    def set_normalised(self, normalised: bool) -> None:
        """Show how spectra are shown."""
        with QSignalBlocker(self._unit):
            self._unit.setCurrentIndex(int(normalised))

    def _on_bands(self, on: bool) -> None:
        self.bands_toggled.emit(on)

    def _lay_out(self) -> None:
        side = QWidget()
        side.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self._unit)
        column.addWidget(self.legend, 1)
        column.addLayout(_row(self._bands, self._csv, self._svg))
        whole = QHBoxLayout(self)
        whole.setContentsMargins(4, 2, 4, 2)
        whole.setSpacing(6)
        whole.addWidget(self.plot, 1)
        whole.addWidget(side)


def _row(*widgets: Any) -> QHBoxLayout:  # noqa: ANN401 - widgets
    row = QHBoxLayout()
    row.setSpacing(6)
    for widget in widgets:
        row.addWidget(widget)
    return row

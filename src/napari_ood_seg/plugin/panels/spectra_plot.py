"""The plot of spectra: lines with bands, one live line, and a range of bands."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QColor

from napari_ood_seg.plugin.panels.plots import Plot

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt
    from qtpy.QtWidgets import QWidget

    Floats = npt.NDArray[np.float64]

STYLES: Final = (
    Qt.PenStyle.SolidLine,
    Qt.PenStyle.DashLine,
    Qt.PenStyle.DotLine,
    Qt.PenStyle.DashDotLine,
    Qt.PenStyle.DashDotDotLine,
)
"""Colours alone are not told apart by all."""

_LOW: Final = 128
"""Pixels that are high enough, however large the letters."""

_FEW: Final = 12
"""Up to so many bands are points with bars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectrumRow:
    """A spectrum to show; `dash` is a number of `STYLES`; without color it is ink.

    `mean` and `spread` are `(c,)`; `n` pixels went into them.
    """

    name: str
    color: str
    dash: int
    mean: Floats = field(repr=False)
    spread: Floats = field(repr=False)
    n: int


class SpectraPlot(Plot):
    """Means as lines, mean plus and minus spread as bands; few bands as points."""

    range_dragged = Signal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: tuple[SpectrumRow, ...] = ()
        self.pixel: SpectrumRow | None = None
        self._axis: Floats | None = None
        self._label = ""
        self._range: tuple[int, int] | None = None
        self._live: Any = None
        self._region: Any = None

    def sizeHint(self) -> QSize:
        """Return a height that leaves most of a small screen to the image."""
        return QSize(360, 9 * self.fontMetrics().height())

    def minimumSizeHint(self) -> QSize:
        """Return what axes and a little of a line need."""
        return QSize(200, min(8 * self.fontMetrics().height(), _LOW))

    def set_axis(self, bands: Floats, label: str) -> None:
        """Show where each band lies, and what the axis is called."""
        self._axis, self._label = bands, label
        self.rows, self.pixel = (), None
        self._draw()

    def set_rows(self, rows: Sequence[SpectrumRow]) -> None:
        """Show spectra of classes and groups."""
        self.rows = tuple(rows)
        self._draw()

    def set_pixel(self, row: SpectrumRow | None) -> None:
        """Show one live line; the others are not drawn again."""
        self.pixel = row
        self._move_live()

    def set_range(self, bands: tuple[int, int] | None) -> None:
        """Show a range that can be dragged, from the first band to the last."""
        self._range = bands
        self._draw()

    def _draw(self) -> None:
        import pyqtgraph as pg

        if self._axis is None:
            return
        item = self._ready()
        for row in self.rows:
            if row.n:
                self._add(item, row)
        live = {"pen": pg.mkPen(self._ink, width=2)}
        if len(self._axis) <= _FEW:
            live |= {"symbol": "o", "symbolSize": 8, "symbolBrush": self._ink}
        self._live = pg.PlotDataItem(**live)
        self._live.setZValue(10)
        item.addItem(self._live)
        item.setLabel("bottom", self._label, color=self._ink.name())
        metrics = self.fontMetrics()
        item.getAxis("left").setWidth(metrics.horizontalAdvance("0.0000 "))
        item.setContentsMargins(0, metrics.height() // 2, 0, 0)  # for the top number
        pad = 0.5 if len(self._axis) == 1 else 0.0
        if len(self._axis) <= _FEW and pad == 0.0:
            pad = 0.08 * float(self._axis[-1] - self._axis[0])
        item.setXRange(
            float(self._axis[0]) - pad, float(self._axis[-1]) + pad, padding=0.01
        )
        item.enableAutoRange(axis="y")
        self._region = None
        if self._range is not None:
            self._add_region(item)
        self._move_live()

    def _add(self, item: Any, row: SpectrumRow) -> None:  # noqa: ANN401 - pyqtgraph
        import pyqtgraph as pg

        x, color = self._axis, QColor(row.color)
        pen = pg.mkPen(color, width=2, style=STYLES[row.dash % len(STYLES)])
        if x is not None and len(x) <= _FEW:
            bars = pg.ErrorBarItem(
                x=x, y=row.mean, height=2 * row.spread, pen=pg.mkPen(color, width=2)
            )
            item.addItem(bars)
            item.addItem(
                pg.PlotDataItem(
                    x, row.mean, pen=pen, symbol="o", symbolSize=7, symbolBrush=color
                )
            )
            return
        faint = QColor(color)
        faint.setAlpha(45)
        low = pg.PlotCurveItem(x, row.mean - row.spread, pen=None)
        high = pg.PlotCurveItem(x, row.mean + row.spread, pen=None)
        item.addItem(pg.FillBetweenItem(low, high, brush=pg.mkBrush(faint)))
        for edge in (low, high):  # they make room for the band
            item.addItem(edge)
        item.addItem(pg.PlotDataItem(x, row.mean, pen=pen))

    def _add_region(self, item: Any) -> None:  # noqa: ANN401 - pyqtgraph
        import pyqtgraph as pg

        assert self._axis is not None
        assert self._range is not None
        ends = [float(self._axis[i]) for i in self._range]
        limits = [float(self._axis[0]), float(self._axis[-1])]
        shade = QColor(self._ink)
        shade.setAlpha(40)
        self._region = pg.LinearRegionItem(ends, bounds=limits, brush=shade)
        self._region.setZValue(20)
        item.addItem(self._region)
        self._region.sigRegionChanged.connect(self._on_region)

    def _on_region(self) -> None:
        assert self._axis is not None
        low, high = self._region.getRegion()
        first = int(abs(self._axis - low).argmin())
        last = int(abs(self._axis - high).argmin())
        if (first, last) != self._range:
            self._range = (min(first, last), max(first, last))
            self.range_dragged.emit(*self._range)

    def _move_live(self) -> None:
        if self._live is None or self._axis is None:
            return
        row = self.pixel
        if row is None or not row.n:
            self._live.setData([], [])
        else:
            self._live.setData(self._axis, row.mean)

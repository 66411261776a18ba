"""Small plots: bars of classes, and a histogram. pyqtgraph is imported by the first."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QEvent, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_ood_seg.plugin.panels.wheel import WheelGuard

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_RIM: Final = "#808080"
_NAME: Final = 0.38
"""Names take at most this share of the width."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A horizontal bar: `value` of a class, and how it is written."""

    name: str
    color: str
    value: float
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Two distributions over [0, 1] in bins of equal width.

    Attributes
    ----------
    color
        Of the bars.
    bars, line
        `(b,)` shares; one is drawn filled, the other as a line.
    """

    color: str
    bars: Floats = field(repr=False)
    line: Floats = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Curves:
    """How a training went.

    Attributes
    ----------
    steps, loss
        `(n,)` numbers of steps, and the loss at each.
    checked, held_out
        `(m,)` the same of checks on held-out strokes.
    total
        Steps in all.
    """

    steps: Floats = field(repr=False)
    loss: Floats = field(repr=False)
    checked: Floats = field(repr=False)
    held_out: Floats = field(repr=False)
    total: int


class Plot(QWidget):
    """A plot without menus and mouse, in the colours and the font of the theme.

    Subclasses draw in `_draw`, which is called once there is something to see.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._plot: Any = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)

    def changeEvent(self, a0: QEvent | None) -> None:
        """Follow the theme."""
        super().changeEvent(a0)
        if a0 is not None and a0.type() in (
            QEvent.Type.FontChange,
            QEvent.Type.StyleChange,
            QEvent.Type.PaletteChange,
        ):
            self._redraw()

    def _redraw(self) -> None:
        if self._plot is not None:
            self._draw()

    def _draw(self) -> None:
        """Draw what there is; a bare plot has nothing."""

    def _ready(self) -> Any:  # noqa: ANN401 - pyqtgraph is untyped
        """Return the empty plot item."""
        if self._plot is None:
            self._plot = make_plot()
            layout = self.layout()
            assert layout is not None
            layout.addWidget(self._plot)
        item = self._plot.getPlotItem()
        item.clear()
        item.setContentsMargins(0, 0, 0, 0)
        for side in ("bottom", "left"):
            axis = item.getAxis(side)
            axis.setPen(_RIM)
            axis.setTextPen(self._ink)
            axis.setStyle(tickFont=self.font())
        return item

    @property
    def _ink(self) -> QColor:
        return self.palette().color(self.foregroundRole())


class BarPlot(Plot):
    """Horizontal bars with a name in front and a number behind, the first on top."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._bars: tuple[Bar, ...] = ()
        self._mark = 0.0

    def set_bars(self, bars: Sequence[Bar], mark: float = 0.0) -> None:
        """Show bars, and a dashed line at `mark` unless it is 0."""
        self._bars, self._mark = tuple(bars), mark
        self._draw()

    def bars(self) -> tuple[Bar, ...]:
        """Return what is shown."""
        return self._bars

    def _draw(self) -> None:
        import pyqtgraph as pg

        item, bars = self._ready(), self._bars
        line = self.fontMetrics().height()
        self.setFixedHeight(len(bars) * (line + 6) + 4)
        item.hideAxis("bottom")
        names = item.getAxis("left")
        room = round(_NAME * max(self.width(), 1))
        elided = [
            self.fontMetrics().elidedText(b.name, Qt.TextElideMode.ElideRight, room)
            for b in bars
        ]
        names.setTicks([[(-i, name) for i, name in enumerate(elided)]])
        names.setStyle(tickLength=0)
        names.setPen(None)
        end = max([self._mark, *(b.value for b in bars)], default=1.0) or 1.0
        for i, bar in enumerate(bars):
            item.addItem(
                pg.BarGraphItem(
                    x0=0,
                    width=bar.value,
                    y=-i,
                    height=0.62,
                    brush=pg.mkBrush(bar.color),
                    pen=pg.mkPen(_RIM),
                )
            )
            text = pg.TextItem(bar.text, color=self._ink, anchor=(0, 0.5))
            text.setFont(self.font())
            text.setPos(bar.value, -i)
            item.addItem(text)
        if self._mark:
            item.addItem(pg.InfiniteLine(self._mark, pen=_dashes(self._ink)))
        # the number of the longest bar needs room, too
        item.setRange(xRange=(0, 1.5 * end), yRange=(0.5 - len(bars), 0.5), padding=0)


class CurvePlot(Plot):
    """How training goes: a thin line of every step, and checks as dots on a line."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._curves: Curves | None = None
        self._lines: Any = None

    def set_curves(self, curves: Curves | None) -> None:
        """Show curves; `None` for an empty plot."""
        self._curves = curves
        if self._lines is None:
            self._draw()
        self._move()

    def curves(self) -> Curves | None:
        """Return what is shown."""
        return self._curves

    def _draw(self) -> None:
        import pyqtgraph as pg

        item = self._ready()
        self.setFixedHeight(7 * self.fontMetrics().height())
        faint, ink = QColor(_RIM), self._ink
        self._lines = (
            pg.PlotCurveItem(pen=pg.mkPen(faint, width=1)),
            pg.PlotDataItem(
                pen=pg.mkPen(ink, width=2), symbol="o", symbolSize=6, symbolBrush=ink
            ),
        )
        for line in self._lines:
            item.addItem(line)
        item.getAxis("left").setWidth(self.fontMetrics().horizontalAdvance("0.00 "))
        self._move()

    def _move(self) -> None:
        curves = self._curves
        line, checks = self._lines
        if curves is None or len(curves.steps) == 0:
            line.setData([], [])
            checks.setData([], [])
            return
        line.setData(curves.steps, curves.loss)
        checks.setData(curves.checked, curves.held_out)
        top = max(float(curves.loss.max()), *curves.held_out.tolist(), 1e-3)
        self._plot.getPlotItem().setRange(
            xRange=(0, max(curves.total, 1)), yRange=(0, 1.05 * top), padding=0
        )


class HistogramPlot(Plot):
    """Filled bars and a line over [0, 1], with the threshold and one value marked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: Histogram | None = None
        self._threshold = 0.0
        self._value: float | None = None
        self._moving: Any = None

    def set_histogram(self, histogram: Histogram) -> None:
        """Show two distributions."""
        self._shown = histogram
        self._draw()

    def set_marks(self, threshold: float, value: float | None) -> None:
        """Show where unknown begins, and where one pixel lies."""
        self._threshold, self._value = threshold, value
        self._move_marks()

    def _draw(self) -> None:
        import numpy as np
        import pyqtgraph as pg

        item, shown = self._ready(), self._shown
        if shown is None:
            return
        self.setFixedHeight(7 * self.fontMetrics().height())
        n = len(shown.bars)
        edges = np.linspace(0, 1, n + 1)
        color = QColor(shown.color)
        color.setAlpha(170)
        item.addItem(
            pg.BarGraphItem(
                x0=edges[:-1],
                width=1 / n,
                height=100 * shown.bars,
                brush=pg.mkBrush(color),
                pen=pg.mkPen(_RIM),
            )
        )
        even = pg.InfiniteLine(100 / n, angle=0, pen=pg.mkPen(_RIM, width=1))
        item.addItem(even)
        if shown.line.any():
            pen = pg.mkPen(self._ink, width=2)
            item.addItem(
                pg.PlotCurveItem(edges, 100 * shown.line, stepMode="center", pen=pen)
            )
        top = 100 * max(float(shown.bars.max()), float(shown.line.max()), 2 / n)
        self._moving = (
            pg.InfiniteLine(0, pen=_dashes(self._ink)),
            pg.ScatterPlotItem(size=11, symbol="t", brush=self._ink, pen=_RIM),
        )
        for mark in self._moving:
            item.addItem(mark)
        item.getAxis("left").setWidth(self.fontMetrics().horizontalAdvance("100 "))
        item.setRange(xRange=(0, 1), yRange=(0, 1.08 * top), padding=0.01)
        self._move_marks()

    def _move_marks(self) -> None:
        if self._moving is None:
            return
        line, spot = self._moving
        line.setValue(self._threshold)
        top = self._plot.getPlotItem().viewRange()[1][1]
        values = [] if self._value is None else [self._value]
        spot.setData(values, [0.93 * top] * len(values))


def make_plot() -> Any:  # noqa: ANN401 - pyqtgraph is untyped
    """Return a plot without menus; pyqtgraph makes them as windows of their own."""
    import pyqtgraph as pg

    plot = pg.PlotWidget(background=None, enableMenu=False)
    item = plot.getPlotItem()
    for menu in (item.ctrlMenu, *(action.menu() for action in item.ctrlMenu.actions())):
        if menu is not None:
            menu.setParent(plot, menu.windowFlags())
    item.hideButtons()
    item.setMouseEnabled(x=False, y=False)
    viewport = plot.viewport()
    WheelGuard(viewport)  # the wheel scrolls the panel
    for widget in (plot, viewport):
        widget.setFocusPolicy(Qt.FocusPolicy.NoFocus)
    return plot


def _dashes(color: QColor) -> Any:  # noqa: ANN401 - pyqtgraph is untyped
    import pyqtgraph as pg

    return pg.mkPen(color, width=1, style=Qt.PenStyle.DashLine)

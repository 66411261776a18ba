from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QColor, QPalette, QWheelEvent
from qtpy.QtWidgets import QApplication

from napari_ood_seg.plugin.panels.plots import (
    Bar,
    BarPlot,
    Histogram,
    HistogramPlot,
)

BARS = (
    Bar(name="a very long class name", color="#56b4e9", value=0.8, text="0.80"),
    Bar(name="fat", color="#f0e442", value=2.5, text="2.50"),
)


def items(plot: Any, kind: str) -> list[Any]:
    found = plot._plot.getPlotItem().items
    return [i for i in found if type(i).__name__ == kind]


@pytest.fixture
def bars(user: Any) -> BarPlot:
    plot = BarPlot()
    user.addWidget(plot)
    plot.resize(280, 80)
    plot.show()
    return plot


@pytest.fixture
def histogram(user: Any) -> HistogramPlot:
    plot = HistogramPlot()
    user.addWidget(plot)
    plot.resize(280, 80)
    plot.show()
    return plot


def test_pyqtgraph_is_not_loaded_before_the_first_plot() -> None:
    code = (
        "import sys; from napari_ood_seg.plugin.panels import explain;"
        "print('pyqtgraph' in sys.modules)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "False"


def test_bars_are_drawn_from_top_to_bottom(bars: BarPlot) -> None:
    bars.set_bars(BARS, mark=1.0)
    drawn = [(i.opts["width"], i.opts["y"]) for i in items(bars, "BarGraphItem")]
    assert drawn == [(0.8, 0), (2.5, -1)]
    assert [t.toPlainText() for t in items(bars, "TextItem")] == ["0.80", "2.50"]
    (mark,) = items(bars, "InfiniteLine")
    assert mark.value() == 1.0
    (low, high), (bottom, top) = bars._plot.getPlotItem().viewRange()
    assert low <= 0
    assert high > 2.5
    assert bottom < -1
    assert top > 0
    bars.set_bars(BARS[:1])
    assert len(items(bars, "BarGraphItem")) == 1
    assert items(bars, "InfiniteLine") == []


def test_room_for_every_bar(bars: BarPlot) -> None:
    bars.set_bars(BARS)
    two = bars.height()
    bars.set_bars(BARS * 3)
    assert bars.height() > 2 * two


def test_histogram(histogram: HistogramPlot) -> None:
    shares = np.array([0.1, 0.2, 0.3, 0.4])
    line = np.array([0.4, 0.3, 0.2, 0.1])
    histogram.set_histogram(Histogram(color="#56b4e9", bars=shares, line=line))
    (drawn,) = items(histogram, "BarGraphItem")
    np.testing.assert_allclose(drawn.opts["height"], 100 * shares)
    np.testing.assert_allclose(drawn.opts["x0"], [0, 0.25, 0.5, 0.75])
    (curve,) = items(histogram, "PlotCurveItem")
    np.testing.assert_allclose(curve.yData, 100 * line)


def test_line_of_nothing_is_not_drawn(histogram: HistogramPlot) -> None:
    shares = np.array([0.5, 0.5])
    histogram.set_histogram(Histogram(color="#56b4e9", bars=shares, line=np.zeros(2)))
    assert items(histogram, "PlotCurveItem") == []


def test_marks_move_without_drawing_again(histogram: HistogramPlot) -> None:
    histogram.set_marks(0.05, None)  # nothing to mark yet
    even = np.full(10, 0.1)
    histogram.set_histogram(Histogram(color="#56b4e9", bars=even, line=even))
    before = items(histogram, "BarGraphItem")
    histogram.set_marks(0.2, 0.7)
    threshold, spot = histogram._moving
    assert threshold.value() == 0.2
    assert spot.getData()[0].tolist() == [0.7]
    histogram.set_marks(0.2, None)
    assert len(spot.getData()[0]) == 0
    assert items(histogram, "BarGraphItem") == before


def test_follows_the_theme(bars: BarPlot) -> None:
    bars.set_bars(BARS)
    palette = QPalette()
    palette.setColor(QPalette.ColorRole.WindowText, QColor("#ff0000"))
    bars.setPalette(palette)
    (first, _) = items(bars, "TextItem")
    assert first.color.name() == "#ff0000"


def test_wheel_is_left_to_the_panel(bars: BarPlot) -> None:
    bars.set_bars(BARS)
    before = bars._plot.getPlotItem().viewRange()
    event = QWheelEvent(
        QPointF(20, 20),
        QPointF(20, 20),
        QPoint(0, 0),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(bars._plot.viewport(), event)
    assert not event.isAccepted()  # the column behind it scrolls
    assert bars._plot.getPlotItem().viewRange() == before

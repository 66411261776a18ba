from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_ood_seg.plugin.panels.spectra_plot import STYLES, SpectraPlot, SpectrumRow

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

NM = np.linspace(500.0, 1000.0, 51)


def row(
    mean: Floats, *, name: str = "liver", color: str = "#56b4e9", dash: int = 0
) -> SpectrumRow:
    spread = np.full(len(mean), 0.25)
    return SpectrumRow(name=name, color=color, dash=dash, mean=mean, spread=spread, n=9)


@pytest.fixture
def plot(user: Any) -> SpectraPlot:
    plot = SpectraPlot()
    user.addWidget(plot)
    plot.resize(420, 160)
    plot.show()
    return plot


def items(plot: SpectraPlot, kind: str) -> list[Any]:
    found = plot._plot.getPlotItem().items
    return [i for i in found if type(i).__name__ == kind]


def test_number_at_the_top_of_a_low_plot_is_whole(plot: SpectraPlot) -> None:
    plot.resize(420, 128)
    plot.set_axis(NM, "Wavelength (nm)")
    plot.set_rows([row(np.full(51, 0.5))])
    item = plot._plot.getPlotItem()
    item.layout.activate()
    top = item.mapRectToScene(item.getViewBox().geometry()).top()
    assert top >= plot.fontMetrics().height() // 2


def test_pyqtgraph_is_not_loaded_before_the_first_plot() -> None:
    code = (
        "import sys; from napari_ood_seg.plugin.panels import spectra;"
        "print('pyqtgraph' in sys.modules)"
    )
    out = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert out.stdout.strip() == "False"


def test_mean_is_a_line_and_spread_a_band(plot: SpectraPlot) -> None:
    mean = np.sin(NM / 100)
    plot.set_axis(NM, "wavelength (nm)")
    plot.set_rows([row(mean), row(2 * mean, color="#009e73", dash=1)])
    curves = items(plot, "PlotDataItem")[:-1]  # the last one is the pixel's
    np.testing.assert_allclose(curves[0].getData()[0], NM)
    np.testing.assert_allclose(curves[1].getData()[1], 2 * mean)
    assert [c.opts["pen"].style() for c in curves] == list(STYLES[:2])
    assert [c.opts["pen"].color().name() for c in curves] == ["#56b4e9", "#009e73"]
    low, high = items(plot, "PlotCurveItem")[:2]
    np.testing.assert_allclose(low.getData()[1], mean - 0.25)
    np.testing.assert_allclose(high.getData()[1], mean + 0.25)
    assert len(items(plot, "FillBetweenItem")) == 2


def test_few_bands_are_points_with_bars(plot: SpectraPlot) -> None:
    plot.set_axis(np.arange(1.0, 4.0), "band")
    plot.set_rows([row(np.array([1.0, 2.0, 3.0]))])
    (bars,) = items(plot, "ErrorBarItem")
    np.testing.assert_allclose(bars.opts["height"], 0.5)
    assert items(plot, "PlotDataItem")[0].opts["symbol"] == "o"
    (low, high), _ = plot._plot.getPlotItem().viewRange()
    assert low < 1
    assert high > 3


def test_one_band_has_room(plot: SpectraPlot) -> None:
    plot.set_axis(np.array([1.0]), "band")
    plot.set_rows([row(np.array([7.0]))])
    (low, high), _ = plot._plot.getPlotItem().viewRange()
    assert low < 1 < high


def test_pixel_moves_without_a_new_plot(plot: SpectraPlot) -> None:
    plot.set_axis(NM, "wavelength (nm)")
    plot.set_rows([row(np.ones(51))])
    before = list(plot._plot.getPlotItem().items)
    plot.set_pixel(row(NM / 1000, color=""))
    assert plot._plot.getPlotItem().items == before
    live = items(plot, "PlotDataItem")[-1]
    np.testing.assert_allclose(live.getData()[1], NM / 1000)
    plot.set_pixel(None)
    assert live.getData()[1] is None or len(live.getData()[1]) == 0


def test_range_is_told_in_bands(plot: SpectraPlot) -> None:
    heard: list[tuple[int, int]] = []
    plot.range_dragged.connect(lambda first, last: heard.append((first, last)))
    plot.set_axis(NM, "wavelength (nm)")
    plot.set_range((10, 20))
    (region,) = items(plot, "LinearRegionItem")
    assert region.getRegion() == (600.0, 700.0)
    assert heard == []
    region.setRegion((612.0, 698.0))  # nearest to bands 11 and 20
    assert heard == [(11, 20)]
    region.setRegion((613.0, 699.0))  # still the same
    assert heard == [(11, 20)]
    plot.set_range(None)
    assert items(plot, "LinearRegionItem") == []


def test_range_stays_while_strokes_come(plot: SpectraPlot) -> None:
    plot.set_axis(NM, "wavelength (nm)")
    plot.set_range((10, 20))
    plot.set_rows([row(np.ones(51))])
    (region,) = items(plot, "LinearRegionItem")
    assert region.getRegion() == (600.0, 700.0)


def test_nothing_yet(plot: SpectraPlot) -> None:
    plot.set_rows([])
    plot.set_pixel(None)
    plot.set_range(None)
    assert plot._plot is None

from __future__ import annotations

import csv
from typing import TYPE_CHECKING, Any
from weakref import ref
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QCheckBox, QComboBox

from napari_ood_seg.plugin.layers import role_of
from tests.plugin.driver import LEFT, is_gone, two_halves
from tests.plugin.series import BANDS, NM, STRANGE, add_series, frames, train_all

if TYPE_CHECKING:
    from pathlib import Path

    from napari.layers import Image

    from napari_ood_seg.plugin.panels.spectra import SpectraPanel
    from tests.plugin.driver import Driver


@pytest.fixture
def series(driver: Driver) -> Driver:
    """Two painted classes on a series, and the dock of spectra."""
    add_series(driver)
    driver.paint_both()
    driver.push("Spectra")
    driver.until(lambda: len(driver.panel.spectra.spectra.measured.classes) == 2)
    return driver


def view(driver: Driver) -> SpectraPanel:
    found = driver.panel.spectra.view
    assert found is not None
    return found


def choose(driver: Driver, text: str) -> None:
    boxes: list[QComboBox] = view(driver).findChildren(QComboBox)
    box = next(b for b in boxes if b.itemText(1) == "L1-normalised")
    box.setCurrentText(text)


def tick_map(driver: Driver) -> None:
    boxes: list[QCheckBox] = view(driver).findChildren(QCheckBox)
    box = next(b for b in boxes if b.text() == "Map bands")
    driver._hand.mouseClick(box, LEFT, pos=QPoint(6, box.height() // 2))


def maps(driver: Driver) -> list[Image]:
    return [la for la in driver.viewer.layers if role_of(la) == "bands"]


def mean_of(driver: Driver, class_id: int) -> Any:
    painted = driver.layer.data[0] == class_id
    return frames()[:, 0][:, painted].mean(1)


def test_classes_are_what_was_painted(series: Driver) -> None:
    rows = view(series).plot.rows
    assert [r.name for r in rows] == ["class 1", "class 2"]
    assert [r.color for r in rows] == [c.color for c in series.session.classes]
    assert rows[0].dash != rows[1].dash
    for row, class_id in zip(rows, (1, 2), strict=True):
        np.testing.assert_allclose(row.mean, mean_of(series, class_id), rtol=1e-5)
        assert (row.spread > 0).all()


def test_strokes_change_the_spectra(series: Driver) -> None:
    before = view(series).plot.rows[1].n
    series.stroke((20, 40), (20, 58))
    series.until(lambda: view(series).plot.rows[1].n > before)
    np.testing.assert_allclose(
        view(series).plot.rows[1].mean, mean_of(series, 2), rtol=1e-5
    )
    series.undo()
    series.until(lambda: view(series).plot.rows[1].n == before)


def test_pointer_is_followed(series: Driver) -> None:
    series.move((33, 12))
    series.until(lambda: series.panel.spectra.spectra.point == (33, 12))
    series.until(lambda: view(series).plot.pixel is not None)
    pixel = view(series).plot.pixel
    assert pixel is not None
    assert pixel.name == "Pixel 33, 12"
    np.testing.assert_allclose(pixel.mean, frames()[:, 0, 33, 12], rtol=1e-5)
    assert view(series).legend.texts()[0] == "Pixel 33, 12"


def test_a_slow_image_does_not_hold_the_window(series: Driver, gate: Any) -> None:
    gate.entered.clear()
    series.move((10, 40))
    series.until(gate.entered.is_set)  # the worker waits; the window goes on
    series.move((11, 41))
    series.move((12, 42))
    gate.opened.set()
    series.until(lambda: series.panel.spectra.spectra.point == (12, 42))
    series.until(lambda: view(series).legend.texts()[0] == "Pixel 12, 42")


def test_normalised_shows_the_shape(series: Driver) -> None:
    choose(series, "L1-normalised")
    row = view(series).plot.rows[0]
    assert row.mean.mean() == pytest.approx(1.0)
    choose(series, "As measured")
    row = view(series).plot.rows[0]
    np.testing.assert_allclose(row.mean, mean_of(series, 1), rtol=1e-5)


def test_groups_of_the_guide_are_shown(driver: Driver) -> None:
    add_series(driver)
    train_all(driver)
    driver.push("Spectra")
    driver.panel.reviews.go(STRANGE)
    driver.push("Check scribbles")
    guide = driver.panel.guides.guide
    driver.until(lambda: guide.ready and not driver.session.busy)
    driver.until(lambda: any(r.name == "Unknown 1" for r in view(driver).plot.rows))
    row = next(r for r in view(driver).plot.rows if r.name == "Unknown 1")
    stroke = guide.groups[0].regions[0].stroke
    assert row.n >= len(stroke) > 0


def test_map_of_bands_is_a_layer(series: Driver) -> None:
    active = series.viewer.layers.selection.active
    tick_map(series)
    series.until(lambda: bool(maps(series)))
    (layer,) = maps(series)
    assert layer.name == "series band mean"
    first, last = BANDS // 3, BANDS - 1 - BANDS // 3
    expected = frames()[first : last + 1, 0].mean(0)
    np.testing.assert_allclose(layer.data, expected, rtol=1e-5)
    assert series.viewer.layers.selection.active is active
    (region,) = [
        i
        for i in view(series).plot._plot.getPlotItem().items
        if type(i).__name__ == "LinearRegionItem"
    ]
    region.setRegion((NM[0], NM[2]))
    series.until(lambda: series.panel.spectra.spectra.bands == (0, 2))
    few = frames()[:3, 0].mean(0)
    series.until(lambda: bool(np.allclose(layer.data, few)))
    assert maps(series) == [layer]
    series.panel.reviews.go(2)
    series.until(lambda: bool(np.allclose(layer.data, frames()[:3, 2].mean(0))))
    tick_map(series)
    series.spin()
    assert maps(series) == []


def test_map_goes_with_the_dock_and_comes_back_if_deleted(series: Driver) -> None:
    tick_map(series)
    series.until(lambda: bool(maps(series)))
    series.viewer.layers.remove(maps(series)[0])
    series.panel.spectra.spectra.map_bands((0, 1))
    series.until(lambda: bool(maps(series)))
    series.push("Spectra")
    series.spin()
    assert maps(series) == []
    assert not series.button("Spectra").isChecked()


def test_colours_and_scaled_images(driver: Driver) -> None:
    driver.add_image(two_halves(), scale=(2.0, 0.5), translate=(7.0, -3.0))
    driver.paint_both()
    driver.push("Spectra")
    driver.until(lambda: len(view(driver).plot.rows) == 2)
    driver.move((20, 50))
    driver.until(lambda: driver.panel.spectra.spectra.point == (20, 50))
    driver.until(lambda: view(driver).plot.pixel is not None)
    pixel = view(driver).plot.pixel
    assert pixel is not None
    np.testing.assert_allclose(pixel.mean, two_halves()[20, 50])
    tick_map(driver)
    driver.until(lambda: bool(maps(driver)))
    assert tuple(maps(driver)[0].scale) == (2.0, 0.5)
    assert tuple(maps(driver)[0].translate) == (7.0, -3.0)


def test_another_image_has_other_bands(series: Driver) -> None:
    tick_map(series)
    series.until(lambda: bool(maps(series)))
    other = series.viewer.add_image(np.zeros((32, 32), np.uint8), name="flat")
    series.images.choose(other)
    series.spin()
    assert maps(series) == []
    assert view(series).plot.rows == ()
    assert view(series).legend.texts() == []


def test_files(series: Driver, tmp_path: Path) -> None:
    series.panel.spectra.save_csv(tmp_path / "s.csv")
    with (tmp_path / "s.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [float(r["wavelength (nm)"]) for r in rows] == pytest.approx(NM)
    means = [float(r["class 1 mean"]) for r in rows]
    np.testing.assert_allclose(means, mean_of(series, 1), rtol=1e-5)
    series.panel.spectra.save_svg(tmp_path / "s.svg")
    texts = [t.text for t in ET.parse(tmp_path / "s.svg").getroot().iter() if t.text]
    assert {"class 1", "class 2", "wavelength (nm)"} <= set(texts)
    series.panel.spectra.save_svg(tmp_path / "no" / "s.svg")
    assert series.message[1] == "error"


def test_a_removed_series_takes_no_memory(series: Driver) -> None:
    """Spectra and frames were looked at; the picture in colours is read from it."""
    train_all(series)
    series.push("Frames")
    series.until(lambda: not series.panel.reviews.review.stale)
    values = ref(series.viewer.layers["series"].data)
    for name in ("series colour", "series"):
        series.viewer.layers.remove(name)
    series.until(lambda: is_gone(values))
    assert "series classes" in series.viewer.layers


def test_map_goes_after_its_image(series: Driver) -> None:
    """Not meanwhile: napari may be about to remove it as well."""
    tick_map(series)
    series.until(lambda: bool(maps(series)))
    series.viewer.layers.remove("series")
    assert len(maps(series)) == 1
    series.spin()
    assert maps(series) == []


def test_axes_are_read_in_another_way_under_the_pointer(series: Driver) -> None:
    """The other image has other bands; what was measured has not."""
    series.move((10, 10))
    series.until(lambda: view(series).plot.pixel is not None)
    axes = series.panel.image_panel.findChildren(QComboBox)[1]
    assert axes.count() > 1
    axes.setCurrentIndex(1)
    series.spin()
    assert series.session.source is not None
    assert series.session.source.n_channels != BANDS
    assert series.panel.spectra.spectra.pixel is None

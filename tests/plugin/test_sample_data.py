from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from npe2 import PluginManager

from napari_ood_seg.core.io.scribble_files import load_scribbles
from napari_ood_seg.plugin.layers import role_of
from napari_ood_seg.plugin.sample_data import model_reader, scribbles_reader
from napari_ood_seg.samples import load_sample
from napari_ood_seg.surgical import operation
from tests.plugin.driver import open_panel, two_halves

if TYPE_CHECKING:
    from pathlib import Path

    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

    from napari_ood_seg.plugin.widget import OODSegWidget
    from tests.plugin.driver import Driver

PLUGIN = "napari-ood-seg"
NAMES = ["histology", "hyperspectral", "operation"]


@pytest.fixture(autouse=True)
def our_plugin() -> None:
    """Make sure that npe2 knows us, whatever ran before."""
    manager = PluginManager.instance()
    manager.discover()
    assert PLUGIN in manager


def assert_adopted(panel: OODSegWidget, name: str) -> None:
    sample = operation() if name == "operation" else load_sample(name)
    assert panel.session.classes == sample.classes
    for plane in {s.plane for s in sample.scribbles.strokes}:
        labels = sample.scribbles.to_labels(plane=plane)
        found = panel.session.scribbles.to_labels(plane=plane)
        np.testing.assert_array_equal(found, labels)
    assert panel.session.source is not None
    assert panel.session.source.wavelengths == sample.image.wavelengths
    assert panel.session.source.n_channels == sample.image.n_channels


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_then_the_panel(viewer: Viewer, qtbot: QtBot, name: str) -> None:
    viewer.open_sample(PLUGIN, name)
    panel = open_panel(viewer)
    qtbot.waitUntil(lambda: panel.images.image is not None)
    assert_adopted(panel, name)
    assert panel.image_panel._image.current_key() == name


@pytest.mark.parametrize("name", NAMES)
def test_the_panel_then_a_sample(driver: Driver, name: str) -> None:
    driver.viewer.open_sample(PLUGIN, name)
    driver.until(lambda: driver.images.image is not None)
    driver.spin()
    assert_adopted(driver.panel, name)
    roles = [role_of(la) for la in driver.viewer.layers]
    assert roles.count("scribbles") == 1


def test_scribbles_round_trip(driver: Driver, tmp_path: Path) -> None:
    driver.add_image(two_halves(), name="it")
    driver.paint_both()
    driver.session.rename_class(2, "Bright")
    labels = driver.layer.data.copy()
    path = tmp_path / "mine.oodscribbles"
    assert driver.layer.save(str(path)) == [str(path)]
    scribbles, classes = load_scribbles(path)
    assert [c.name for c in classes] == ["class 1", "Bright"]
    assert len(scribbles.strokes) == 4
    driver.viewer.layers.clear()
    driver.add_image(two_halves(), name="other", scale=(0.5, 0.5))
    (opened,) = driver.viewer.open(str(path), plugin=PLUGIN)
    driver.until(lambda: driver.images.scribbles is opened)
    np.testing.assert_array_equal(opened.data, labels)
    np.testing.assert_array_equal(opened.scale, (0.5, 0.5))
    assert [c.name for c in driver.session.classes] == ["class 1", "Bright"]
    assert len(driver.session.scribbles.strokes) == 4


def test_scribbles_of_a_stack_round_trip(driver: Driver, tmp_path: Path) -> None:
    image = driver.add_image(np.random.default_rng(0).random((3, 32, 48)))
    driver.images.choose(image, "ZYX")
    driver.layer.data[2, 4:8, 5:9] = 1
    driver.layer.save(str(tmp_path / "z.oodscribbles"))
    scribbles, _ = load_scribbles(tmp_path / "z.oodscribbles")
    assert [(s.plane, len(s)) for s in scribbles.strokes] == [((2,), 16)]


def test_scribbles_of_the_first_planes_fit_the_whole_stack(
    driver: Driver, tmp_path: Path
) -> None:
    stack = np.random.default_rng(0).random((3, 32, 48))
    image = driver.add_image(stack)
    driver.images.choose(image, "ZYX")
    driver.layer.data[1, 4:8, 5:9] = 1
    path = str(tmp_path / "z.oodscribbles")
    driver.layer.save(path)
    driver.viewer.layers.clear()
    driver.images.choose(driver.add_image(stack, name="again"), "ZYX")
    (opened,) = driver.viewer.open(path, plugin=PLUGIN)
    driver.until(lambda: driver.images.scribbles is opened)
    assert opened.data.shape == (3, 32, 48)
    assert [(s.plane, len(s)) for s in driver.session.scribbles.strokes] == [((1,), 16)]
    driver.viewer.dims.set_current_step(0, 2)
    driver.stroke((20, 10), (20, 20))
    assert {s.plane for s in driver.session.scribbles.strokes} == {(1,), (2,)}


def test_a_model_opens_the_panel(viewer: Viewer, qtbot: QtBot, tmp_path: Path) -> None:
    path = tmp_path / "m.oodseg"
    viewer.add_image(two_halves(), rgb=True)
    _, panel = viewer.window.add_plugin_dock_widget(PLUGIN)
    qtbot.waitUntil(lambda: panel.images.image is not None)
    panel.images.scribbles.data[5:9, 5:25] = 1
    panel.images.scribbles.data[5:9, 40:60] = 2
    panel.jobs.train()
    qtbot.waitUntil(lambda: not panel.session.busy, timeout=20_000)
    panel.files.save(path)
    viewer.window.remove_dock_widget("all")
    assert viewer.open(str(path), plugin=PLUGIN) == []
    again = dock_of(viewer)
    assert again is not panel
    assert again.session.model is not None
    qtbot.waitUntil(lambda: again.session.result is not None, timeout=20_000)
    qtbot.waitUntil(lambda: not again.session.busy, timeout=20_000)


def dock_of(viewer: Viewer) -> Any:
    return viewer.window.add_plugin_dock_widget(PLUGIN)[1]


def test_readers_know_their_files() -> None:
    assert scribbles_reader("a.oodscribbles") is not None
    assert scribbles_reader(["a.oodscribbles", "b.OODSCRIBBLES"]) is not None
    assert scribbles_reader(["a.oodscribbles", "b.tif"]) is None
    assert scribbles_reader("a.oodseg") is None
    assert model_reader("a.oodseg") is not None
    assert model_reader("a.oodscribbles") is None

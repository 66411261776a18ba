"""Whatever is wrong, the panel says it in one sentence and nothing is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.plugin.driver import pixels, two_halves

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugin.conftest import Gate
    from tests.plugin.driver import Driver

RNG = np.random.default_rng(0)


def said(driver: Driver, kind: str, words: str = "") -> None:
    text, shown = driver.message
    assert shown == kind, text
    assert words in text
    assert "\n" not in text
    assert "Traceback" not in text


def paint(driver: Driver) -> None:
    """Write strokes from code, where a mouse would be beside the point."""
    h, w = driver.layer.data.shape[-2:]
    data = driver.layer.data[(0,) * (driver.layer.ndim - 2)]
    for row in (h // 8, h // 2):
        data[row : row + 3, : max(1, w // 3)] = 1
        data[row : row + 3, 2 * w // 3 :] = 2


def train_behind(driver: Driver, gate: Gate) -> None:
    driver.add_image(two_halves(), name="it")
    driver.paint_both()
    driver.push("Once")
    driver.until(gate.entered.is_set)


def open_gate(driver: Driver, gate: Gate) -> None:
    gate.opened.set()
    driver.until(lambda: not driver.session.busy)
    driver.spin()


def test_no_image(driver: Driver) -> None:
    driver.train()
    said(driver, "warning", "there is no image")


def test_no_scribbles(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.train()
    said(driver, "warning", "there are no scribbles yet")


def test_live_without_scribbles_waits(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.panel.jobs._on_live(True)
    assert not driver.session.busy
    driver.stroke((10, 6), (10, 24))
    driver.until(lambda: driver.session.result is not None and not driver.session.busy)


def test_one_class_only(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.stroke((10, 6), (10, 24))
    driver.train()
    said(driver, "info", "done in")
    assert driver.session.result is not None
    assert set(np.unique(driver.session.result.classes)) == {1}


IMAGES = {
    "1 pixel": np.full((1, 1), 7, np.uint8),
    "1 row": RNG.random((1, 40)),
    "constant": np.full((48, 64), 3.0),
    "constant colour": np.full((48, 64, 3), 200, np.uint8),
    "not a number": np.where(RNG.random((48, 64)) < 0.2, np.nan, RNG.random((48, 64))),
    "only NaN": np.full((48, 64), np.nan),
    "infinite": np.where(RNG.random((48, 64)) < 0.1, np.inf, 1.0),
    "negative": RNG.normal(-5, 3, (48, 64)),
    "bool": RNG.random((48, 64)) < 0.5,
    "uint16": RNG.integers(0, 65535, (48, 64), dtype=np.uint16),
    "two channels": RNG.random((2, 48, 64)),
    "many channels": RNG.random((40, 48, 64)),
}


@pytest.mark.parametrize("name", IMAGES)
def test_strange_images(driver: Driver, name: str) -> None:
    driver.add_image(IMAGES[name], rgb=name == "constant colour")
    paint(driver)
    painted = driver.layer.data.copy()
    driver.train()
    np.testing.assert_array_equal(driver.layer.data, painted)
    np.testing.assert_array_equal(pixels(driver.session.scribbles), painted)
    text, kind = driver.message
    if kind == "info":
        assert text.startswith("done in")
        assert driver.session.result is not None
        assert (driver.session.result.classes > 0).all()
    else:
        said(driver, "error")
        assert "went wrong" not in text


def test_a_time_series(driver: Driver) -> None:
    movie = np.stack([two_halves(seed=s) for s in range(4)])
    image = driver.add_image(movie, rgb=True)
    driver.images.choose(image)
    driver.paint_both()
    for step in (3, 1):
        driver.viewer.dims.set_current_step(0, step)
        driver.train()
        said(driver, "info", "done in")
        assert driver.session.plane == (step,)
        assert driver.session.result is not None
    painted = {s.plane for s in driver.session.scribbles.strokes}
    assert len(painted) == 1


def test_stepping_while_training(driver: Driver, gate: Gate) -> None:
    image = driver.add_image(np.stack([two_halves(seed=s) for s in range(4)]), rgb=True)
    driver.images.choose(image)
    driver.paint_both()
    driver.push("Once")
    driver.until(gate.entered.is_set)
    for step in range(4):
        driver.viewer.dims.set_current_step(0, step)
    open_gate(driver, gate)
    said(driver, "info", "done in")


def test_too_many_axes(driver: Driver) -> None:
    driver.viewer.add_image(np.zeros((1, 1, 1, 2, 8, 9)))
    driver.spin()
    said(driver, "error", "2 to 5 axes")
    assert driver.images.image is None


class TestWhileTraining:
    def test_the_image_is_deleted(self, driver: Driver, gate: Gate) -> None:
        train_behind(driver, gate)
        layer, strokes = driver.layer, driver.session.scribbles
        driver.viewer.layers.remove("it")
        said(driver, "warning", "the image was removed")
        open_gate(driver, gate)
        said(driver, "warning", "the image was removed")
        assert layer in driver.viewer.layers
        driver.add_image(two_halves(), name="it")
        assert driver.layer is layer
        assert driver.session.scribbles is strokes

    def test_the_image_is_renamed(self, driver: Driver, gate: Gate) -> None:
        train_behind(driver, gate)
        driver.viewer.layers["it"].name = "other"
        open_gate(driver, gate)
        said(driver, "info", "done in")
        assert driver.panel.image_panel._image.current_key() == "other"

    def test_the_data_are_replaced(self, driver: Driver, gate: Gate) -> None:
        train_behind(driver, gate)
        strokes = driver.session.scribbles
        new = two_halves(seed=5)
        driver.viewer.layers["it"].data = new
        open_gate(driver, gate)
        assert driver.session.source is not None
        assert driver.session.source.levels[0] is new
        assert driver.session.scribbles is strokes
        driver.train()
        said(driver, "info", "done in")

    def test_the_data_get_another_size(self, driver: Driver, gate: Gate) -> None:
        train_behind(driver, gate)
        driver.viewer.layers["it"].data = two_halves((40, 80))
        open_gate(driver, gate)
        assert driver.layer.data.shape == (40, 80)
        assert len([la for la in driver.viewer.layers if "scribbles" in la.name]) == 2
        paint(driver)
        driver.train()
        said(driver, "info", "done in")

    def test_the_scribbles_are_deleted(self, driver: Driver, gate: Gate) -> None:
        train_behind(driver, gate)
        strokes, labels = driver.session.scribbles, driver.layer.data.copy()
        driver.viewer.layers.remove(driver.layer)
        said(driver, "warning", "the scribbles layer was removed")
        open_gate(driver, gate)
        said(driver, "warning", "the scribbles layer was removed")
        driver.push("New scribbles")
        assert driver.session.scribbles is strokes
        np.testing.assert_array_equal(driver.layer.data, labels)
        driver.stroke((50, 6), (50, 24))
        driver.undo()
        assert driver.session.scribbles is strokes
        driver.train()
        said(driver, "info", "done in")

    def test_train_again(self, driver: Driver, gate: Gate) -> None:
        train_behind(driver, gate)
        driver.panel.jobs.train()
        open_gate(driver, gate)
        said(driver, "info", "done in")
        assert driver.session.model is not None

    def test_painting_goes_on(self, driver: Driver, gate: Gate) -> None:
        train_behind(driver, gate)
        driver.stroke((25, 40), (25, 58))
        open_gate(driver, gate)
        assert len(driver.session.scribbles.strokes) == 5
        seen = pixels(driver.session.scribbles)
        np.testing.assert_array_equal(seen, driver.layer.data)


def test_results_survive_data_of_another_size(driver: Driver) -> None:
    image = driver.add_image(two_halves())
    driver.paint_both()
    driver.train()
    before = driver.panel.overlays.classes
    image.data = two_halves((40, 80))
    paint(driver)
    driver.train()
    assert driver.panel.overlays.classes is before
    assert before is not None
    assert before.data.shape == (40, 80)
    driver.until(lambda: not driver.panel.overlays.pending)


def trained(driver: Driver, path: Path) -> Any:
    image = driver.add_image(two_halves(), name="it")
    driver.paint_both()
    driver.train()
    driver.panel.files.save(path)
    return image


def test_a_model_for_other_channels(driver: Driver, tmp_path: Path) -> None:
    trained(driver, tmp_path / "m.oodseg")
    other = driver.viewer.add_image(RNG.random((9, 20, 30)), name="cube")
    driver.images.choose(other)
    classes = driver.session.classes
    driver.panel.files.load(tmp_path / "m.oodseg")
    said(driver, "error", "channels")
    assert not driver.session.busy
    assert driver.session.classes == classes


@pytest.mark.parametrize("damage", ["truncated", "other", "empty", "missing"])
def test_a_model_that_is_damaged(driver: Driver, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "m.oodseg"
    trained(driver, path)
    whole = path.read_bytes()
    contents = {
        "truncated": whole[: len(whole) // 2],
        "other": b"x" * 999,
        "empty": b"",
    }
    path.unlink()
    if damage in contents:
        path.write_bytes(contents[damage])
    model = driver.session.model
    driver.panel.files.load(path)
    said(driver, "error", "m.oodseg")
    assert driver.session.model is model


@pytest.mark.parametrize("suffix", [".zarr", ".tif", ".npz", ".odd"])
def test_an_export_that_cannot_be_written(
    driver: Driver, tmp_path: Path, suffix: str
) -> None:
    trained(driver, tmp_path / "m.oodseg")
    result = driver.session.result
    (tmp_path / "file").write_text("in the way")
    driver.session.export(tmp_path / "file" / f"out{suffix}")
    driver.until(lambda: not driver.session.busy)
    said(driver, "error")
    assert "went wrong" not in driver.message[0]
    assert driver.session.result is result


def test_a_model_that_cannot_be_saved(driver: Driver, tmp_path: Path) -> None:
    trained(driver, tmp_path / "m.oodseg")
    (tmp_path / "file").write_text("in the way")
    driver.panel.files.save(tmp_path / "file" / "m.oodseg")
    said(driver, "error")

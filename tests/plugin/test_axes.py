"""Planes lie under the slider of their axis, wherever an image has its channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_ood_seg.plugin.sample_data import scribbles_layer, write_scribbles
from tests.plugin.driver import pixels

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from tests.plugin.driver import Driver

ORDERS = ("TCYX", "ZCYX", "CTYX", "CZYX", "TZCYX", "TCZYX", "CTZYX", "TZYX")
LENGTHS = {"T": 4, "Z": 3, "C": 2, "Y": 64, "X": 64}


def halves(axes: str) -> npt.NDArray[np.float32]:
    """Return an image of these axes: dark left, bright right, noise in all of it."""
    rng = np.random.default_rng(0)
    image = rng.uniform(0, 0.2, [LENGTHS[a] for a in axes]).astype(np.float32)
    image[..., LENGTHS["X"] // 2 :] += 0.6
    return image


def add(driver: Driver, axes: str, **options: Any) -> Any:
    image = driver.add_image(halves(axes), rgb=False, name=axes, **options)
    driver.images.choose(image, axes)
    go(driver, axes, **dict.fromkeys(axes[:-2], 0))
    return image


def go(driver: Driver, axes: str, **where: int) -> None:
    """Move sliders to a place, as ``T=2``."""
    for letter, index in where.items():
        driver.viewer.dims.set_current_step(axes.index(letter), index)
    driver.spin()


def shown(driver: Driver) -> int:
    """Return how many painted pixels are on the screen."""
    with_strokes = driver.viewer.screenshot(canvas_only=True, flash=False)
    driver.layer.visible = False
    without = driver.viewer.screenshot(canvas_only=True, flash=False)
    driver.layer.visible = True
    return int((with_strokes != without).any(-1).sum())


def last_but(axes: str, letter: str) -> dict[str, int]:
    """Return the last plane, as sliders, with one of them moved."""
    there = {a: LENGTHS[a] - 1 for a in axes if a in "TZ"}
    return {letter: there[letter] - 1}


@pytest.mark.parametrize("axes", ORDERS)
def test_a_stroke_is_on_the_plane_that_is_shown(driver: Driver, axes: str) -> None:
    add(driver, axes)
    planes = [a for a in axes if a in "TZ"]
    last = {a: LENGTHS[a] - 1 for a in planes}
    go(driver, axes, **last)
    plane = tuple(last.values())
    assert driver.session.plane == plane
    driver.stroke((20, 10), (20, 30))
    (stroke,) = driver.session.scribbles.strokes
    assert stroke.plane == plane
    there = shown(driver)
    assert there > 50
    for channel in range(LENGTHS["C"] if "C" in axes else 0):
        go(driver, axes, C=channel)
        assert driver.session.plane == plane
        assert shown(driver) == pytest.approx(there, rel=0.1), "it depends on channels"
    for letter in planes:
        go(driver, axes, **last_but(axes, letter))
        assert shown(driver) == 0, "it is on more planes than one"
        go(driver, axes, **last)
    assert shown(driver) == pytest.approx(there, rel=0.1)
    driver.undo()
    assert not driver.session.scribbles.strokes
    assert shown(driver) == 0
    driver.redo()
    assert {s.plane for s in driver.session.scribbles.strokes} == {plane}


@pytest.mark.parametrize("axes", ["TCYX", "TZCYX", "TCZYX", "CTZYX"])
def test_results_follow_the_planes(driver: Driver, axes: str) -> None:
    add(driver, axes, scale=[2.0] * (len(axes) - 2) + [0.5, 0.5])
    go(driver, axes, T=1, C=1)
    driver.paint_both()
    planes = {s.plane for s in driver.session.scribbles.strokes}
    assert planes == {driver.session.plane}
    driver.train()
    classes = driver.panel.overlays.classes
    assert classes is not None
    first = driver.session.result
    assert set(np.unique(np.asarray(classes.data[0])[:, :26])) <= {1, 255}
    go(driver, axes, C=0)
    assert driver.session.result is first
    go(driver, axes, T=2)
    driver.until(lambda: driver.session.result not in (None, first))
    driver.until(lambda: not driver.session.busy)
    assert driver.session.plane[0] == 2
    driver.until(lambda: bool(np.all(classes.data[0])))  # ahead, beside the view
    labels = np.asarray(classes.data[0])
    assert (labels[:, :26] == 1).mean() > 0.8
    assert (labels[:, 38:] == 2).mean() > 0.8
    box = classes.extent.world[:, -2:]
    np.testing.assert_allclose(box, driver.images.image.extent.world[:, -2:])  # type: ignore[union-attr]


def test_another_reading_of_the_axes_takes_the_layer_with_it(driver: Driver) -> None:
    image = add(driver, "TCYX")
    go(driver, "TCYX", T=2, C=1)
    driver.stroke((20, 10), (20, 30))
    layer = driver.layer
    assert layer.data.shape == (4, 1, 64, 64)
    driver.images.choose(image, "CTYX")  # so each of its 4 channels has 2 planes
    driver.spin()
    assert driver.layer.data.shape == (2, 64, 64)
    driver.images.choose(image, "TCYX")
    driver.spin()
    assert driver.layer is layer
    assert shown(driver) > 50


def test_strokes_are_saved_by_their_planes(driver: Driver, tmp_path: Path) -> None:
    from napari_ood_seg.core.io.scribble_files import load_scribbles

    add(driver, "TZCYX")
    go(driver, "TZCYX", T=3, Z=1, C=1)
    driver.stroke((20, 10), (20, 30))
    file = tmp_path / "some.oodscribbles"
    attributes: dict[str, Any] = {
        "name": "some",
        "metadata": dict(driver.layer.metadata),
    }
    write_scribbles(str(file), driver.layer.data, attributes)
    attributes["metadata"].pop("strokes")  # what the pixels say is the same
    write_scribbles(str(tmp_path / "b.oodscribbles"), driver.layer.data, attributes)
    for path in (file, tmp_path / "b.oodscribbles"):
        found = load_scribbles(path)[0]
        assert [s.plane for s in found.strokes] == [(3, 1)]
        now = pixels(driver.session.scribbles, 3, 1)
        np.testing.assert_array_equal(pixels(found, 3, 1), now)


def test_a_layer_from_a_file_gets_the_slider_of_channels(driver: Driver) -> None:
    image = add(driver, "TCYX", scale=(1.0, 5.0, 1.0, 1.0))
    go(driver, "TCYX", T=3)
    driver.stroke((20, 10), (20, 30))
    scribbles = driver.session.scribbles
    facts = scribbles_layer(scribbles, driver.session.classes, image=image.name)
    driver.viewer.layers.remove(driver.layer)
    driver.session.set_scribbles(type(scribbles)(scribbles.shape))
    data, keywords, _ = facts
    assert data.shape == (4, 64, 64)
    opened = driver.viewer.add_labels(data, **keywords)
    driver.until(lambda: driver.images.scribbles is opened)
    assert opened.data.shape == (4, 1, 64, 64)
    assert [s.plane for s in driver.session.scribbles.strokes] == [(3,)]
    for channel in range(2):
        go(driver, "TCYX", C=channel)
        assert shown(driver) > 50
    go(driver, "TCYX", T=2)
    assert shown(driver) == 0


def test_fill_of_all_planes_and_a_look_at_a_stroke(driver: Driver) -> None:
    from napari_ood_seg.plugin.look import look_at

    add(driver, "TCYX")
    go(driver, "TCYX", T=0, C=1)
    driver.layer.n_edit_dimensions = 4
    driver.layer.mode = "fill"
    driver.click((20, 20))
    planes = [s.plane for s in driver.session.scribbles.strokes]
    assert planes == [(0,), (1,), (2,), (3,)]
    look_at(driver.viewer, driver.layer, (2,), (20, 20), (10, 10, 30, 30))
    assert driver.session.plane == (2,)
    assert driver.viewer.dims.current_step[1] == 1
    before = driver.session.scribbles
    driver.panel.classes.remove(1)
    assert not driver.layer.data.any()
    driver.undo()
    assert driver.session.scribbles is before
    assert driver.layer.data.all()

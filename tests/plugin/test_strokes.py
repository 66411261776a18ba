from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_ood_seg.plugin.strokes import bounding_box
from tests.plugin.driver import pixels, two_halves

if TYPE_CHECKING:
    from tests.plugin.driver import Driver


def masked(*key: Any) -> Any:
    """Brush, fill and polygon: a box, and which of its pixels."""
    return SimpleNamespace(slice_key=key, mask=None)


def listed(*indices: list[int]) -> Any:
    """``data_setitem``: indices, old values, new value."""
    return tuple(np.array(i) for i in indices), None, 1


@pytest.mark.parametrize(
    ("atoms", "shape", "box"),
    [
        ([], (9, 9), None),
        ([masked(slice(2, 4), slice(5, 6))], (9, 9), (slice(2, 4), slice(5, 6))),
        ([masked(slice(None), slice(5, None))], (9, 8), (slice(0, 9), slice(5, 8))),
        (
            [masked(slice(2, 4), slice(5, 6)), masked(slice(0, 1), slice(7, 9))],
            (9, 9),
            (slice(0, 4), slice(5, 9)),
        ),
        (
            [masked(3, slice(2, 4), slice(5, 6))],
            (4, 9, 9),
            (slice(3, 4), slice(2, 4), slice(5, 6)),
        ),
        ([masked(2)], (3, 8, 9), (slice(2, 3), slice(0, 8), slice(0, 9))),
        ([masked(slice(2, 2), slice(5, 6))], (9, 9), None),
        ([listed([1, 4], [7, 3])], (9, 9), (slice(1, 5), slice(3, 8))),
        ([listed([], [])], (9, 9), None),
        (
            [listed([], []), masked(slice(2, 4), slice(5, 6))],
            (9, 9),
            (slice(2, 4), slice(5, 6)),
        ),
        (
            [listed([0, 2], [1, 1], [7, 3])],
            (3, 9, 9),
            (slice(0, 3), slice(1, 2), slice(3, 8)),
        ),
    ],
    ids=[
        "nothing",
        "box",
        "open box",
        "two boxes",
        "plane index",
        "whole plane",
        "empty box",
        "pixels",
        "no pixels",
        "no pixels and a box",
        "pixels of planes",
    ],
)
def test_bounding_box(
    atoms: list[Any], shape: tuple[int, ...], box: tuple[slice, ...] | None
) -> None:
    assert bounding_box(atoms, shape) == box


def test_a_stroke_with_the_mouse_is_one_stroke(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.layer.brush_size = 3
    driver.stroke((20, 10), (24, 20), (20, 30))
    (stroke,) = driver.session.scribbles.strokes
    assert stroke.class_id == 1
    assert len(stroke) > 40
    np.testing.assert_array_equal(pixels(driver.session.scribbles), driver.layer.data)
    assert driver.layer.data[20, 10] == 1
    assert driver.layer.data[20, 30] == 1
    assert driver.layer.data[5, 5] == 0


def test_a_second_stroke_takes_the_pixels_it_covers(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.stroke((20, 10), (20, 30))
    whole = len(driver.session.scribbles.strokes[0])
    driver.panel.classes.add()
    driver.stroke((10, 20), (30, 20))
    first, second = driver.session.scribbles.strokes
    assert (first.class_id, second.class_id) == (1, 2)
    assert len(first) < whole
    np.testing.assert_array_equal(pixels(driver.session.scribbles), driver.layer.data)


@pytest.mark.parametrize("how", ["layer", "keys"])
def test_undo_and_redo_give_the_very_same_strokes(driver: Driver, how: str) -> None:
    driver.add_image(two_halves())

    def undo() -> None:
        driver.layer.undo() if how == "layer" else driver.undo()
        driver.spin()

    def redo() -> None:
        driver.layer.redo() if how == "layer" else driver.redo()
        driver.spin()

    states = [driver.session.scribbles]
    for column in (10, 20, 30):
        driver.stroke((10, column), (30, column))
        states.append(driver.session.scribbles)
    assert [len(s.strokes) for s in states] == [0, 1, 2, 3]
    undo()
    assert driver.session.scribbles is states[2]
    undo()
    undo()
    assert driver.session.scribbles is states[0]
    redo()
    redo()
    assert driver.session.scribbles is states[2]
    np.testing.assert_array_equal(pixels(states[2]), driver.layer.data)


def test_undo_twice_before_anybody_looks(driver: Driver) -> None:
    driver.add_image(two_halves())
    before = driver.session.scribbles
    driver.stroke((10, 10), (30, 10))
    driver.stroke((10, 20), (30, 20))
    driver.layer.undo()
    driver.layer.undo()
    driver.spin()
    assert driver.session.scribbles is before


def test_erasing_shrinks_a_stroke_and_can_be_undone(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.stroke((20, 10), (20, 30))
    painted = driver.session.scribbles
    driver.layer.mode = "erase"
    driver.stroke((20, 10), (20, 16))
    (stroke,) = driver.session.scribbles.strokes
    assert stroke.id == painted.strokes[0].id
    assert 0 < len(stroke) < len(painted.strokes[0])
    driver.undo()
    assert driver.session.scribbles is painted


def test_erasing_all_leaves_no_stroke(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.stroke((20, 10), (20, 30))
    driver.layer.mode = "erase"
    driver.layer.brush_size = 20
    driver.stroke((20, 10), (20, 30))
    assert driver.session.scribbles.strokes == ()
    driver.undo()
    driver.undo()
    driver.redo()
    assert len(driver.session.scribbles.strokes) == 1


def test_fill_is_one_stroke_and_undone_as_one(driver: Driver) -> None:
    driver.add_image(two_halves((64, 80)))
    before = driver.session.scribbles
    driver.layer.mode = "fill"
    driver.click((20, 20))
    (stroke,) = driver.session.scribbles.strokes
    assert len(stroke) == 64 * 80
    driver.undo()
    assert driver.session.scribbles is before


def test_polygon_is_one_stroke(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.layer.mode = "polygon"
    for point in ((10.0, 10.0), (10.0, 30.0), (30.0, 30.0), (30.0, 10.0)):
        driver.click(point)
    driver.double_click((30.0, 10.0))
    driver.until(lambda: len(driver.session.scribbles.strokes) > 0)
    (stroke,) = driver.session.scribbles.strokes
    assert 300 < len(stroke) < 500
    np.testing.assert_array_equal(pixels(driver.session.scribbles), driver.layer.data)


def test_data_setitem_is_heard_before_the_pixels_are_there(driver: Driver) -> None:
    driver.add_image(two_halves())
    rows, columns = np.mgrid[4:8, 9:12]
    driver.layer.data_setitem((rows.ravel(), columns.ravel()), 1)
    driver.spin()
    (stroke,) = driver.session.scribbles.strokes
    assert len(stroke) == 12


def test_sync_finds_what_code_wrote(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.layer.data[3:6, 3:6] = 1
    driver.layer.data[30:33, 3:6] = 1
    driver.layer.data[30:33, 40:44] = 2
    driver.spin()
    assert not driver.session.scribbles.class_ids
    assert driver.images.tracker is not None
    driver.images.tracker.sync()
    strokes = driver.session.scribbles.strokes
    found = [(stroke.class_id, len(stroke)) for stroke in strokes]
    assert found == [(1, 9), (1, 9), (2, 12)]
    assert [c.id for c in driver.session.classes] == [1, 2]
    same = driver.session.scribbles
    driver.images.tracker.sync()
    assert driver.session.scribbles is same


@pytest.mark.parametrize("axes", ["ZYX", "TYX"])
def test_a_stroke_knows_its_plane(driver: Driver, axes: str) -> None:
    image = driver.add_image(np.random.default_rng(0).random((3, 48, 64)))
    driver.images.choose(image, axes)
    driver.viewer.dims.set_current_step(0, 2)
    assert driver.session.plane == (2,)
    driver.stroke((20, 10), (20, 30))
    driver.viewer.dims.set_current_step(0, 0)
    driver.stroke((30, 10), (30, 30))
    assert [s.plane for s in driver.session.scribbles.strokes] == [(2,), (0,)]
    for plane in range(3):
        seen = pixels(driver.session.scribbles, plane)
        np.testing.assert_array_equal(seen, driver.layer.data[plane])
    driver.undo()
    assert [s.plane for s in driver.session.scribbles.strokes] == [(2,)]


@pytest.mark.parametrize("n_planes", [3, 9])
def test_an_edit_of_all_planes_at_once(driver: Driver, n_planes: int) -> None:
    image = driver.add_image(np.random.default_rng(0).random((n_planes, 48, 64)))
    driver.images.choose(image, "ZYX")
    before = driver.session.scribbles
    driver.layer.n_edit_dimensions = 3
    driver.layer.mode = "fill"
    driver.click((20, 20))
    planes = [s.plane for s in driver.session.scribbles.strokes]
    assert planes == [(i,) for i in range(n_planes)]
    driver.undo()
    assert driver.session.scribbles is before


def test_painted_pixels_are_one_step(driver: Driver) -> None:
    image = driver.add_image(np.stack([two_halves()[..., 0]] * 2))
    driver.images.choose(image, "ZYX")
    coords = np.array([[3, 4], [3, 5], [9, 9]], np.int32)
    before = driver.session.scribbles
    assert driver.images.tracker is not None
    driver.images.tracker.paint((1,), coords, 2)
    (stroke,) = driver.session.scribbles.strokes
    assert (stroke.class_id, stroke.plane, len(stroke)) == (2, (1,), 3)
    np.testing.assert_array_equal(driver.layer.data[1], pixels(before.add(2, coords)))
    driver.undo()
    assert driver.session.scribbles is before


def test_removing_a_class_erases_it_and_undo_brings_it_back(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.paint_both()
    before = driver.session.scribbles
    driver.panel.classes.remove(1)
    assert driver.session.scribbles.class_ids == (2,)
    assert set(np.unique(driver.layer.data)) == {0, 2}
    driver.undo()
    assert driver.session.scribbles is before
    assert [c.id for c in driver.session.classes] == [1, 2]


def test_the_session_knows_when_somebody_paints(driver: Driver) -> None:
    driver.add_image(two_halves())
    told: list[bool] = []
    driver.session.painting_changed.connect(told.append)
    driver.stroke((10, 6), (10, 24))
    assert told == [True, False]
    driver.layer.mode = "pan_zoom"
    driver.click((10, 6))
    assert told == [True, False]

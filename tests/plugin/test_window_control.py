from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import psutil
import pytest
from npe2 import PluginManager

from napari_ood_seg.plugin.camera import camera_of
from napari_ood_seg.plugin.scribble_layer import window_of
from napari_ood_seg.plugin.undo_control import ELSEWHERE
from napari_ood_seg.plugin.window_control import TOO_FAR
from tests.plugin.driver import SMALL, Driver, open_panel, two_halves
from tests.plugin.slide import slide

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt
    from pytestqt.qtbot import QtBot

    from napari_ood_seg.core.data.scribbles import Scribbles

PLUGIN = "napari-ood-seg"
SIDE = 100_000
TALL = (12_000, 300)
MOST_MIB = 1500


def go(driver: Driver, row: int, column: int, zoom: float = 1.0) -> None:
    """Show a place, so many pixels of the screen per pixel of the image."""
    camera, tracker = camera_of(driver.viewer), driver.images.tracker
    assert tracker is not None
    centre = driver.world((row, column))
    camera.zoom = zoom / abs(float(driver.layer.scale[-1]))
    camera.center = (*camera.center[:-2], *(float(c) for c in centre))

    def there() -> bool:
        view = driver.session.view
        at = (slice(row, row + 1), slice(column, column + 1))
        if view is None or not view.overlaps(at):
            return False
        return tracker.window.contains(view.region)

    driver.until(there)
    driver.spin()


def assert_the_layer_shows_it(driver: Driver) -> None:
    """Compare the layer with the strokes, where it covers the image."""
    window = window_of(driver.layer)
    for plane in np.ndindex(*driver.layer.data.shape[:-2]):
        labels = driver.session.scribbles.to_labels(window.region, plane=plane)
        np.testing.assert_array_equal(driver.layer.data[plane], labels)


def box(scribbles: Scribbles, number: int) -> list[list[int]]:
    """Return first and last row and column of a stroke."""
    coords = scribbles.strokes[number].coords
    return [coords.min(0).tolist(), coords.max(0).tolist()]


def result(driver: Driver, row: int, column: int) -> npt.NDArray[np.uint8]:
    """Return what is predicted on 20 x 20 pixels; 0 where nothing is yet."""
    session = driver.session
    if session.result is None:
        return np.zeros((20, 20), np.uint8)
    region = (slice(row, row + 20), slice(column, column + 20))
    return session.result.labels(session.keep, region)


def both_far_apart(driver: Driver) -> list[Scribbles]:
    """Paint class 1 near the top and class 2 near the bottom; return the states."""
    states = [driver.session.scribbles]
    go(driver, 500, 150)
    driver.stroke((500, 20), (500, 60))
    states.append(driver.session.scribbles)
    driver.panel.classes.add()
    driver.session.edits.clear()  # here it is about strokes
    go(driver, 11_500, 150)
    driver.stroke((11_500, 200), (11_500, 260))
    return [*states, driver.session.scribbles]


@pytest.fixture
def tall(driver: Driver) -> Driver:
    """An image that is larger than a window one way only."""
    driver.add_image(two_halves(TALL), name="tall")
    return driver


# ------------------------------------------------------------------- a whole slide


def test_a_slide(driver: Driver, tmp_path: Path) -> None:
    """Strokes 90,000 pixels apart: painted, learned, undone, saved, opened."""
    process = psutil.Process()
    driver.session.set_config(replace(SMALL, tile=512))
    driver.session.edits.clear()
    before = process.memory_info().rss
    driver.add_image(slide(SIDE), rgb=True, multiscale=True, name="slide")
    assert driver.layer.data.shape == (4096, 4096)
    near, all_three = paint_far_apart_on_the_slide(driver)
    driver.session.set_live(True)
    driver.until(lambda: (result(driver, 5100, 94_900) == 2).mean() > 0.8, patience=6)
    driver.until(lambda: (result(driver, 5100, 95_100) == 1).mean() > 0.8)
    go(driver, 5000, 5120)
    assert_the_layer_shows_it(driver)
    assert driver.layer.data.max() == 2
    driver.until(lambda: (result(driver, 5100, 4950) == 1).mean() > 0.8)
    driver.until(lambda: not driver.session.busy)
    driver.undo()
    assert driver.session.scribbles is near
    assert driver.message[0] == ELSEWHERE
    driver.redo()
    assert driver.session.scribbles is all_three
    driver.session.set_live(False)
    driver.until(lambda: not driver.session.busy)
    save_and_open(driver, tmp_path / "slide.oodscribbles")
    again = driver.session.scribbles
    for mine, theirs in zip(all_three.strokes, again.strokes, strict=True):
        assert (mine.id, mine.class_id) == (theirs.id, theirs.class_id)
        np.testing.assert_array_equal(mine.coords, theirs.coords)
    go(driver, 5000, 95_000)
    assert_the_layer_shows_it(driver)
    assert driver.layer.data.any()
    grown = (process.memory_info().rss - before) / 2**20
    assert grown < MOST_MIB, f"{grown:.0f} MiB more than before"


def test_all_of_a_slide_is_covered_by_a_rough_look(driver: Driver) -> None:
    """Its tiles would take hours; dark stripes lie in the middle of most blocks."""
    driver.session.set_config(replace(SMALL, tile=512))
    driver.add_image(slide(SIDE), rgb=True, multiscale=True, name="slide")
    go(driver, 5000, 5120)
    driver.stroke((5000, 4920), (5000, 5020))
    driver.panel.classes.add()
    driver.stroke((5000, 5180), (5000, 5280))
    driver.session.set_live(True)
    driver.until(lambda: (result(driver, 5100, 4950) == 1).mean() > 0.8, patience=6)

    def covered() -> float:
        session = driver.session
        assert session.result is not None
        blocks = session.result.labels(session.keep, step=512)
        dark = float((blocks == 2).mean())
        return dark if blocks.all() else min(dark, 0.5)

    assert covered() < 0.1
    driver.viewer.reset_view()
    driver.until(lambda: covered() > 0.9, patience=4)
    assert driver.session.busy
    assert driver.session.result is not None
    assert driver.session.result.n_bytes < 2**26
    driver.session.stop()
    driver.until(lambda: not driver.session.busy)
    assert covered() > 0.9
    go(driver, 5000, 5120)  # a new model leaves nothing that it has not said itself
    driver.stroke((5060, 4920), (5060, 5020))
    driver.session.set_live(True)
    driver.until(lambda: covered() < 0.1)
    driver.session.set_live(False)
    driver.session.stop()
    driver.until(lambda: not driver.session.busy)


def paint_far_apart_on_the_slide(driver: Driver) -> tuple[Scribbles, Scribbles]:
    """Paint bright and dark at the left, dark at the right; return both states."""
    go(driver, 5000, 5120)
    driver.stroke((5000, 4920), (5000, 5020))
    driver.panel.classes.add()
    driver.stroke((5000, 5180), (5000, 5280))
    near = driver.session.scribbles
    go(driver, 5000, 95_000)
    driver.stroke((5000, 94_840), (5000, 94_940))
    all_three = driver.session.scribbles
    assert [s.class_id for s in all_three.strokes] == [1, 2, 2]
    for number, columns in enumerate([(4920, 5020), (5180, 5280), (94_840, 94_940)]):
        low, high = box(all_three, number)
        np.testing.assert_allclose(low, [5000, columns[0]], atol=16)
        np.testing.assert_allclose(high, [5000, columns[1]], atol=16)
    return near, all_three


def save_and_open(driver: Driver, path: Path) -> None:
    """Save the scribbles as napari does, remove them, and open the file."""
    PluginManager.instance().discover()
    assert driver.layer.save(str(path), plugin=PLUGIN) == [str(path)]
    driver.viewer.layers.remove(driver.layer)
    (opened,) = driver.viewer.open(str(path), plugin=PLUGIN)
    driver.until(lambda: driver.images.scribbles is opened)
    assert opened.data.nbytes == 4096 * 4096


# ---------------------------------------------------------------------------- undo


def test_undo_and_redo_across_moves_give_the_very_same_strokes(tall: Driver) -> None:
    empty, first, second = both_far_apart(tall)
    tall.undo()
    assert tall.session.scribbles is first
    tall.undo()
    assert tall.session.scribbles is empty
    assert tall.message == (ELSEWHERE, "info")
    tall.redo()
    assert tall.session.scribbles is first
    tall.redo()
    assert tall.session.scribbles is second
    assert_the_layer_shows_it(tall)
    go(tall, 500, 150)
    assert_the_layer_shows_it(tall)
    assert set(np.unique(tall.layer.data)) == {0, 1}
    tall.stroke((520, 20), (520, 60))
    tall.layer.undo()  # napari's own, where it has not moved since
    tall.spin()
    assert tall.session.scribbles is second
    tall.undo()
    assert tall.session.scribbles is first
    tall.redo()
    tall.undo()
    tall.undo()
    assert tall.session.scribbles is empty
    assert not tall.layer.data.any()


@pytest.mark.parametrize("name", ["remove", "merge"])
def test_commands_on_classes_reach_what_is_not_covered(tall: Driver, name: str) -> None:
    before = both_far_apart(tall)[-1]
    if name == "merge":
        tall.panel.classes.merge(1, 2)
    else:
        tall.panel.classes.remove(1)
    after = tall.session.scribbles
    assert after.class_ids == (2,)
    tall.undo()
    assert tall.session.scribbles is before
    assert [c.id for c in tall.session.classes] == [1, 2]
    tall.redo()
    assert tall.session.scribbles is after
    go(tall, 500, 150)
    assert_the_layer_shows_it(tall)
    tall.undo()
    assert tall.session.scribbles is before
    assert_the_layer_shows_it(tall)
    assert set(np.unique(tall.layer.data)) == {0, 1}


def test_a_suggestion_is_painted_wherever_it_is(tall: Driver) -> None:
    go(tall, 500, 150)
    tracker, before = tall.images.tracker, tall.session.scribbles
    assert tracker is not None
    coords = np.argwhere(np.ones((3, 5))).astype(np.int32)
    coords += np.array([11_000, 40], np.int32)
    tracker.paint((), coords, 1)
    painted = tall.session.scribbles
    assert box(painted, 0) == [[11_000, 40], [11_002, 44]]
    tall.undo()
    assert tall.session.scribbles is before
    tall.redo()
    go(tall, 11_000, 150)
    assert_the_layer_shows_it(tall)
    assert int(tall.layer.data.sum()) == 15


# ---------------------------------------------------------------- when and where to


def test_nothing_moves_while_somebody_paints(tall: Driver) -> None:
    go(tall, 500, 150)
    there = window_of(tall.layer)
    tall.press((500, 20))
    seen = tall.session.view
    camera_of(tall.viewer).center = (0.0, 11_500.0, 150.0)
    tall.until(lambda: tall.session.view is not seen)
    tall.spin()
    assert window_of(tall.layer) == there
    tall.release((11_500, 150))
    tall.until(lambda: window_of(tall.layer) != there)
    assert_the_layer_shows_it(tall)
    stroke = tall.session.scribbles.strokes[0]
    assert stroke.coords[:, 0].max() < there.region[0].stop


def test_far_out_the_middle_and_a_sentence(tall: Driver) -> None:
    go(tall, 500, 150)
    tall.show_all()
    middle = (12_000 - 4096) // 2
    tall.until(lambda: window_of(tall.layer).origin == (middle, 0))
    tall.stroke((1000, 150), (1500, 150))
    assert tall.message == (TOO_FAR, "warning")
    assert not tall.session.scribbles.strokes
    tall.stroke((6000, 100), (6000, 200))
    assert len(tall.session.scribbles.strokes) == 1


def test_a_small_move_moves_nothing(tall: Driver) -> None:
    go(tall, 2000, 150)
    there = window_of(tall.layer)
    go(tall, 2300, 150)
    assert window_of(tall.layer) == there


@pytest.mark.parametrize(
    "place",
    [
        {"scale": (0.5, 2.0), "translate": (100.0, -30.0)},
        {"scale": (0.5, 0.5), "rotate": 30.0},
        {"scale": (2.0, 1.0), "rotate": 20.0, "shear": [0.3]},
        {"affine": [[1.0, 0.2, 5.0], [0.1, 1.5, 6.0], [0.0, 0.0, 1.0]]},
    ],
    ids=lambda place: ", ".join(place),
)
def test_strokes_lie_where_the_image_does(driver: Driver, place: Any) -> None:
    image = driver.add_image(two_halves(TALL), **place)
    for row in (500, 11_500):
        go(driver, row, 150)
        np.testing.assert_allclose(
            driver.world((row, 40)), image.data_to_world((row, 40)), rtol=1e-9
        )
        driver.stroke((row, 40))
        stroke = driver.session.scribbles.strokes[-1]
        np.testing.assert_allclose(stroke.coords.mean(0), [row, 40], atol=3)
        assert driver.layer.data.any()


def test_planes_of_a_large_stack(driver: Driver) -> None:
    image = driver.add_image(da.zeros((3, *TALL), chunks=(1, 1024, 300)))
    driver.images.choose(image, "ZYX")
    driver.viewer.dims.set_current_step(0, 2)
    go(driver, 500, 150)
    driver.stroke((500, 20), (500, 60))
    first = driver.session.scribbles
    driver.viewer.dims.set_current_step(0, 0)
    go(driver, 11_500, 150)
    driver.stroke((11_500, 20), (11_500, 60))
    assert [s.plane for s in driver.session.scribbles.strokes] == [(2,), (0,)]
    go(driver, 500, 150)
    assert_the_layer_shows_it(driver)
    assert [bool(plane.any()) for plane in driver.layer.data] == [False, False, True]
    driver.undo()
    assert driver.session.scribbles is first


# -------------------------------------------------------------- layers and sessions


def test_another_image_and_back(tall: Driver) -> None:
    painted = both_far_apart(tall)[-1]
    layer, image = tall.layer, tall.images.image
    assert image is not None
    tall.images.choose(tall.viewer.add_image(two_halves(), rgb=True, name="b"))
    assert tall.layer is not layer
    tall.session.merge_classes(1, into=2)
    tall.images.choose(image)
    assert tall.layer is layer
    assert tall.session.scribbles.class_ids == (2,)
    go(tall, 500, 150)
    assert_the_layer_shows_it(tall)
    assert set(np.unique(layer.data)) == {0, 2}
    assert len(tall.session.scribbles.strokes) == len(painted.strokes)


def test_the_panel_is_closed_and_opened_again(tall: Driver, qtbot: QtBot) -> None:
    painted, image = both_far_apart(tall)[-1], tall.images.image
    tall.viewer.window.remove_dock_widget(tall.panel)
    again = Driver(tall.viewer, open_panel(tall.viewer), qtbot)
    again.until(lambda: again.images.image is image)
    assert len(again.session.scribbles.strokes) == len(painted.strokes)
    go(again, 500, 150)
    assert_the_layer_shows_it(again)
    again.stroke((520, 20), (520, 60))
    again.undo()
    assert len(again.session.scribbles.strokes) == len(painted.strokes)


def test_a_removed_layer_is_made_anew(tall: Driver) -> None:
    painted = both_far_apart(tall)[-1]
    tall.viewer.layers.remove(tall.layer)
    tall.push("New scribbles")
    assert tall.session.scribbles is painted
    for row in (500, 11_500):
        go(tall, row, 150)
        assert_the_layer_shows_it(tall)
        assert tall.layer.data.any()


def test_opened_scribbles_take_the_numbers_of_their_names(
    tall: Driver, tmp_path: Path
) -> None:
    PluginManager.instance().discover()
    both_far_apart(tall)
    tall.session.rename_class(1, "kidney")
    path = tmp_path / "t.oodscribbles"
    tall.layer.save(str(path), plugin=PLUGIN)
    image = tall.images.image
    assert image is not None
    small = tall.viewer.add_image(two_halves(), rgb=True, name="b")
    tall.images.choose(small)
    tall.show_all()
    tall.stroke((20, 10), (20, 30))  # else the classes are replaced
    tall.session.rename_class(1, "liver")
    tall.session.rename_class(2, "kidney")
    tall.canvas.grab()  # vispy cannot remove what it has still to draw
    tall.viewer.layers.remove("tall scribbles")
    tall.viewer.layers.remove(image)
    other = tall.viewer.add_image(two_halves(TALL), rgb=True, name="other")
    tall.images.choose(other)
    (opened,) = tall.viewer.open(str(path), plugin=PLUGIN)
    tall.until(lambda: tall.images.scribbles is opened)
    names = {c.id: c.name for c in tall.session.classes}
    painted = [names[s.class_id] for s in tall.session.scribbles.strokes]
    assert painted == ["kidney", "class 2"]
    assert_the_layer_shows_it(tall)

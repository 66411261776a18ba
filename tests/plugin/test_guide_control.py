from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari.layers import Points
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QLineEdit

from napari_ood_seg.core.types import UNKNOWN
from napari_ood_seg.plugin.camera import camera_of
from napari_ood_seg.plugin.panels.pick_list import PickList
from tests.plugin.driver import LEFT, pixels

if TYPE_CHECKING:
    from tests.plugin.driver import Driver

SHAPE = (96, 96)
NEW = (slice(56, 88), slice(28, 68))


def with_a_stranger() -> Any:
    """Return `(h, w, 3)` uint8: dark left, bright right, and red what nobody paints."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, 40, (*SHAPE, 3), dtype=np.uint8)
    image[:, SHAPE[1] // 2 :] += 150
    image[NEW] = rng.integers(0, 40, (32, 40, 3), dtype=np.uint8)
    image[NEW][..., 0] += 200
    return image


@pytest.fixture
def trained(driver: Driver) -> Driver:
    """A model of two classes; a third is in the image."""
    driver.add_image(with_a_stranger())
    driver.paint_both()
    driver.train()
    return driver


def lists(driver: Driver) -> tuple[PickList, PickList]:
    groups, doubts = driver.panel.guide_panel.findChildren(PickList)
    return groups, doubts


def click_row(driver: Driver, table: PickList, row: int) -> None:
    driver.panel.sections.ensureWidgetVisible(table)
    driver.spin()
    item = table.item(row, 0)
    assert item is not None
    centre: QPoint = table.visualItemRect(item).center()
    driver._hand.mouseClick(table.viewport(), LEFT, pos=centre)
    driver.spin()


def push(driver: Driver, text: str) -> None:
    button = driver.button(text)
    driver.panel.sections.ensureWidgetVisible(button)
    driver.spin()
    driver.push(text)


def search(driver: Driver) -> None:
    push(driver, "Next unknown")
    driver.until(lambda: not driver.session.busy)
    driver.spin()


def centre(driver: Driver) -> tuple[float, float]:
    point = np.asarray(camera_of(driver.viewer).center)[-2:]
    row, column = driver.layer.world_to_data(point)
    return float(row), float(column)


def is_new(point: tuple[float, float]) -> bool:
    return all(s.start <= p < s.stop for p, s in zip(point, NEW, strict=True))


def previews(driver: Driver) -> list[Points]:
    return [la for la in driver.viewer.layers if isinstance(la, Points)]


def test_next_goes_to_what_nobody_painted(trained: Driver) -> None:
    trained.viewer.reset_view()
    whole = camera_of(trained.viewer).zoom
    search(trained)
    assert is_new(centre(trained))
    assert camera_of(trained.viewer).zoom > whole
    here = trained.panel.guides.here
    assert here is not None
    assert centre(trained) == pytest.approx(here.point, abs=1)
    groups, _ = lists(trained)
    assert groups.currentRow() == here.group == 0
    assert groups.texts()[0][0].startswith("Unknown 1, taken for class ")
    assert groups.texts()[0][2].startswith("1/")


def test_who_has_begun_to_paint_is_not_taken_elsewhere(trained: Driver) -> None:
    before = centre(trained)
    trained.press((20, 20))
    trained.panel.guides.go_next()  # the key, with the other hand
    searching = trained.session.busy
    trained.release((20, 20))
    trained.panel.guides.go_next()
    assert (searching, trained.session.busy) == (False, True)
    trained.press((20, 24))
    trained.until(lambda: not trained.session.busy)
    trained.spin()
    assert centre(trained) == before
    assert lists(trained)[0].rowCount() > 0
    trained.release((20, 24))
    search(trained)
    assert centre(trained) != before


def test_key_goes_on_and_ends(trained: Driver) -> None:
    trained.key(Qt.Key.Key_U)
    trained.until(lambda: not trained.session.busy)
    trained.spin()
    guide = trained.panel.guides.guide
    assert len(guide.visited) == 1
    n = len(guide.regions)
    for seen in range(2, n + 1):
        trained.key(Qt.Key.Key_U)
        assert len(guide.visited) == seen
        region = trained.panel.guides.here
        assert region is guide.regions[seen - 1]
        assert centre(trained) == pytest.approx(region.point, abs=1)
    trained.key(Qt.Key.Key_U)
    assert trained.message[0].startswith("nothing is left to look at")


def test_training_forgets_what_was_visited(trained: Driver) -> None:
    search(trained)
    trained.train()
    groups, _ = lists(trained)
    assert not trained.panel.guides.guide.ready
    assert not groups.isVisible()
    search(trained)
    assert len(trained.panel.guides.guide.visited) == 1


def test_click_on_a_group_goes_there(trained: Driver) -> None:
    search(trained)
    trained.show_all()
    groups, _ = lists(trained)
    click_row(trained, groups, 0)
    regions = trained.panel.guides.guide.groups[0].regions
    expected = regions[1 % len(regions)]
    assert centre(trained) == pytest.approx(expected.point, abs=1)


def test_new_class_from_a_suggestion_is_one_step(trained: Driver) -> None:
    search(trained)
    before = trained.session.scribbles
    push(trained, "Make it a class...")
    trained.spin()
    (preview,) = previews(trained)
    assert all(is_new(tuple(p)) for p in preview.data)
    assert trained.session.scribbles is before
    assert trained.viewer.layers.selection.active is trained.layer
    name = trained.panel.guide_panel.findChildren(QLineEdit)[0]
    assert name.isVisible()
    name.selectAll()
    trained._hand.keyClicks(name, "tumour")
    trained._hand.keyClick(name, Qt.Key.Key_Return)
    trained.spin()
    assert previews(trained) == []
    assert [c.name for c in trained.session.classes][-1] == "tumour"
    stroke = trained.session.scribbles.strokes[-1]
    assert stroke.class_id == 3
    assert len(trained.session.scribbles.strokes) == len(before.strokes) + 1
    np.testing.assert_array_equal(
        np.argwhere(pixels(trained.session.scribbles) == 3), np.asarray(preview.data)
    )
    assert trained.layer.selected_label == 3
    trained.undo()
    assert trained.session.scribbles is before
    trained.redo()
    assert trained.session.scribbles.strokes[-1].id == stroke.id


def test_cancelled_suggestion_paints_nothing(trained: Driver) -> None:
    search(trained)
    before = trained.session.scribbles
    push(trained, "Make it a class...")
    assert len(previews(trained)) == 1
    push(trained, "Cancel")
    assert previews(trained) == []
    assert trained.session.scribbles is before
    assert len(trained.session.classes) == 2
    assert trained.button("Make it a class...").isVisible()


def test_removed_preview_cancels(trained: Driver) -> None:
    search(trained)
    push(trained, "Make it a class...")
    trained.viewer.layers.remove(previews(trained)[0])
    name = trained.panel.guide_panel.findChildren(QLineEdit)[0]
    assert not name.isVisible()


def test_preview_goes_after_its_image(trained: Driver) -> None:
    search(trained)
    push(trained, "Make it a class...")
    trained.viewer.layers.remove(trained.images.image)
    assert len(previews(trained)) == 1  # napari may be about to remove it as well
    trained.spin()
    assert previews(trained) == []


def test_preview_goes_with_the_panel(trained: Driver) -> None:
    search(trained)
    push(trained, "Make it a class...")
    trained.viewer.window.remove_dock_widget(trained.panel)
    assert previews(trained) == []


def test_mistaken_stroke_is_listed_shown_and_deleted(driver: Driver) -> None:
    driver.add_image(with_a_stranger())
    driver.paint_both()
    driver.panel.classes.select(1)
    driver.stroke((24, 60), (24, 80))  # class 1 on what is class 2
    wrong = driver.session.scribbles.strokes[-1]
    driver.train()
    push(driver, "Check scribbles")
    driver.until(lambda: not driver.session.busy)
    driver.spin()
    assert driver.panel.guides.here is None
    _, doubts = lists(driver)
    found = driver.panel.guides.guide.doubts
    row = [d.stroke_id for d in found].index(wrong.id)
    assert found[row].looks_like in (2, UNKNOWN)
    assert doubts.texts()[row][0].startswith("class 1: looks ")
    click_row(driver, doubts, row)
    assert centre(driver) == pytest.approx(found[row].point, abs=1)
    before = driver.session.scribbles
    push(driver, "Delete stroke")
    driver.spin()
    assert wrong.id not in {s.id for s in driver.session.scribbles.strokes}
    assert wrong.id not in {d.stroke_id for d in driver.panel.guides.guide.doubts}
    driver.undo()
    assert driver.session.scribbles is before
    assert wrong.id in {d.stroke_id for d in driver.panel.guides.guide.doubts}


def test_without_a_model_it_says_what_is_missing(driver: Driver) -> None:
    driver.add_image(with_a_stranger())
    push(driver, "Next unknown")
    assert driver.message == (
        "there is no model yet: train one or load one first",
        "warning",
    )

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from tests.plugin.driver import two_halves

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Layer

    from tests.plugin.driver import Driver

DIGITS = [getattr(Qt.Key, f"Key_{n}") for n in range(1, 10)]


def shown(driver: Driver) -> list[tuple[int, str, str, int, int]]:
    rows = driver.panel.classes_panel._classes
    return [(r.id, r.name, r.hotkey, r.strokes, r.pixels) for r in rows]


def test_the_first_class_is_there_and_is_painted(driver: Driver) -> None:
    driver.add_image(two_halves())
    assert shown(driver) == [(1, "class 1", "1", 0, 0)]
    assert driver.layer.selected_label == 1
    assert driver.layer.mode == "paint"
    assert driver.viewer.layers.selection.active is driver.layer


LAYERS = ["scribbles", "none", "image", "labels", "points", "shapes"]


def activate(driver: Driver, kind: str) -> Layer | None:
    """Make a layer of a kind active; number keys of its own are napari's."""
    viewer, mask = driver.viewer, np.zeros((64, 64), np.uint8)
    made: dict[str, Callable[[], Any]] = {
        "none": lambda: None,
        "scribbles": lambda: driver.layer,
        "image": lambda: driver.images.image,
        "labels": lambda: viewer.add_labels(mask, name="others"),
        "points": lambda: viewer.add_points([[1, 1]]),
        "shapes": lambda: viewer.add_shapes([[[1, 1], [9, 9]]]),
    }
    layer: Layer | None = made[kind]()
    viewer.layers.selection.clear()
    viewer.layers.selection.active = layer
    return layer


@pytest.mark.parametrize("kind", LAYERS)
def test_number_keys_choose_the_class(driver: Driver, kind: str) -> None:
    driver.add_image(two_halves())
    for _ in range(9):
        driver.panel.classes.add()
    layer = activate(driver, kind)
    for number, key in enumerate(DIGITS, start=1):
        driver.viewer.layers.selection.clear()
        driver.viewer.layers.selection.active = layer
        driver.key(key)
        assert driver.panel.classes_panel.current_id() == number
        assert driver.layer.selected_label == number
        assert driver.layer.mode == "paint"
        assert driver.viewer.layers.selection.active is driver.layer
    assert [row[2] for row in shown(driver)] == [*"123456789", ""]


@pytest.mark.parametrize(
    ("kind", "key", "mode"),
    [
        ("image", Qt.Key.Key_2, "transform"),
        ("labels", Qt.Key.Key_4, "fill"),
        ("points", Qt.Key.Key_2, "add"),
        ("shapes", Qt.Key.Key_4, "direct"),
    ],
)
def test_naparis_keys_are_back_once_the_panel_is_closed(
    driver: Driver, kind: str, key: Qt.Key, mode: str
) -> None:
    driver.add_image(two_halves())
    layer = activate(driver, kind)
    assert layer is not None
    before = str(layer.mode)
    driver.key(key)
    assert str(layer.mode) == before  # class or not: the digits are ours
    driver.viewer.layers.selection.active = layer
    driver.viewer.window.remove_dock_widget(driver.panel)
    driver.spin()
    driver.key(key)
    assert str(layer.mode) == mode


def test_number_keys_while_the_table_has_the_focus(driver: Driver, user: Any) -> None:
    driver.add_image(two_halves())
    driver.panel.classes.add()
    table = driver.panel.classes_panel._table
    table.setFocus()
    user.keyClick(table, Qt.Key.Key_1)
    assert driver.layer.selected_label == 1
    user.keyClick(table, Qt.Key.Key_2)
    assert driver.layer.selected_label == 2


def test_keys_follow_the_order_of_the_table(driver: Driver, user: Any) -> None:
    driver.add_image(two_halves())
    driver.panel.classes.add()
    driver.panel.classes.add()
    table = driver.panel.classes_panel._table
    user.keyClick(table, Qt.Key.Key_Up, Qt.KeyboardModifier.AltModifier)
    assert [row[0] for row in shown(driver)] == [1, 3, 2]
    assert driver.panel.classes_panel.current_id() == 3
    driver.key(Qt.Key.Key_3)
    assert driver.layer.selected_label == 2
    driver.push("▲")
    driver.push("▲")
    assert [row[0] for row in shown(driver)] == [2, 1, 3]
    assert not driver.button("▲").isEnabled()
    driver.push("▼")
    assert [row[0] for row in shown(driver)] == [1, 2, 3]
    assert driver.layer.metadata["classes"] == driver.session.classes


def test_merge(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.paint_both()
    painted = driver.layer.data > 0
    strokes = driver.session.scribbles.strokes
    driver.panel.classes.select(1)
    choose_merge(driver, "class 2")
    assert [row[0] for row in shown(driver)] == [2]
    assert driver.layer.selected_label == 2
    np.testing.assert_array_equal(driver.layer.data, np.where(painted, 2, 0))
    now = driver.session.scribbles.strokes
    assert [(s.id, len(s)) for s in now] == [(s.id, len(s)) for s in strokes]
    assert shown(driver)[0][3:] == (4, int(painted.sum()))
    driver.train()  # compares all pixels with the strokes
    assert driver.session.scribbles.strokes is now


def choose_merge(driver: Driver, name: str) -> None:
    menu = driver.panel.classes_panel._merge
    menu.aboutToShow.emit()
    next(a for a in menu.actions() if a.text() == name).trigger()


def test_a_key_without_a_class_does_nothing(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.key(Qt.Key.Key_5)
    assert driver.layer.selected_label == 1


def test_keys_work_on_a_layer_that_came_back(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.panel.classes.add()
    driver.viewer.layers.remove(driver.layer)
    driver.push("New scribbles")
    driver.key(Qt.Key.Key_1)
    assert driver.layer.selected_label == 1
    driver.key(Qt.Key.Key_2)
    assert driver.layer.selected_label == 2
    assert driver.layer.mode == "paint"


def test_add_paints_the_new_class(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.push("+ Add")
    assert driver.layer.selected_label == 2
    driver.stroke((20, 10), (20, 20))
    assert driver.session.scribbles.class_ids == (2,)


def test_counts_follow_the_strokes(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.stroke((20, 10), (20, 30))
    painted = int((driver.layer.data == 1).sum())
    assert painted > 0
    assert shown(driver)[0][3:] == (1, painted)
    driver.undo()
    assert shown(driver)[0][3:] == (0, 0)


def test_rename(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.panel.classes_panel.rename_requested.emit(1, "  Tumour ")
    assert driver.session.classes[0].name == "Tumour"
    driver.panel.classes_panel.rename_requested.emit(1, "   ")
    assert shown(driver)[0][1] == "Tumour"
    assert driver.layer.metadata["classes"][0].name == "Tumour"


def test_recolour(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.panel.classes_panel.color_requested.emit(1, "#00ff00")
    np.testing.assert_allclose(driver.layer.colormap.map(1), [0, 1, 0, 1])


def test_remove_goes_on_with_another_class(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.paint_both()
    driver.panel.classes.select(2)
    driver.push("− Remove")  # noqa: RUF001 - the button's own sign
    assert [row[0] for row in shown(driver)] == [1]
    assert driver.layer.selected_label == 1
    assert not (driver.layer.data == 2).any()
    driver.train()  # compares all pixels with the strokes
    assert driver.session.scribbles.class_ids == (1,)


def test_remove_the_last_class(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.stroke((20, 10), (20, 30))
    driver.panel.classes.remove(1)
    assert shown(driver) == []
    assert not driver.layer.data.any()
    driver.stroke((20, 10), (20, 30))
    assert [row[0] for row in shown(driver)] == [1]


def test_a_class_painted_with_naparis_own_control_gets_a_name(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.layer.selected_label = 4
    driver.stroke((20, 10), (20, 30))
    assert [row[:2] for row in shown(driver)] == [(1, "class 1"), (4, "class 4")]


def test_the_panel_follows_naparis_own_control(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.panel.classes.add()
    driver.layer.selected_label = 1
    assert driver.panel.classes_panel.current_id() == 1
    assert driver.panel.classes.current == 1


def test_at_most_254_classes(driver: Driver) -> None:
    for _ in range(254):
        driver.session.add_class()
    driver.panel.classes.add()
    assert driver.message == ("there can be at most 254 classes", "error")

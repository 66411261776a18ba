from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import Qt

from tests.plugin.driver import two_halves

if TYPE_CHECKING:
    from tests.plugin.driver import Driver

DIGITS = [getattr(Qt.Key, f"Key_{n}") for n in range(1, 10)]


def shown(driver: Driver) -> list[tuple[int, str, str, int]]:
    rows = driver.panel.classes_panel._classes
    return [(r.id, r.name, r.hotkey, r.pixels) for r in rows]


def test_the_first_class_is_there_and_is_painted(driver: Driver) -> None:
    driver.add_image(two_halves())
    assert shown(driver) == [(1, "class 1", "1", 0)]
    assert driver.layer.selected_label == 1
    assert driver.layer.mode == "paint"
    assert driver.viewer.layers.selection.active is driver.layer


@pytest.mark.parametrize("active", ["scribbles", "none"])
def test_number_keys_choose_the_class(driver: Driver, active: str) -> None:
    driver.add_image(two_halves())
    for _ in range(9):
        driver.panel.classes.add()
    for number, key in enumerate(DIGITS, start=1):
        if active == "none":
            driver.viewer.layers.selection.clear()
        driver.key(key)
        assert driver.panel.classes_panel.current_id() == number
        assert driver.layer.selected_label == number
        assert driver.viewer.layers.selection.active is driver.layer
    assert [row[2] for row in shown(driver)] == [*"123456789", ""]


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
    assert shown(driver)[0][3] == painted > 0
    driver.undo()
    assert shown(driver)[0][3] == 0


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

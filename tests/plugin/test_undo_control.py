from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QStyle, QStyleOptionSlider

from tests.plugin.driver import CONTROL, Driver, open_panel, pixels, two_halves

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

    Command = Callable[[Driver], None]


def state(driver: Driver) -> tuple[Any, ...]:
    return driver.session.classes, driver.session.scribbles


def assert_the_layer_shows_it(driver: Driver) -> None:
    np.testing.assert_array_equal(pixels(driver.session.scribbles), driver.layer.data)


COMMANDS: dict[str, Command] = {
    "add": lambda d: d.push("+ Add"),
    "rename": lambda d: d.panel.classes_panel.rename_requested.emit(1, "Liver"),
    "recolour": lambda d: d.panel.classes_panel.color_requested.emit(1, "#ffffff"),
    "move": lambda d: d.panel.classes_panel.move_requested.emit(1, 1),
    "remove": lambda d: d.panel.classes.remove(1),
    "merge": lambda d: d.panel.classes.merge(1, 2),
    "other stroke": lambda d: d.stroke((24, 10), (24, 50)),
    "stroke": lambda d: d.stroke((50, 10), (50, 50)),
}


def test_everything_in_its_order_and_back(driver: Driver) -> None:
    """Edits and strokes mixed; keys take back the last, whatever it was."""
    driver.add_image(two_halves())
    driver.paint_both()
    states = [state(driver)]
    order = "rename, stroke, move, recolour, other stroke, merge, add, stroke"
    for name in order.split(", "):
        COMMANDS[name](driver)
        states.append(state(driver))
    assert len({id(s) for _, s in states}) == 5
    for wanted in reversed(states[:-1]):
        driver.undo()
        assert state(driver) == wanted
        assert_the_layer_shows_it(driver)
    for wanted in states[1:]:
        driver.redo()
        assert state(driver) == wanted
        assert_the_layer_shows_it(driver)


def test_strokes_from_before_the_panel_was_opened_again(
    driver: Driver, qtbot: QtBot
) -> None:
    image = driver.add_image(two_halves())
    driver.paint_both()
    driver.viewer.window.remove_dock_widget(driver.panel)
    again = Driver(driver.viewer, open_panel(driver.viewer), qtbot)
    again.until(lambda: again.images.image is image)
    for left in (3, 2):
        again.undo()
        assert len(again.session.scribbles.strokes) == left
        assert_the_layer_shows_it(again)
    for left in (3, 4):
        again.redo()
        assert len(again.session.scribbles.strokes) == left
        assert_the_layer_shows_it(again)
    again.stroke((50, 10), (50, 50))
    again.undo()
    assert len(again.session.scribbles.strokes) == 4
    assert_the_layer_shows_it(again)


@pytest.mark.parametrize("name", COMMANDS)
def test_buttons(driver: Driver, name: str) -> None:
    driver.add_image(two_halves())
    driver.paint_both()
    before = state(driver)
    COMMANDS[name](driver)
    after = state(driver)
    assert after != before
    driver.push("↶")
    assert state(driver) == before
    driver.push("↷")
    assert state(driver) == after
    assert_the_layer_shows_it(driver)
    assert not driver.button("↷").isEnabled()


def test_buttons_say_what_they_do(driver: Driver) -> None:
    driver.add_image(two_halves())
    undo, redo = driver.button("↶"), driver.button("↷")
    assert not undo.isEnabled()  # nobody asked for the first class
    assert undo.toolTip() == "There is nothing to undo."
    driver.stroke((20, 10), (20, 30))
    assert undo.toolTip() == "Undo: the last stroke."
    driver.panel.classes_panel.rename_requested.emit(1, "Liver")
    assert undo.toolTip() == "Undo: rename class 1."
    driver.push("↶")
    assert driver.message == ("undone: rename class 1", "info")
    assert (undo.toolTip(), redo.toolTip()) == (
        "Undo: the last stroke.",
        "Redo: rename class 1.",
    )


def n_strokes(driver: Driver) -> int:
    return len(driver.session.scribbles.strokes)


def drag(driver: Driver, to: float) -> None:
    """Drag the handle of the threshold to a share of its groove, in several moves."""
    slider, option = driver.panel.results_panel._keep, QStyleOptionSlider()
    slider.initStyleOption(option)
    style = slider.style()
    assert style is not None
    handle = style.subControlRect(
        QStyle.ComplexControl.CC_Slider,
        option,
        QStyle.SubControl.SC_SliderHandle,
        slider,
    )
    start = handle.center()
    driver.drag(slider, start, QPoint(round(to * slider.width()), start.y()))


def test_the_threshold_is_in_the_order_of_strokes_and_edits(driver: Driver) -> None:
    driver.add_image(two_halves())
    session, shown = driver.session, driver.panel.results_panel._keep
    driver.paint_both()
    driver.train()
    told: list[float] = []
    session.keep_changed.connect(told.append)
    drag(driver, 0.5)
    first = session.keep
    assert len(told) > 3
    assert first < 0.9
    drag(driver, 0.2)
    second = session.keep
    assert second < first
    driver.stroke((50, 10), (50, 30))
    driver.panel.classes_panel.rename_requested.emit(1, "Liver")
    drag(driver, 0.8)
    assert (
        driver.button("↶").toolTip()
        == f"Undo: keep {session.keep:.1%} of the scribbles."
    )
    driver.undo()
    assert session.keep == second
    driver.undo()
    assert session.classes[0].name == "class 1"
    assert n_strokes(driver) == 5
    driver.undo()
    assert n_strokes(driver) == 4
    assert session.keep == second
    driver.undo()
    assert session.keep == first
    assert shown.value() == round(1000 * first)
    driver.undo()
    assert session.keep == 0.95
    driver.undo()
    assert n_strokes(driver) == 3
    for _ in range(3):
        driver.redo()
    assert session.keep == second
    driver.redo()
    assert n_strokes(driver) == 5
    assert_the_layer_shows_it(driver)


def test_settings_are_undone_in_the_panel(driver: Driver) -> None:
    driver.add_image(two_halves())
    panel = driver.panel.settings_panel
    before = driver.session.config
    spin: Any = panel._inputs["smoothing",].native
    spin.setValue(3.0)
    assert driver.session.config.smoothing == 3.0
    assert driver.button("↶").toolTip() == "Undo: change Smoothing."
    driver.undo()
    assert driver.session.config == before
    assert panel._inputs["smoothing",].value == before.smoothing


def test_keys_without_an_image_or_while_it_is_active(driver: Driver) -> None:
    driver.session.add_class()
    driver.session.rename_class(1, "Liver")
    driver.undo()
    assert driver.session.classes[0].name == "class 1"
    image = driver.add_image(two_halves())
    driver.stroke((20, 10), (20, 30))
    driver.viewer.layers.selection.active = image
    driver.undo()
    assert driver.session.scribbles.strokes == ()


def test_the_table_passes_the_keys_on(driver: Driver, user: Any) -> None:
    driver.add_image(two_halves())
    driver.panel.classes_panel.rename_requested.emit(1, "Liver")
    table = driver.panel.classes_panel._table
    table.setFocus()
    user.keyClick(table, Qt.Key.Key_Z, CONTROL)
    assert driver.session.classes[0].name == "class 1"


@pytest.mark.parametrize("name", ["remove", "merge"])
def test_napari_may_undo_it_on_the_layer(driver: Driver, name: str) -> None:
    driver.add_image(two_halves())
    driver.paint_both()
    before = state(driver)
    COMMANDS[name](driver)
    after = state(driver)
    driver.layer.undo()
    driver.spin()
    assert state(driver) == before
    driver.layer.redo()
    driver.spin()
    assert state(driver) == after


@pytest.mark.parametrize("name", ["remove", "merge"])
def test_on_a_layer_that_was_made_anew(driver: Driver, name: str) -> None:
    driver.add_image(two_halves())
    driver.paint_both()
    before = state(driver)
    COMMANDS[name](driver)
    after = state(driver)
    driver.viewer.layers.remove(driver.layer)
    driver.push("New scribbles")
    driver.undo()
    assert state(driver) == before
    assert_the_layer_shows_it(driver)
    driver.redo()
    assert state(driver) == after
    assert_the_layer_shows_it(driver)


def test_a_stroke_that_changed_nothing_is_in_nobodys_way(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.paint_both()
    COMMANDS["stroke"](driver)
    before = state(driver)
    COMMANDS["merge"](driver)
    COMMANDS["stroke"](driver)  # the same pixels in the same class
    for _ in range(3):
        if state(driver) != before:
            driver.undo()
    assert state(driver) == before
    assert_the_layer_shows_it(driver)


def test_on_planes(driver: Driver) -> None:
    image = driver.add_image(np.random.default_rng(0).random((3, 48, 64)))
    driver.images.choose(image, "ZYX")
    driver.stroke((10, 10), (10, 30))
    driver.viewer.dims.set_current_step(0, 2)
    driver.stroke((20, 10), (20, 30))
    driver.panel.classes.add()
    driver.stroke((30, 10), (30, 30))
    before = state(driver)
    driver.panel.classes.merge(1, 2)
    assert [s.class_id for s in driver.session.scribbles.strokes] == [2, 2, 2]
    assert set(np.unique(driver.layer.data)) == {0, 2}
    driver.undo()
    assert state(driver) == before
    for plane in range(3):
        seen = pixels(driver.session.scribbles, plane)
        np.testing.assert_array_equal(seen, driver.layer.data[plane])

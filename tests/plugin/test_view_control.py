from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QApplication

from napari_ood_seg.plugin.panels.legend import Legend
from tests.plugin.driver import Driver, open_panel, two_halves

if TYPE_CHECKING:
    from napari.layers import Image, Labels
    from pytestqt.qtbot import QtBot


def trained(driver: Driver) -> tuple[Labels, Image]:
    driver.add_image(two_halves(), name="it")
    driver.paint_both()
    driver.train()
    overlays = driver.panel.overlays
    driver.until(lambda: not overlays.pending)
    assert overlays.classes is not None
    assert overlays.heatmap is not None
    return overlays.classes, overlays.heatmap


def boxes(driver: Driver) -> tuple[bool, bool]:
    shown = driver.panel.results_panel._shown
    return shown["classes"].isChecked(), shown["heatmap"].isChecked()


def visible(*layers: Any) -> tuple[bool, ...]:
    return tuple(layer.visible for layer in layers)


def legend_of(driver: Driver) -> Legend:
    (legend,) = driver.canvas.findChildren(Legend)
    return legend


def test_hold_to_see_the_bare_image(driver: Driver, user: Any) -> None:
    layers = (*trained(driver), driver.layer)
    driver.canvas.setFocus()
    user.keyPress(driver.canvas, Qt.Key.Key_H)
    assert visible(*layers) == (False, False, False)
    assert boxes(driver) == (True, True)  # nothing was chosen
    user.keyRelease(driver.canvas, Qt.Key.Key_H)
    assert visible(*layers) == (True, True, True)
    assert driver.layer.mode == "paint"
    driver.stroke((30, 6), (30, 24))  # and goes on


def test_what_was_hidden_stays_hidden(driver: Driver, user: Any) -> None:
    classes, heatmap = trained(driver)
    heatmap.visible = False
    driver.layer.visible = False
    user.keyPress(driver.canvas, Qt.Key.Key_H)
    user.keyRelease(driver.canvas, Qt.Key.Key_H)
    assert visible(classes, heatmap, driver.layer) == (True, False, False)


def test_a_key_that_was_released_in_another_window(
    driver: Driver, user: Any, qtbot: QtBot
) -> None:
    layers = (*trained(driver), driver.layer)
    user.keyPress(driver.canvas, Qt.Key.Key_H)
    app = QApplication.instance()
    assert isinstance(app, QApplication)
    app.focusWindowChanged.emit(None)
    assert visible(*layers) == (True, True, True)
    user.keyPress(driver.canvas, Qt.Key.Key_H)  # what was held is over only now
    assert visible(*layers) == (False, False, False)
    user.keyRelease(driver.canvas, Qt.Key.Key_H)
    assert visible(*layers) == (True, True, True)


def test_closed_while_the_key_is_held(driver: Driver, user: Any) -> None:
    layers = (*trained(driver), driver.layer)
    user.keyPress(driver.canvas, Qt.Key.Key_H)
    driver.viewer.window.remove_dock_widget(driver.panel)
    driver.spin()
    assert visible(*layers) == (True, True, True)
    user.keyRelease(driver.canvas, Qt.Key.Key_H)


def test_next_view(driver: Driver) -> None:
    layers = trained(driver)
    seen = []
    for _ in range(4):
        driver.key(Qt.Key.Key_N)
        assert boxes(driver) == visible(*layers)
        seen.append(visible(*layers))
    assert seen == [(False, False), (True, False), (False, True), (True, True)]


def test_next_view_without_a_result_changes_nothing(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.key(Qt.Key.Key_N)
    assert driver.panel.overlays.wanted == {"classes": True, "heatmap": True}
    assert driver.viewer.status == "there is no result to show yet"


@pytest.mark.parametrize("active", ["scribbles", "image", "classes"])
def test_opacity_by_key(driver: Driver, active: str) -> None:
    classes, heatmap = trained(driver)
    driver.viewer.layers.selection.active = {
        "scribbles": driver.layer,
        "image": driver.images.image,
        "classes": classes,
    }[active]
    driver.key(Qt.Key.Key_Comma)
    driver.key(Qt.Key.Key_Comma)
    assert (classes.opacity, heatmap.opacity) == pytest.approx((0.35, 0.7))
    assert driver.panel.results_panel._opacity.value() == 35
    for _ in range(9):
        driver.key(Qt.Key.Key_Period)
    assert (classes.opacity, heatmap.opacity) == (1, 1)
    for _ in range(12):
        driver.key(Qt.Key.Key_Comma)
    assert (classes.opacity, heatmap.opacity) == (0, 0)


class TestEyes:
    """The eye icons of napari's layer list."""

    def test_check_boxes_follow(self, driver: Driver) -> None:
        classes, heatmap = trained(driver)
        heatmap.visible = False
        assert boxes(driver) == (True, False)
        classes.visible = False
        assert boxes(driver) == (False, False)
        heatmap.visible = True
        assert boxes(driver) == (False, True)

    def test_with_the_mouse(self, driver: Driver, user: Any) -> None:
        _, heatmap = trained(driver)
        view = driver.viewer.window._qt_viewer.layers
        row = list(reversed(driver.viewer.layers)).index(heatmap)
        where = view.visualRect(view.model().index(row, 0))
        eye = QPoint(where.left() + 44, where.center().y())
        user.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=eye)
        assert not heatmap.visible
        assert boxes(driver) == (True, False)

    def test_what_was_hidden_stays_hidden_after_training(self, driver: Driver) -> None:
        _, heatmap = trained(driver)
        heatmap.visible = False
        driver.train()
        assert boxes(driver) == (True, False)
        driver.viewer.layers.remove(heatmap)
        driver.train()
        again = driver.panel.overlays.heatmap
        assert again is not None
        assert not again.visible

    def test_nobody_listens_to_what_is_closed(self, driver: Driver) -> None:
        _, heatmap = trained(driver)
        overlays = driver.panel.overlays
        driver.viewer.window.remove_dock_widget(driver.panel)
        driver.spin()
        heatmap.visible = False
        assert overlays.wanted["heatmap"]


class TestLegend:
    def test_only_when_asked_for_and_there_is_something(self, driver: Driver) -> None:
        legend = legend_of(driver)
        driver.panel.classes_panel._legend.click()
        assert not legend.isVisible()
        driver.add_image(two_halves())
        assert legend.isVisible()
        driver.panel.classes_panel._legend.click()
        assert not legend.isVisible()

    def test_follows_names_colours_order_and_unknown(self, driver: Driver) -> None:
        driver.add_image(two_halves())
        driver.key(Qt.Key.Key_G)
        legend, session = legend_of(driver), driver.session
        driver.panel.classes.add()
        session.rename_class(1, "Liver")
        session.recolor_class(1, "#010203")
        session.move_class(1, 1)
        assert [name for name, _ in legend.lines()] == ["class 2", "Liver", "unknown"]
        assert legend.lines()[1] == ("Liver", "#010203")
        driver.undo()
        assert [name for name, _ in legend.lines()] == ["Liver", "class 2", "unknown"]
        driver.panel.results_panel.visibility_changed.emit("unknown", False)
        assert [name for name, _ in legend.lines()] == ["Liver", "class 2"]

    def test_key_and_check_box_agree(self, driver: Driver) -> None:
        driver.add_image(two_halves())
        box = driver.panel.classes_panel._legend
        driver.key(Qt.Key.Key_G)
        assert (box.isChecked(), legend_of(driver).isVisible()) == (True, True)
        driver.key(Qt.Key.Key_G)
        assert (box.isChecked(), legend_of(driver).isVisible()) == (False, False)

    def test_is_remembered_and_goes_with_the_panel(
        self, driver: Driver, qtbot: QtBot
    ) -> None:
        driver.add_image(two_halves())
        driver.key(Qt.Key.Key_G)
        driver.viewer.window.remove_dock_widget(driver.panel)
        driver.spin()
        assert driver.canvas.findChildren(Legend) == []
        again = Driver(driver.viewer, open_panel(driver.viewer), qtbot)
        again.until(lambda: again.images.image is not None)
        assert legend_of(again).isVisible()

    def test_one_can_paint_under_it(self, driver: Driver) -> None:
        driver.add_image(two_halves())
        driver.key(Qt.Key.Key_G)
        legend = legend_of(driver)
        corner = (60.0, 4.0)
        place = legend.geometry()
        place.setTop(0)
        place.setRight(driver.canvas.width())
        legend.setGeometry(place)  # large enough to be hit for sure
        assert legend.geometry().contains(driver.at(corner))
        driver.stroke(corner, (60.0, 9.0))
        assert len(driver.session.scribbles.strokes) == 1

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QCheckBox

from napari_ood_seg.plugin.camera import camera_of
from napari_ood_seg.plugin.layers import role_of
from napari_ood_seg.plugin.panels.pick_list import PickList
from napari_ood_seg.plugin.panels.plots import BarPlot
from tests.plugin.driver import LEFT, SHIFT, delete_what_was_closed, pixels

if TYPE_CHECKING:
    from napari.layers import Points

    from napari_ood_seg.core.guidance.explain import Explanation
    from napari_ood_seg.plugin.explain_control import ExplainControl
    from tests.plugin.conftest import Gate
    from tests.plugin.driver import Driver

SHAPE = (96, 96)
NEW = (slice(56, 88), slice(28, 68))
DARK, STRANGE = (30, 20), (72, 48)


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
    """A model of two classes; what is red belongs to none."""
    driver.add_image(with_a_stranger())
    driver.paint_both()
    driver.train()
    return driver


def control(driver: Driver) -> ExplainControl:
    return driver.panel.explains


def found_by(driver: Driver) -> Explanation:
    found = control(driver).explainer.found
    assert found is not None
    return found


def answered(driver: Driver, point: tuple[int, int]) -> None:
    explainer = control(driver).explainer
    driver.until(lambda: explainer.fresh and explainer.point == point)
    driver.spin()


def marks(driver: Driver) -> list[Points]:
    return [la for la in driver.viewer.layers if role_of(la) == "mark"]


def shown_bars(driver: Driver) -> list[tuple[str, str]]:
    (plot,) = driver.panel.explain_panel.findChildren(BarPlot)
    return [(b.name, b.text) for b in plot.bars()]


def click_row(driver: Driver, table: PickList, row: int) -> None:
    driver.panel.sections.ensureWidgetVisible(table)
    driver.spin()
    item = table.item(row, 0)
    assert item is not None
    centre: QPoint = table.visualItemRect(item).center()
    driver._hand.mouseClick(table.viewport(), LEFT, pos=centre)
    driver.spin()


@pytest.mark.parametrize("mode", ["paint", "erase", "fill", "pan_zoom"])
def test_shift_click_explains_and_paints_nothing(trained: Driver, mode: str) -> None:
    assert not trained.panel.sections.is_expanded("Explain")
    trained.layer.mode = mode
    before, zoom = trained.session.scribbles, camera_of(trained.viewer).zoom
    data = trained.layer.data.copy()
    trained.shift_click(STRANGE)
    answered(trained, STRANGE)
    found = found_by(trained)
    result = trained.session.result
    assert result is not None
    shown = float(result.typicality[STRANGE])
    assert found.typicality == pytest.approx(shown, abs=1e-3)
    assert found.is_unknown(trained.session.keep)
    assert trained.panel.sections.is_expanded("Explain")
    assert trained.panel.explain_panel._title.text().startswith("Unknown, nearest is")
    assert trained.session.scribbles is before
    np.testing.assert_array_equal(trained.layer.data, data)
    assert str(trained.layer.mode) == mode
    assert camera_of(trained.viewer).zoom == zoom


def test_a_stroke_without_shift_still_paints(trained: Driver) -> None:
    trained.shift_click(STRANGE)
    n = len(trained.session.scribbles.strokes)
    trained.stroke((50, 10), (50, 20))
    assert len(trained.session.scribbles.strokes) == n + 1
    assert pixels(trained.session.scribbles)[50, 15] == 2


def test_shift_drag_neither_paints_nor_zooms(trained: Driver) -> None:
    before, zoom = trained.session.scribbles, camera_of(trained.viewer).zoom
    trained.move(DARK)
    hand, canvas = trained._hand, trained.canvas
    hand.mousePress(canvas, LEFT, SHIFT, trained.at(DARK))
    hand.mouseMove(canvas, trained.at((60, 60)))
    hand.mouseRelease(canvas, LEFT, SHIFT, trained.at((60, 60)))
    answered(trained, DARK)
    assert trained.session.scribbles is before
    assert camera_of(trained.viewer).zoom == zoom


def test_key_explains_what_is_under_the_pointer(trained: Driver) -> None:
    trained.move(DARK)
    trained.key(Qt.Key.Key_W)
    answered(trained, DARK)
    assert found_by(trained).best.class_id == 1
    assert [name for name, _ in shown_bars(trained)] == ["class 1", "class 2"]
    assert trained.panel.explain_panel._title.text() == "class 1"


def test_mark_goes_after_its_image(trained: Driver) -> None:
    """Not meanwhile: napari may be about to remove it as well."""
    trained.shift_click(STRANGE)
    answered(trained, STRANGE)
    trained.viewer.layers.remove(trained.images.image)
    assert len(marks(trained)) == 1
    trained.spin()
    assert marks(trained) == []


def test_pointer_elsewhere(trained: Driver) -> None:
    trained.viewer.cursor.position = (-50.0, 3.0)
    trained.key(Qt.Key.Key_W)
    assert control(trained).explainer.point is None
    assert trained.message[0] == "point at a pixel of the image to have it explained"


def test_layers_of_others_keep_their_shift_click(trained: Driver) -> None:
    points = trained.viewer.add_points([[5, 5], [20, 20]], size=9)
    points.mode = "select"
    trained.viewer.layers.selection.active = points
    for point in ((5, 5), (20, 20)):
        trained.shift_click(point)
    assert points.selected_data == {0, 1}
    assert control(trained).explainer.point is None


def test_mark_is_on_the_pixel_and_leaves_the_layers_alone(trained: Driver) -> None:
    trained.shift_click(DARK)
    answered(trained, DARK)
    (mark,) = marks(trained)
    assert mark.data.tolist() == [list(DARK)]
    assert trained.viewer.layers.selection.active is trained.layer
    trained.shift_click(STRANGE)
    answered(trained, STRANGE)
    assert [m.data.tolist() for m in marks(trained)] == [[list(STRANGE)]]
    trained.push("Clear")
    trained.spin()
    assert marks(trained) == []
    assert not trained.panel.explain_panel._about.isVisible()


def test_mark_that_somebody_deletes(trained: Driver) -> None:
    trained.shift_click(DARK)
    answered(trained, DARK)
    trained.viewer.layers.remove(marks(trained)[0])
    assert control(trained).explainer.point is None
    assert trained.panel.explain_panel._hint.isVisible()


def test_mark_goes_with_the_section(trained: Driver, user: Any) -> None:
    trained.shift_click(DARK)
    answered(trained, DARK)
    header = trained.panel.sections._sections["Explain"].toggleButton()
    user.mouseClick(header, LEFT)
    trained.spin()
    assert marks(trained) == []
    user.mouseClick(header, LEFT)
    answered(trained, DARK)
    assert len(marks(trained)) == 1


def test_mark_goes_with_the_panel(trained: Driver) -> None:
    trained.shift_click(DARK)
    answered(trained, DARK)
    trained.viewer.window.remove_dock_widget(trained.panel)
    delete_what_was_closed()
    assert marks(trained) == []
    assert trained.viewer.mouse_move_callbacks == []


def test_closing_the_viewer_with_a_mark(trained: Driver) -> None:
    trained.shift_click(DARK)
    answered(trained, DARK)
    trained.viewer.close()
    delete_what_was_closed()


def test_new_model_explains_the_pixel_again(trained: Driver) -> None:
    trained.shift_click(STRANGE)
    answered(trained, STRANGE)
    before = found_by(trained)
    trained.panel.classes.add()
    trained.stroke((62, 34), (62, 60))
    trained.stroke((82, 34), (82, 60))
    trained.train()
    trained.until(lambda: control(trained).explainer.fresh)
    after = found_by(trained)
    assert (before.point, after.point) == (STRANGE, STRANGE)
    assert before.is_unknown(0.95)
    assert after.best.class_id == 3
    assert shown_bars(trained)[0][0] == "class 3"


def test_old_answer_is_marked_as_old_while_a_job_runs(
    trained: Driver, gate: Gate
) -> None:
    trained.shift_click(DARK)
    answered(trained, DARK)
    place = trained.panel.explain_panel._place
    assert place.text() == "30, 20"
    explainer = control(trained).explainer
    trained.session.model_changed.emit()
    assert place.text().startswith("updating")
    trained.until(lambda: explainer.fresh)
    assert place.text() == "30, 20"


def test_following_the_pointer(trained: Driver) -> None:
    trained.panel.sections.reveal("Explain")
    control(trained).watch(on=True)
    (follow,) = trained.panel.explain_panel.findChildren(QCheckBox)
    follow.click()
    trained.move(DARK)
    answered(trained, DARK)
    trained.move(STRANGE)
    answered(trained, STRANGE)
    trained.spin()
    assert marks(trained) == []  # the pointer is the mark
    trained.shift_click(DARK)
    answered(trained, DARK)
    assert not follow.isChecked()
    trained.move(STRANGE)
    trained.spin()
    assert control(trained).explainer.point == DARK


def test_click_on_a_stroke_goes_there(trained: Driver) -> None:
    trained.shift_click(DARK)
    answered(trained, DARK)
    near = found_by(trained).strokes[1]
    (table,) = trained.panel.explain_panel.findChildren(PickList)
    assert table.texts()[1][0].startswith("class 1, stroke ")
    click_row(trained, table, 1)
    centre = np.asarray(camera_of(trained.viewer).center)[-2:]
    at = trained.layer.world_to_data(centre)
    assert [float(a) for a in at] == pytest.approx(near.point, abs=1)


def test_stroke_that_is_gone_is_not_listed(trained: Driver) -> None:
    trained.shift_click(DARK)
    answered(trained, DARK)
    (table,) = trained.panel.explain_panel.findChildren(PickList)
    n = table.rowCount()
    trained.stroke((50, 10), (50, 20))
    trained.until(lambda: table.rowCount() == n + 1)
    trained.undo()
    trained.until(lambda: table.rowCount() == n)


def test_threshold_decides_what_is_unknown(trained: Driver) -> None:
    trained.shift_click(DARK)
    answered(trained, DARK)
    title = trained.panel.explain_panel._title
    assert title.text() == "class 1"
    trained.session.set_keep(1.0 - found_by(trained).typicality - 0.01)
    assert title.text() == "Unknown, nearest is class 1"
    assert "unknown below" in trained.panel.explain_panel._meter.text()


def test_histograms_of_all_classes_after_a_job(trained: Driver) -> None:
    trained.shift_click(STRANGE)
    explainer = control(trained).explainer
    trained.until(lambda: len(explainer.classes) == 2)
    panel = trained.panel.explain_panel
    names = [panel._class.itemText(i) for i in range(panel._class.count())]
    assert names == ["class 1", "class 2"]
    assert panel._spread.text().endswith("held out.")
    trained.session.rename_class(1, "Dark")
    assert panel._class.itemText(0) == "Dark"


def test_pointer_asks_while_shift_is_held(trained: Driver) -> None:
    canvas, hand = trained.canvas, trained._hand
    usual = canvas.cursor().shape()
    canvas.setFocus()
    hand.keyPress(canvas, Qt.Key.Key_Shift)
    assert canvas.cursor().shape() == Qt.CursorShape.WhatsThisCursor
    hand.keyRelease(canvas, Qt.Key.Key_Shift)
    assert canvas.cursor().shape() == usual


def test_without_a_model_it_says_what_is_missing(driver: Driver) -> None:
    driver.add_image(with_a_stranger())
    driver.shift_click(DARK)
    assert driver.message == (
        "there is no model yet: train one or load one first",
        "warning",
    )
    assert not pixels(driver.session.scribbles).any()


def test_other_scales_and_planes(driver: Driver) -> None:
    stack = np.stack([with_a_stranger(), with_a_stranger()])
    driver.add_image(
        stack, scale=(2.0, 0.5, 0.25), translate=(0.0, 7.0, -3.0), rgb=True
    )
    driver.paint_both()
    driver.train()
    driver.shift_click(STRANGE)
    answered(driver, STRANGE)
    assert found_by(driver).plane == driver.session.plane
    driver.viewer.dims.set_current_step(0, 1)
    assert control(driver).explainer.point is None
    driver.spin()
    assert marks(driver) == []

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt

from napari_ood_seg.plugin.panels.results import ResultsPanel

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(qtbot: QtBot) -> ResultsPanel:
    panel = ResultsPanel()
    qtbot.addWidget(panel)
    panel.set_enabled(True)
    panel.show()
    return panel


def shown_keep(panel: ResultsPanel) -> tuple[int, float]:
    return panel._keep.value(), panel._keep_spin.value()


def test_starts_at_95(panel: ResultsPanel) -> None:
    assert shown_keep(panel) == (950, 95.0)


def test_slider_moves_the_number_and_tells(panel: ResultsPanel, user: Any) -> None:
    told: list[float] = []
    panel.keep_changed.connect(told.append)
    user.keyClick(panel._keep, Qt.Key.Key_Right)
    user.keyClick(panel._keep, Qt.Key.Key_PageDown)
    user.keyClick(panel._keep, Qt.Key.Key_End)
    user.keyClick(panel._keep, Qt.Key.Key_Home)
    assert told == [0.951, 0.941, 0.999, 0.5]
    assert shown_keep(panel) == (500, 50.0)


def test_typed_number_moves_the_slider_once(panel: ResultsPanel, user: Any) -> None:
    told: list[float] = []
    panel.keep_changed.connect(told.append)
    panel._keep_spin.selectAll()
    point = panel._keep_spin.locale().decimalPoint()
    user.keyClicks(panel._keep_spin, f"87{point}5")
    user.keyClick(panel._keep_spin, Qt.Key.Key_Return)
    user.keyClick(panel._keep_spin, Qt.Key.Key_Up)
    assert told == [0.875, 0.876]
    assert shown_keep(panel) == (876, 87.6)


@pytest.mark.parametrize("keep", [0.5, 0.501, 0.8, 0.95, 0.999])
def test_set_keep_is_exact_and_silent(
    panel: ResultsPanel, qtbot: QtBot, keep: float
) -> None:
    with qtbot.assertNotEmitted(panel.keep_changed):
        panel.set_keep(keep)
    assert panel._keep.value() / 1000 == keep
    assert panel._keep_spin.value() == pytest.approx(100 * keep)


@pytest.mark.parametrize("key", ["classes", "heatmap", "unknown"])
def test_check_boxes_tell_which_layer(
    panel: ResultsPanel, qtbot: QtBot, key: str, user: Any
) -> None:
    with qtbot.waitSignal(panel.visibility_changed) as asked:
        user.keyClick(panel._shown[key], Qt.Key.Key_Space)
    assert asked.args == [key, False]
    with qtbot.assertNotEmitted(panel.visibility_changed):
        panel.set_visible_layers({key: True})
    assert panel._shown[key].isChecked()


def test_opacity_is_a_share(panel: ResultsPanel, qtbot: QtBot, user: Any) -> None:
    with qtbot.assertNotEmitted(panel.opacity_changed):
        panel.set_opacity(0.4)
    with qtbot.waitSignal(panel.opacity_changed) as asked:
        user.keyClick(panel._opacity, Qt.Key.Key_Right)
    assert asked.args == [0.41]


def test_buttons_ask(panel: ResultsPanel, user: Any) -> None:
    asked: list[str] = []
    panel.save_requested.connect(lambda: asked.append("save"))
    panel.load_requested.connect(lambda: asked.append("load"))
    panel.export_requested.connect(lambda: asked.append("export"))
    for button in (panel._save, panel._load, panel._export):
        user.mouseClick(button, LEFT)
    panel.set_enabled(False)  # a model can be loaded before there is a result
    for button in (panel._save, panel._load, panel._export):
        user.mouseClick(button, LEFT)
    assert asked == ["save", "load", "export", "load"]


def test_promise_and_areas(panel: ResultsPanel) -> None:
    panel.set_promise("kept 94 % of held-out strokes (12)")
    panel.set_areas([("stroma", "#377eb8", 0.9), ("unknown", "#888888", 0.1)])
    assert panel._promise.text() == "kept 94 % of held-out strokes (12)"
    assert panel._areas.texts()[1] == ("unknown", "10.0 %")


def test_keys_settle_after_a_while(
    panel: ResultsPanel, qtbot: QtBot, user: Any
) -> None:
    with qtbot.waitSignal(panel.keep_settled, timeout=5000):
        for _ in range(3):
            user.keyClick(panel._keep, Qt.Key.Key_Left)
    assert panel._keep.value() == 947
    with qtbot.waitSignal(panel.keep_settled, timeout=5000):
        panel._keep.sliderReleased.emit()

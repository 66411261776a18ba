from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt

from napari_ood_seg.plugin.panels.calibration import FILE, NONE, CalibrationPanel

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

OPTIONS = [("layer a", "a"), ("layer b", "b")]


@pytest.fixture
def panel(qtbot: QtBot) -> CalibrationPanel:
    panel = CalibrationPanel()
    qtbot.addWidget(panel)
    panel.set_references(OPTIONS, NONE, NONE)
    panel.show()
    return panel


def test_choosing_tells_a_key(panel: CalibrationPanel, qtbot: QtBot, user: Any) -> None:
    with qtbot.waitSignal(panel.white_chosen) as asked:
        user.keyClick(panel._white, Qt.Key.Key_Down)
    assert asked.args == ["layer a"]
    with qtbot.waitSignal(panel.white_chosen) as asked:
        user.keyClick(panel._white, Qt.Key.Key_End)
    assert asked.args == [FILE]
    panel.set_references(OPTIONS, "layer a", NONE)
    with qtbot.waitSignal(panel.dark_chosen) as asked:
        user.keyClick(panel._dark, Qt.Key.Key_Down)
    assert asked.args == ["layer a"]


def test_it_shows_what_is_used(panel: CalibrationPanel, qtbot: QtBot) -> None:
    assert not panel._dark.isEnabled()
    assert not panel._back.isVisible()
    with qtbot.assertNotEmitted(panel.white_chosen):
        panel.set_references(OPTIONS, "layer b", "layer a")
    assert (panel._white.current_key(), panel._dark.current_key()) == (
        "layer b",
        "layer a",
    )
    assert panel._state.text() == "Calibrated to reflectance"
    assert panel._dark.isEnabled()
    assert panel._back.isVisible()
    panel.set_waiting()
    assert panel._state.text() == "Calibrating…"
    assert not panel._back.isVisible()


def test_take_back(panel: CalibrationPanel, qtbot: QtBot, user: Any) -> None:
    panel.set_references(OPTIONS, "layer b", NONE)
    panel._back.setFocus()
    with qtbot.waitSignal(panel.take_back_requested):
        user.keyClick(panel._back, Qt.Key.Key_Space)
    panel.set_references(OPTIONS, NONE, NONE)
    assert not panel._below.isVisible()


def test_it_is_narrow(panel: CalibrationPanel) -> None:
    panel.set_references([("x", "a reference with a long name.hdr" * 3)], "x", "x")
    assert panel.minimumSizeHint().width() <= 330

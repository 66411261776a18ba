from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt

from napari_ood_seg.plugin.panels.brush import BrushPanel

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


@pytest.fixture
def panel(qtbot: QtBot) -> BrushPanel:
    panel = BrushPanel()
    qtbot.addWidget(panel)
    panel.set_enabled(True)
    panel.set_size(7, "")
    panel.show()
    return panel


def test_a_typed_size_is_told_once(panel: BrushPanel, user: Any) -> None:
    told: list[int] = []
    panel.size_changed.connect(told.append)
    panel._size.selectAll()
    user.keyClicks(panel._size, "12")
    user.keyClick(panel._size, Qt.Key.Key_Return)
    user.keyClick(panel._size, Qt.Key.Key_Up)
    assert told == [12, 13]


def test_setters_are_silent(panel: BrushPanel, qtbot: QtBot) -> None:
    with (
        qtbot.assertNotEmitted(panel.size_changed),
        qtbot.assertNotEmitted(panel.erase_toggled),
    ):
        panel.set_size(40, "20 µm")
        panel.set_erasing(True)
    assert (panel._size.value(), panel._units.text()) == (40, "= 20 µm")
    assert panel._erase.isChecked()
    panel.set_size(3, "")
    assert panel._units.text() == ""


def test_erase_by_keyboard(panel: BrushPanel, qtbot: QtBot, user: Any) -> None:
    with qtbot.waitSignal(panel.erase_toggled) as asked:
        user.keyClick(panel._erase, Qt.Key.Key_Space)
    assert asked.args == [True]


def test_nothing_to_paint_on(panel: BrushPanel) -> None:
    panel.set_enabled(False)
    assert not panel._size.isEnabled()
    assert not panel._erase.isEnabled()

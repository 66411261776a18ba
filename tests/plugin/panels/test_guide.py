from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLineEdit, QPushButton, QWidget

from napari_ood_seg.plugin.panels.guide import GuidePanel
from napari_ood_seg.plugin.panels.pick_list import PickList, PickRow

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

LEFT = Qt.MouseButton.LeftButton


def rows(*names: str) -> list[PickRow]:
    return [PickRow(color="#888888", cells=(n,), tip=f"go to {n}") for n in names]


@pytest.fixture
def panel(qtbot: QtBot) -> GuidePanel:
    panel = GuidePanel()
    qtbot.addWidget(panel)
    panel.resize(320, 500)
    panel.show()
    return panel


def button(panel: GuidePanel, text: str) -> QPushButton:
    found: list[QPushButton] = panel.findChildren(QPushButton)
    return next(b for b in found if b.text().replace("&", "") == text)


def click_first(user: Any, table: PickList) -> None:
    item = table.item(0, 0)
    assert item is not None
    at = table.visualItemRect(item).center()
    user.mouseClick(table.viewport(), LEFT, pos=at)


def test_empty_panel_has_two_buttons_only(panel: GuidePanel) -> None:
    shown = [
        b.text().replace("&", "")
        for b in panel.findChildren(QPushButton)
        if b.isVisible()
    ]
    assert shown == ["Next unknown", "Check scribbles"]
    assert not any(t.isVisible() for t in panel.findChildren(PickList))


def test_buttons_ask(panel: GuidePanel, user: Any) -> None:
    asked: list[str] = []
    panel.next_requested.connect(lambda: asked.append("next"))
    panel.check_requested.connect(lambda: asked.append("check"))
    user.mouseClick(button(panel, "Next unknown"), LEFT)
    user.mouseClick(button(panel, "Check scribbles"), LEFT)
    assert asked == ["next", "check"]


def test_nothing_is_asked_while_a_job_runs(panel: GuidePanel, user: Any) -> None:
    asked: list[int] = []
    panel.group_picked.connect(asked.append)
    panel.set_groups(rows("a"))
    panel.set_running(True)
    assert not button(panel, "Next unknown").isEnabled()
    click_first(user, panel.findChildren(PickList)[0])
    assert asked == []
    panel.set_running(False)
    click_first(user, panel.findChildren(PickList)[0])
    assert asked == [0]


def test_new_class_is_named_and_confirmed(panel: GuidePanel, user: Any) -> None:
    said: list[object] = []
    panel.class_requested.connect(said.append)
    panel.class_confirmed.connect(said.append)
    panel.set_groups(rows("a", "b"))
    make = button(panel, "Make it a class...")
    assert not make.isEnabled()
    panel.set_current_group(1)
    user.mouseClick(make, LEFT)
    panel.set_naming("class 3")
    assert not make.isVisible()
    name = panel.findChildren(QLineEdit)[0]
    user.keyClicks(name, " vessel ")  # replaces the proposal, which is selected
    user.keyClick(name, Qt.Key.Key_Return)
    user.mouseClick(button(panel, "Paint it"), LEFT)
    assert said == [1, "vessel", "vessel"]
    panel.set_naming(None)
    assert make.isVisible()
    assert not name.isVisible()


def test_cancel(panel: GuidePanel, user: Any) -> None:
    cancelled: list[int] = []
    panel.class_cancelled.connect(lambda: cancelled.append(1))
    panel.set_naming("class 3")
    user.mouseClick(button(panel, "Cancel"), LEFT)
    assert cancelled == [1]


def test_doubts_are_picked_and_deleted(panel: GuidePanel, user: Any) -> None:
    said: list[tuple[str, int]] = []
    panel.doubt_picked.connect(lambda row: said.append(("go", row)))
    panel.delete_requested.connect(lambda row: said.append(("delete", row)))
    panel.set_doubts(rows("liver: looks like fat"))
    delete = button(panel, "Delete stroke")
    assert not delete.isEnabled()
    doubts = panel.findChildren(PickList)[1]
    click_first(user, doubts)
    user.mouseClick(delete, LEFT)
    user.keyClick(doubts, Qt.Key.Key_Delete)
    assert said == [("go", 0), ("delete", 0), ("delete", 0)]
    panel.set_doubts(())
    assert not delete.isVisible()


def test_everything_has_a_tooltip(panel: GuidePanel) -> None:
    kinds: tuple[type[QWidget], ...] = (QPushButton, QLineEdit, PickList)
    for kind in kinds:
        for widget in panel.findChildren(kind):
            assert widget.toolTip(), widget


def test_note(panel: GuidePanel) -> None:
    panel.set_note("Visited 1 of 3 places.")
    assert panel._note.isVisible()
    panel.set_note("")
    assert not panel._note.isVisible()

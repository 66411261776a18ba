from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt

from napari_ood_seg.plugin.panels.check_list import CheckList

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

CHOICES = [f"choice {i}" for i in range(9)]


def made(qtbot: QtBot, value: tuple[str, ...]) -> CheckList:
    box = CheckList(CHOICES)
    qtbot.addWidget(box.native)
    with box.changed.blocked():
        box.value = value
    box.native.show()
    return box


def test_the_value_is_what_is_checked_in_the_order_of_the_choices(qtbot: QtBot) -> None:
    box = made(qtbot, ("choice 7", "choice 2", "no such choice"))
    assert box.value == ("choice 2", "choice 7")


def test_space_checks_and_tells(qtbot: QtBot) -> None:
    box = made(qtbot, ("choice 0",))
    heard: list[tuple[str, ...]] = []
    box.changed.connect(heard.append)
    box.native.setCurrentRow(1)
    qtbot.keyClick(box.native, Qt.Key.Key_Space)
    assert heard == [("choice 0", "choice 1")]
    qtbot.keyClick(box.native, Qt.Key.Key_Space)
    assert box.value == ("choice 0",)


def test_the_first_checked_choice_is_in_sight(qtbot: QtBot) -> None:
    box = made(qtbot, ("choice 8",))
    item = box.native.item(8)
    assert item is not None
    viewport = box.native.viewport()
    assert viewport is not None
    assert viewport.rect().intersects(box.native.visualItemRect(item))

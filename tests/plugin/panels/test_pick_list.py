from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt

from napari_ood_seg.plugin.panels.pick_list import VISIBLE_ROWS, PickList, PickRow

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def rows(n: int) -> list[PickRow]:
    return [
        PickRow(color="#ff0000", cells=(f"row {i}", f"{i} %"), tip=f"go to {i}")
        for i in range(n)
    ]


@pytest.fixture
def table(qtbot: QtBot) -> PickList:
    table = PickList("Places", "Pick one.")
    qtbot.addWidget(table)
    table.set_rows(rows(3))
    table.resize(300, 200)
    table.show()
    return table


def test_shows_rows_with_tips(table: PickList) -> None:
    assert table.texts() == [(f"row {i}", f"{i} %") for i in range(3)]
    item = table.item(1, 1)
    assert item is not None
    assert item.toolTip() == "go to 1"
    assert table.accessibleName() == "Places"


def test_click_picks_and_again(table: PickList, user: Any) -> None:
    picked: list[int] = []
    table.picked.connect(picked.append)
    item = table.item(2, 0)
    assert item is not None
    at = table.visualItemRect(item).center()
    for _ in range(2):
        user.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=at)
    assert picked == [2, 2]


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space])
def test_keys_pick(table: PickList, user: Any, key: Qt.Key) -> None:
    picked: list[int] = []
    table.picked.connect(picked.append)
    user.keyClick(table, key)
    assert picked == []
    table.set_current(0)
    user.keyClick(table, Qt.Key.Key_Down)
    user.keyClick(table, key)
    assert picked == [1]


def test_delete_asks(table: PickList, user: Any) -> None:
    asked: list[int] = []
    table.delete_pressed.connect(asked.append)
    table.set_current(2)
    user.keyClick(table, Qt.Key.Key_Delete)
    assert asked == [2]


def test_current_row_survives_new_rows(table: PickList) -> None:
    table.set_current(1)
    table.set_rows(rows(2))
    assert table.currentRow() == 1
    table.set_rows(rows(1))
    assert table.currentRow() == -1


def test_is_as_high_as_its_rows_up_to_a_limit(table: PickList) -> None:
    heights = []
    for n in (1, 2, VISIBLE_ROWS, VISIBLE_ROWS + 5):
        table.set_rows(rows(n))
        heights.append(table.height())
    assert heights[0] < heights[1] < heights[2] == heights[3]

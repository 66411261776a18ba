from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLineEdit

from napari_ood_seg.plugin.panels.class_table import NAME, VISIBLE_ROWS, ClassTable

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from napari_ood_seg.plugin.panels.class_table import Row


def row(class_id: int, name: str = "", pixels: int = 0) -> Row:
    return (
        class_id,
        name or f"class {class_id}",
        "#336699",
        str(class_id),
        class_id,
        pixels,
    )


@pytest.fixture
def table(qtbot: QtBot) -> ClassTable:
    table = ClassTable()
    qtbot.addWidget(table)
    table.set_rows([row(i) for i in (1, 2, 3)])
    table.resize(300, table.height())
    with qtbot.waitActive(table):
        table.show()
        table.activateWindow()
    table.setFocus()
    return table


def shown(table: ClassTable) -> list[tuple[str, ...]]:
    cells = [
        [table.item(i, j) for j in range(1, table.columnCount())]
        for i in range(table.rowCount())
    ]
    return [tuple(c.text() for c in line if c is not None) for line in cells]


@pytest.mark.parametrize(
    "ids", [[], [2], [1, 2, 3, 4], [4, 1, 2, 3], [3, 1, 2], [9, 8], [2, 5, 1]], ids=str
)
def test_shows_the_given_rows_in_order(table: ClassTable, ids: list[int]) -> None:
    table.set_rows([row(i, pixels=1000 * i) for i in ids])
    assert shown(table) == [
        (f"class {i}", str(i), str(i), f"{1000 * i:,}") for i in ids
    ]
    assert [table.id_at(i) for i in range(table.rowCount())] == ids


def test_same_ids_keep_their_items(table: ClassTable) -> None:
    before = table.item(1, NAME)
    table.set_rows([row(i, pixels=7) for i in (1, 2, 3)])
    assert table.item(1, NAME) is before


def test_scroll_position_stays(table: ClassTable) -> None:
    table.set_rows([row(i) for i in range(1, 31)])
    bar = table.verticalScrollBar()
    assert bar is not None
    bar.setValue(12)
    assert bar.value() == 12
    table.set_rows([row(i, pixels=5) for i in range(1, 31)])
    assert bar.value() == 12


@pytest.mark.parametrize(("n", "rows"), [(0, 1), (4, 4), (30, VISIBLE_ROWS)])
def test_as_high_as_its_rows(table: ClassTable, n: int, rows: int) -> None:
    table.set_rows([row(i + 1) for i in range(n)])
    across, down = table.horizontalHeader(), table.verticalHeader()
    assert down is not None
    assert across is not None
    room = table.height() - across.height()
    assert room // down.defaultSectionSize() == rows


def test_arrow_keys_select(table: ClassTable, user: Any) -> None:
    table.set_current_id(1)
    selected: list[int] = []
    table.row_selected.connect(selected.append)
    user.keyClick(table, Qt.Key.Key_Down)
    user.keyClick(table, Qt.Key.Key_Left)  # another column is no other class
    user.keyClick(table, Qt.Key.Key_Down)
    assert selected == [2, 3]


@pytest.mark.parametrize("column_key", [None, Qt.Key.Key_Left, Qt.Key.Key_Right])
def test_f2_edits_the_name_from_any_column(
    table: ClassTable, qtbot: QtBot, column_key: Qt.Key | None, user: Any
) -> None:
    table.set_current_id(2)
    if column_key is not None:
        user.keyClick(table, column_key)
    user.keyClick(table, Qt.Key.Key_F2)
    assert table.is_editing(1)
    editor = table.findChild(QLineEdit)
    assert editor is not None
    editor.selectAll()
    user.keyClicks(editor, "tumour")
    with qtbot.waitSignal(table.renamed) as asked:
        user.keyClick(editor, Qt.Key.Key_Return)
    assert asked.args == [2, "tumour"]


def test_update_during_an_edit_leaves_it_alone(table: ClassTable, user: Any) -> None:
    table.set_current_id(2)
    user.keyClick(table, Qt.Key.Key_F2)
    editor = table.findChild(QLineEdit)
    assert editor is not None
    editor.selectAll()
    user.keyClicks(editor, "tum")
    table.set_rows([row(i, pixels=1234) for i in (1, 2, 3, 4)])
    table.set_current_id(2)
    assert table.is_editing(1)
    assert editor.text() == "tum"
    assert shown(table)[1] == ("class 2", "2", "2", "1,234")


@pytest.mark.parametrize("key", [Qt.Key.Key_F2, Qt.Key.Key_Space, Qt.Key.Key_Delete])
def test_keys_without_a_current_row_do_nothing(
    table: ClassTable, qtbot: QtBot, key: Qt.Key, user: Any
) -> None:
    table.set_current_id(None)
    with (
        qtbot.assertNotEmitted(table.color_pressed),
        qtbot.assertNotEmitted(table.remove_pressed),
    ):
        user.keyClick(table, key)
    assert table.current_id() is None

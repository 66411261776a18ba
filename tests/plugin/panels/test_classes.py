from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QAbstractButton, QColorDialog, QLineEdit, QSpinBox

from napari_ood_seg.plugin.panels.class_table import NAME, SWATCH
from napari_ood_seg.plugin.panels.classes import ClassesPanel, ClassRow

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

ROWS = (
    ClassRow(1, "epithelium", "#e41a1c", "1", 3, 1234567),
    ClassRow(2, "stroma", "#377eb8", "2", 1, 980),
    ClassRow(5, "lumen", "#4daf4a", "3", 0, 0),
)
LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(qtbot: QtBot) -> ClassesPanel:
    panel = ClassesPanel()
    qtbot.addWidget(panel)
    panel.set_classes(ROWS)
    panel.set_current(1)
    panel.resize(320, 200)
    with qtbot.waitActive(panel):
        panel.show()
        panel.activateWindow()
    return panel


def middle(panel: ClassesPanel, row: int, column: int) -> QPoint:
    item = panel._table.item(row, column)
    assert item is not None
    return panel._table.visualItemRect(item).center()


def click(panel: ClassesPanel, user: Any, row: int, column: int) -> None:
    where = middle(panel, row, column)
    user.mouseClick(panel._table.viewport(), LEFT, pos=where)


def rename(panel: ClassesPanel, user: Any, row: int, name: str) -> None:
    where = middle(panel, row, NAME)
    click(panel, user, row, NAME)
    user.mouseDClick(panel._table.viewport(), LEFT, pos=where)
    editor = panel._table.findChild(QLineEdit)
    assert editor is not None
    editor.selectAll()
    user.keyClick(editor, Qt.Key.Key_Backspace)
    user.keyClicks(editor, name)
    user.keyClick(editor, Qt.Key.Key_Return)


def names(panel: ClassesPanel) -> list[str]:
    items = [panel._table.item(i, NAME) for i in range(panel._table.rowCount())]
    return [item.text() for item in items if item is not None]


def test_click_selects_the_class_once(panel: ClassesPanel, user: Any) -> None:
    selected: list[int] = []
    panel.class_selected.connect(selected.append)
    click(panel, user, 2, NAME)
    click(panel, user, 2, NAME)
    assert selected == [5]
    assert panel.current_id() == 5


def test_setters_are_silent(panel: ClassesPanel, qtbot: QtBot) -> None:
    with (
        qtbot.assertNotEmitted(panel.class_selected),
        qtbot.assertNotEmitted(panel.rename_requested),
    ):
        panel.set_classes([replace(ROWS[0], name="other"), *ROWS[1:]])
        panel.set_current(2)
        panel.set_current(None)
        panel.set_classes(())


def test_current_row_stays_when_rows_come_and_go(panel: ClassesPanel) -> None:
    panel.set_current(5)
    panel.set_classes([ROWS[2], replace(ROWS[0], id=9)])
    assert panel.current_id() == 5
    panel.set_classes(ROWS[:2])  # no neighbour takes over unasked
    assert panel.current_id() is None
    assert not panel._remove.isEnabled()


def test_add_asks(panel: ClassesPanel, qtbot: QtBot, user: Any) -> None:
    with qtbot.waitSignal(panel.add_requested):
        user.mouseClick(panel._add, LEFT)


def test_remove_names_the_current_class(
    panel: ClassesPanel, qtbot: QtBot, user: Any
) -> None:
    panel.set_current(2)
    with qtbot.waitSignal(panel.remove_requested) as by_button:
        user.mouseClick(panel._remove, LEFT)
    with qtbot.waitSignal(panel.remove_requested) as by_key:
        user.keyClick(panel._table, Qt.Key.Key_Delete)
    assert by_button.args == by_key.args == [2]
    assert names(panel) == ["epithelium", "stroma", "lumen"]  # asks, does nothing


def test_double_click_renames(panel: ClassesPanel, qtbot: QtBot, user: Any) -> None:
    with qtbot.waitSignal(panel.rename_requested) as asked:
        rename(panel, user, 1, " tumour ")
    assert asked.args == [2, "tumour"]


@pytest.mark.parametrize("text", ["", "  ", "stroma", " stroma "])
def test_empty_or_same_name_is_no_rename(
    panel: ClassesPanel, qtbot: QtBot, text: str, user: Any
) -> None:
    with qtbot.assertNotEmitted(panel.rename_requested):
        rename(panel, user, 1, text)
        qtbot.waitUntil(lambda: not panel._table.is_editing(1))  # Qt commits later
    assert names(panel)[1] == "stroma"


def test_a_name_that_changed_while_it_was_edited_is_shown_in_the_end(
    panel: ClassesPanel, qtbot: QtBot, user: Any
) -> None:
    click(panel, user, 1, NAME)
    user.keyClick(panel._table, Qt.Key.Key_F2)
    panel.set_classes([replace(row, name=row.name.upper()) for row in ROWS])
    assert names(panel)[1] == "stroma"
    editor = panel._table.findChild(QLineEdit)
    assert editor is not None
    user.keyClick(editor, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: not panel._table.is_editing(1))
    assert names(panel) == ["EPITHELIUM", "STROMA", "LUMEN"]


@pytest.mark.parametrize("how", ["mouse", "keyboard"])
def test_swatch_opens_a_color_dialog(
    panel: ClassesPanel, qtbot: QtBot, how: str, user: Any
) -> None:
    if how == "mouse":
        click(panel, user, 1, SWATCH)
    else:
        panel.set_current(2)
        user.keyClick(panel._table, Qt.Key.Key_Space)
    dialog = panel.findChild(QColorDialog)
    assert dialog is not None
    assert dialog.currentColor().name() == "#377eb8"
    dialog.setCurrentColor(QColor("#0a0b0c"))
    with qtbot.waitSignal(panel.color_requested) as asked:
        dialog.accept()
    assert asked.args == [2, "#0a0b0c"]


def test_cancelled_dialog_changes_nothing(
    panel: ClassesPanel, qtbot: QtBot, user: Any
) -> None:
    click(panel, user, 1, SWATCH)
    dialog = panel.findChild(QColorDialog)
    assert dialog is not None
    with qtbot.assertNotEmitted(panel.color_requested):
        dialog.reject()


def test_hint_is_shown_without_classes_only(panel: ClassesPanel) -> None:
    assert not panel._hint.isVisible()
    panel.set_classes(())
    assert panel._hint.isVisible()
    assert panel._hint.text() == "Add a class, then paint a stroke on it."


def enabled(panel: ClassesPanel) -> tuple[bool, bool, bool]:
    up, down, merge = panel._up, panel._down, panel._merge
    return up.isEnabled(), down.isEnabled(), merge.isEnabled()


@pytest.mark.parametrize(
    ("current", "possible"),
    [
        (1, (False, True, True)),
        (2, (True, True, True)),
        (5, (True, False, True)),
        (None, (False, False, False)),
    ],
)
def test_only_what_is_possible_is_enabled(
    panel: ClassesPanel, current: int | None, possible: tuple[bool, bool, bool]
) -> None:
    panel.set_current(current)
    assert enabled(panel) == possible
    panel.set_classes(ROWS[:1])
    panel.set_current(1)
    assert enabled(panel) == (False, False, False)


def test_move_by_button_and_by_key(panel: ClassesPanel, user: Any) -> None:
    asked: list[tuple[int, int]] = []
    panel.move_requested.connect(lambda *args: asked.append(args))
    panel.set_current(2)
    user.mouseClick(panel._up, LEFT)
    user.mouseClick(panel._down, LEFT)
    alt = Qt.KeyboardModifier.AltModifier
    user.keyClick(panel._table, Qt.Key.Key_Up, alt)
    user.keyClick(panel._table, Qt.Key.Key_Down, alt)
    assert asked == [(2, -1), (2, 1)] * 2
    assert names(panel) == ["epithelium", "stroma", "lumen"]  # asks, does nothing


def test_the_menu_merges_into_the_others(panel: ClassesPanel, qtbot: QtBot) -> None:
    panel.set_classes([*ROWS, ClassRow(7, "R&D", "#000000", "4", 0, 0)])
    panel.set_current(2)
    panel._merge.aboutToShow.emit()
    actions = panel._merge.actions()
    assert [a.text() for a in actions] == ["epithelium", "lumen", "R&&D"]
    with qtbot.waitSignal(panel.merge_requested) as asked:
        actions[1].trigger()
    assert asked.args == [2, 5]


def test_the_menu_opens_by_keyboard(
    panel: ClassesPanel, qtbot: QtBot, user: Any
) -> None:
    menu = panel._more.menu()
    assert menu is not None
    seen: list[bool] = []

    def choose() -> None:
        seen.append(menu.isVisible())
        user.keyClick(menu, Qt.Key.Key_Up)
        user.keyClick(menu, Qt.Key.Key_Return)

    QTimer.singleShot(0, choose)
    panel._more.setFocus()
    with qtbot.waitSignal(panel.export_requested):
        user.keyClick(panel._more, Qt.Key.Key_Space)
    assert seen == [True]


def test_legend_and_history(panel: ClassesPanel, qtbot: QtBot, user: Any) -> None:
    with qtbot.assertNotEmitted(panel.legend_toggled):
        panel.set_legend(True)
    with qtbot.waitSignal(panel.legend_toggled) as asked:
        user.keyClick(panel._legend, Qt.Key.Key_Space)
    assert asked.args == [False]
    panel.set_history("remove fat", "")
    assert (panel._undo.isEnabled(), panel._redo.isEnabled()) == (True, False)
    assert panel._undo.toolTip() == "Undo: remove fat."
    with qtbot.waitSignal(panel.undo_requested):
        user.mouseClick(panel._undo, LEFT)


def test_everything_says_what_it_does(panel: ClassesPanel) -> None:
    controls = panel.findChildren(QAbstractButton) + panel.findChildren(QSpinBox)
    silent = [c for c in controls if c.parent() is not panel._table and not c.toolTip()]
    assert silent == []
    assert all(
        c.focusPolicy() & Qt.FocusPolicy.TabFocus
        for c in controls
        if c.parent() is not panel._table
    )

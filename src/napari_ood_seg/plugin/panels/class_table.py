"""The table of classes: swatch, name, hotkey, strokes, pixels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QKeyCombination, QSignalBlocker, Qt, Signal
from qtpy.QtGui import QKeySequence
from qtpy.QtWidgets import (
    QAbstractItemDelegate,
    QAbstractItemView,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from napari_ood_seg.plugin.panels.swatch import swatch_icon

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QKeyEvent

    Row = tuple[int, str, str, str, int, int]

SWATCH, NAME, HOTKEY, STROKES, PIXELS = range(5)
TITLES = ("", "Class", "Key", "Strokes", "Pixels")
TIPS = (
    "Click (or press Space) to choose the colour of this class.",
    "Double-click (or press F2) to rename this class; the current row is painted.",
    "Press this key to paint this class, whatever layer is active.",
    "How many strokes you have painted with this class.",
    "How many pixels you have scribbled with this class.",
)
RENAME, RECOLOUR, REMOVE, UP, DOWN = "F2", "Space", "Del", "Alt+Up", "Alt+Down"
KEYS = (
    (RENAME, "Rename the class"),
    (RECOLOUR, "Choose its colour"),
    (REMOVE, "Remove it and its scribbles"),
    (UP, "Move it up"),
    (DOWN, "Move it down"),
)
"""What keys do while the table has the focus."""
_CURSOR = (
    Qt.Key.Key_Up,
    Qt.Key.Key_Down,
    Qt.Key.Key_Left,
    Qt.Key.Key_Right,
    Qt.Key.Key_Home,
    Qt.Key.Key_End,
    Qt.Key.Key_PageUp,
    Qt.Key.Key_PageDown,
)
VISIBLE_ROWS = 8
_ID = Qt.ItemDataRole.UserRole
_COLOR = Qt.ItemDataRole(Qt.ItemDataRole.UserRole + 1)
_FIXED = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled


class ClassTable(QTableWidget):
    """As high as its rows; keys that are not in `KEYS` go to the viewer."""

    row_selected = Signal(int)
    renamed = Signal(int, str)
    color_pressed = Signal(int)
    remove_pressed = Signal()
    move_pressed = Signal(int)
    """One row up (-1) or down (1)."""
    edit_ended = Signal()
    """The name that was being edited may be shown again."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, len(TIPS), parent)
        self.setAccessibleName("Classes")
        self.setToolTip("The current row is the class that you paint.")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.DoubleClicked)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)  # Tab leaves the table
        self.setShowGrid(False)
        self.setWordWrap(False)
        self._set_up_headers()
        self.currentCellChanged.connect(self._on_current_cell_changed)
        self.cellClicked.connect(self._on_cell_clicked)
        self.itemChanged.connect(self._on_item_changed)

    def set_rows(self, rows: Sequence[Row]) -> None:
        """Show `(id, name, color, hotkey, strokes, pixels)`; equal ids keep rows."""
        wanted = {row[0] for row in rows}
        with QSignalBlocker(self):
            for i in reversed(range(self.rowCount())):
                if self.id_at(i) not in wanted:
                    self.removeRow(i)
            for i, row in enumerate(rows):
                if self.id_at(i) != row[0]:
                    self._insert(i, row[0])
                self._show(i, row)
            self.setRowCount(len(rows))  # a row that moved left its old self behind
        self._fit()

    def id_at(self, row: int) -> int | None:
        """Return the class id of `row`, None if there is no such row."""
        item = self.item(row, SWATCH)
        return None if item is None else int(item.data(_ID))

    def current_id(self) -> int | None:
        """Return the class id of the current row."""
        return self.id_at(self.currentRow())

    def set_current_id(self, class_id: int | None) -> None:
        """Make the row of `class_id` current; no row if there is none."""
        if class_id is not None and class_id == self.current_id():
            return  # do not move the cursor, do not end an edit
        ids = [self.id_at(i) for i in range(self.rowCount())]
        with QSignalBlocker(self):
            if class_id is None or class_id not in ids:
                self.clearSelection()
                self.setCurrentCell(-1, -1)
            else:
                self.setCurrentCell(ids.index(class_id), NAME)

    def is_editing(self, row: int) -> bool:
        """Whether the name in `row` is being edited."""
        editing = self.state() == QAbstractItemView.State.EditingState
        return editing and row == self.currentRow()

    def keyPressEvent(self, e: QKeyEvent | None) -> None:
        """Do what `KEYS` says on the current row, wherever the cursor is."""
        if e is None:
            return
        plain = e.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        pressed = QKeySequence(QKeyCombination(plain, Qt.Key(e.key())))
        known = next((k for k, _ in KEYS if QKeySequence(k) == pressed), None)
        if known is not None:
            self._act(known)
        elif e.key() in _CURSOR:
            super().keyPressEvent(e)
        else:
            e.ignore()

    def _act(self, key: str) -> None:
        current = self.current_id()
        if current is None:
            return
        if key == RENAME:
            self.editItem(self.item(self.currentRow(), NAME))
        elif key == RECOLOUR:
            self.color_pressed.emit(current)
        elif key == REMOVE:
            self.remove_pressed.emit()
        else:
            self.move_pressed.emit(-1 if key == UP else 1)

    def closeEditor(
        self, editor: QWidget | None, hint: QAbstractItemDelegate.EndEditHint
    ) -> None:
        """Say that rows may be shown again: a name that is edited is left alone."""
        super().closeEditor(editor, hint)
        self.edit_ended.emit()

    def changeEvent(self, a0: QEvent | None) -> None:
        """Follow the font of the theme."""
        super().changeEvent(a0)
        if a0 is not None and a0.type() in (
            QEvent.Type.FontChange,
            QEvent.Type.StyleChange,
        ):
            self._fit()

    def _set_up_headers(self) -> None:
        across, down = self.horizontalHeader(), self.verticalHeader()
        if across is None or down is None:
            return
        for column, (title, tip) in enumerate(zip(TITLES, TIPS, strict=True)):
            item = QTableWidgetItem(title)
            item.setToolTip(tip)
            self.setHorizontalHeaderItem(column, item)
        across.setHighlightSections(False)
        across.setSectionsClickable(False)
        across.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        down.hide()
        across.setMinimumSectionSize(16)
        down.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        content = QHeaderView.ResizeMode.ResizeToContents
        for column in (SWATCH, HOTKEY, STROKES, PIXELS):
            across.setSectionResizeMode(column, content)
        across.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)

    def _fit(self) -> None:
        across, down = self.horizontalHeader(), self.verticalHeader()
        if across is None or down is None:
            return
        height = self.fontMetrics().height() + 10
        down.setDefaultSectionSize(height)
        shown = min(max(self.rowCount(), 1), VISIBLE_ROWS)
        rows = shown * height + across.sizeHint().height()
        self.setFixedHeight(rows + 2 * self.frameWidth() + 2)

    def _insert(self, row: int, class_id: int) -> None:
        self.insertRow(row)
        right = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for column, tip in enumerate(TIPS):
            item = QTableWidgetItem()
            item.setToolTip(tip)
            editable = column == NAME
            item.setFlags(_FIXED | Qt.ItemFlag.ItemIsEditable if editable else _FIXED)
            if column in (STROKES, PIXELS):
                item.setTextAlignment(right)
            self.setItem(row, column, item)
        self._cell(row, SWATCH).setData(_ID, class_id)

    def _show(self, row: int, values: Row) -> None:
        _, name, color, hotkey, strokes, pixels = values
        swatch = self._cell(row, SWATCH)
        if swatch.data(_COLOR) != color:
            swatch.setData(_COLOR, color)
            swatch.setIcon(swatch_icon(color))
        texts = {HOTKEY: hotkey, STROKES: f"{strokes:,}", PIXELS: f"{pixels:,}"}
        if not self.is_editing(row):
            texts[NAME] = name
        for column, text in texts.items():
            cell = self._cell(row, column)
            if cell.text() != text:
                cell.setText(text)

    def _cell(self, row: int, column: int) -> QTableWidgetItem:
        item = self.item(row, column)
        if item is None:
            raise IndexError(f"no cell at row {row}, column {column}")
        return item

    def _on_current_cell_changed(self, row: int, _column: int, before: int) -> None:
        class_id = self.id_at(row)
        if class_id is not None and row != before:
            self.row_selected.emit(class_id)

    def _on_cell_clicked(self, row: int, column: int) -> None:
        class_id = self.id_at(row)
        if class_id is not None and column == SWATCH:
            self.color_pressed.emit(class_id)

    def _on_item_changed(self, item: QTableWidgetItem) -> None:
        class_id = self.id_at(item.row())
        if class_id is not None and item.column() == NAME:
            self.renamed.emit(class_id, item.text())

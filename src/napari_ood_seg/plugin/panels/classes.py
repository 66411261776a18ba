"""Name, colour and pick the classes to scribble."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtGui import QAction, QColor
from qtpy.QtWidgets import (
    QCheckBox,
    QColorDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_ood_seg.plugin.panels.brush import BrushPanel
from napari_ood_seg.plugin.panels.class_table import DOWN, UP, ClassTable
from napari_ood_seg.plugin.panels.swatch import swatch_icon

if TYPE_CHECKING:
    from collections.abc import Sequence

SMALL = 34
HINT = "Add a class, then paint a stroke on it."


@dataclass(frozen=True, slots=True)
class ClassRow:
    """What one row shows.

    Attributes
    ----------
    color
        As "#rrggbb".
    strokes, pixels
        How much is scribbled with the class.
    """

    id: int
    name: str
    color: str
    hotkey: str
    strokes: int
    pixels: int


class ClassesPanel(QWidget):
    """A row a class; the current row is the class that is painted."""

    class_selected = Signal(int)
    add_requested = Signal()
    remove_requested = Signal(int)
    rename_requested = Signal(int, str)
    color_requested = Signal(int, str)
    move_requested = Signal(int, int)
    """Class, and by how many rows down."""
    merge_requested = Signal(int, int)
    """Class, and the one that gets its scribbles."""
    undo_requested = Signal()
    redo_requested = Signal()
    import_requested = Signal()
    export_requested = Signal()
    legend_toggled = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._classes: tuple[ClassRow, ...] = ()
        self._table, self.brush = ClassTable(), BrushPanel()
        self._hint = QLabel(HINT)
        self._hint.setIndent(0)
        self._hint.setWordWrap(True)
        self._add = _button("+ A&dd", "Add a class.")
        self._remove = _button(
            "− &Remove",  # noqa: RUF001
            "Remove the class of the current row and its scribbles.",
        )
        self._up = _button("▲", f"Move the class up ({UP} in the table).")
        self._down = _button("▼", f"Move the class down ({DOWN} in the table).")
        self._undo, self._redo = _button("↶", ""), _button("↷", "")
        self._more = _button("More", "Merge classes; read and write the list.")
        self._merge = QMenu("Merge into", self)
        self._legend = QCheckBox("Le&gend")
        self._legend.setToolTip("Show colours and names of the classes on the image.")
        self._fill_menu()
        self._lay_out()
        self._connect()
        self.set_classes(())
        self.set_history("", "")

    def set_classes(self, classes: Sequence[ClassRow]) -> None:
        """Show `classes`; rows that stay are changed in place.

        A name that is being edited is left alone. If the current class is gone
        no row is current.
        """
        current = self.current_id()
        self._classes = tuple(classes)
        self._table.set_rows(
            [(c.id, c.name, c.color, c.hotkey, c.strokes, c.pixels) for c in classes]
        )
        self._hint.setVisible(not self._classes)
        self._table.setVisible(bool(self._classes))
        self.set_current(current)

    def set_current(self, class_id: int | None) -> None:
        """Make the row of `class_id` the current one; None: no row."""
        self._table.set_current_id(class_id)
        self._show_possible()

    def current_id(self) -> int | None:
        """Return the id of the current row, None if there is none."""
        return self._table.current_id()

    def set_history(self, undo: str, redo: str) -> None:
        """Show what can be undone and redone; empty where nothing can."""
        for button, word, what in (
            (self._undo, "Undo", undo),
            (self._redo, "Redo", redo),
        ):
            button.setEnabled(bool(what))
            tip = f"{word}: {what}." if what else f"There is nothing to {word.lower()}."
            button.setToolTip(tip)
            button.setAccessibleName(word)

    def set_legend(self, on: bool) -> None:
        """Show whether there is a legend."""
        with QSignalBlocker(self._legend):
            self._legend.setChecked(on)

    def _fill_menu(self) -> None:
        menu = QMenu(self)
        menu.setToolTipsVisible(True)
        menu.addMenu(self._merge)
        menu.addSeparator()
        for text, tip, signal in (
            (
                "Import classes...",
                "Replace the list by one from a CSV or JSON file.",
                self.import_requested,
            ),
            (
                "Export classes...",
                "Write ids, names and colours to a CSV or JSON file.",
                self.export_requested,
            ),
        ):
            action = QAction(text, self)
            action.setToolTip(tip)
            action.triggered.connect(lambda _=False, signal=signal: signal.emit())
            menu.addAction(action)
        self._merge.setToolTip("Give the scribbles of the current class to another.")
        self._merge.aboutToShow.connect(self._list_others)
        self._more.setMenu(menu)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self._hint)
        column.addWidget(self._table)
        column.addLayout(_row(self._add, self._remove, self._more))
        small = (self._up, self._down, self._undo, self._redo)
        for button, name in zip(small, ("Move up", "Move down"), strict=False):
            button.setAccessibleName(name)
        for button in small:
            button.setMaximumWidth(SMALL)
        tools = _row(*small)
        tools.addStretch(1)
        tools.addWidget(self._legend)
        column.addLayout(tools)
        column.addWidget(self.brush)

    def _connect(self) -> None:
        self._add.clicked.connect(lambda: self.add_requested.emit())
        self._remove.clicked.connect(self._on_remove_clicked)
        self._up.clicked.connect(lambda: self._on_move_pressed(-1))
        self._down.clicked.connect(lambda: self._on_move_pressed(1))
        self._undo.clicked.connect(lambda: self.undo_requested.emit())
        self._redo.clicked.connect(lambda: self.redo_requested.emit())
        self._legend.toggled.connect(self.legend_toggled)
        self._table.remove_pressed.connect(self._on_remove_clicked)
        self._table.move_pressed.connect(self._on_move_pressed)
        self._table.color_pressed.connect(self._on_color_pressed)
        self._table.renamed.connect(self._on_table_renamed)
        self._table.edit_ended.connect(lambda: self.set_classes(self._classes))
        self._table.row_selected.connect(self._on_row_selected)

    def _show_possible(self) -> None:
        """Enable what can be done with the current row."""
        ids, current = [c.id for c in self._classes], self.current_id()
        chosen = current in ids
        self._remove.setEnabled(chosen)
        self._up.setEnabled(chosen and current != ids[0])
        self._down.setEnabled(chosen and current != ids[-1])
        self._merge.setEnabled(chosen and len(ids) > 1)

    def _list_others(self) -> None:
        """Offer the classes that the current one can be merged into."""
        self._merge.clear()
        current = self.current_id()
        for row in self._classes:
            if current is not None and row.id != current:
                text = row.name.replace("&", "&&")
                action = QAction(swatch_icon(row.color), text, self._merge)
                merge = partial(self.merge_requested.emit, current, row.id)
                action.triggered.connect(lambda _=False, merge=merge: merge())
                self._merge.addAction(action)

    def _on_row_selected(self, class_id: int) -> None:
        self._show_possible()
        self.class_selected.emit(class_id)

    def _on_move_pressed(self, by: int) -> None:
        current = self.current_id()
        if current is not None:
            self.move_requested.emit(current, by)

    def _on_remove_clicked(self) -> None:
        current = self.current_id()
        if current is not None:
            self.remove_requested.emit(current)

    def _on_table_renamed(self, class_id: int, text: str) -> None:
        name = text.strip()
        known = next(c.name for c in self._classes if c.id == class_id)
        if name and name != known:
            self.rename_requested.emit(class_id, name)
        else:
            self.set_classes(self._classes)  # an empty name: show the old one

    def _on_color_pressed(self, class_id: int) -> None:
        row = next(c for c in self._classes if c.id == class_id)
        dialog = QColorDialog(QColor(row.color), self)
        dialog.setWindowTitle(f"Colour of {row.name}")
        dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        dialog.colorSelected.connect(partial(self._on_color_selected, class_id))
        dialog.open()  # exec() would run an event loop inside the event loop

    def _on_color_selected(self, class_id: int, color: QColor) -> None:
        self.color_requested.emit(class_id, color.name())


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    return button


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    row.setSpacing(3)
    for widget in widgets:
        row.addWidget(widget)
    return row

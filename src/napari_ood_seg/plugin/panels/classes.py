"""Name, colour and pick the classes to scribble."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QColorDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_ood_seg.plugin.panels.class_table import ClassTable

if TYPE_CHECKING:
    from collections.abc import Sequence

HINT = "Add a class, then paint a stroke on it."


@dataclass(frozen=True, slots=True)
class ClassRow:
    """What one row shows.

    Attributes
    ----------
    color
        As "#rrggbb".
    pixels
        How many pixels are scribbled with the class.
    """

    id: int
    name: str
    color: str
    hotkey: str
    pixels: int


class ClassesPanel(QWidget):
    """A row a class; the current row is the class that is painted."""

    class_selected = Signal(int)
    add_requested = Signal()
    remove_requested = Signal(int)
    rename_requested = Signal(int, str)
    color_requested = Signal(int, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._classes: tuple[ClassRow, ...] = ()
        self._table = ClassTable()
        self._hint = QLabel(HINT)
        self._hint.setIndent(0)
        self._hint.setWordWrap(True)
        self._add, self._remove = QPushButton("+ Add"), QPushButton("− Remove")  # noqa: RUF001
        self._add.setToolTip("Add a class.")
        self._remove.setToolTip(
            "Remove the class of the current row and its scribbles."
        )
        self._lay_out()
        self._add.clicked.connect(lambda: self.add_requested.emit())
        self._remove.clicked.connect(self._on_remove_clicked)
        self._table.remove_pressed.connect(self._on_remove_clicked)
        self._table.color_pressed.connect(self._on_color_pressed)
        self._table.renamed.connect(self._on_table_renamed)
        self._table.row_selected.connect(self._on_row_selected)
        self.set_classes(())

    def set_classes(self, classes: Sequence[ClassRow]) -> None:
        """Show `classes`; rows that stay are changed in place.

        A name that is being edited is left alone. If the current class is gone
        no row is current.
        """
        current = self.current_id()
        self._classes = tuple(classes)
        self._table.set_rows(
            [(c.id, c.name, c.color, c.hotkey, c.pixels) for c in classes]
        )
        self._hint.setVisible(not self._classes)
        self._table.setVisible(bool(self._classes))
        self.set_current(current)

    def set_current(self, class_id: int | None) -> None:
        """Make the row of `class_id` the current one; None: no row."""
        self._table.set_current_id(class_id)
        self._remove.setEnabled(self.current_id() is not None)

    def current_id(self) -> int | None:
        """Return the id of the current row, None if there is none."""
        return self._table.current_id()

    def _lay_out(self) -> None:
        buttons = QHBoxLayout()
        buttons.setSpacing(3)
        buttons.addWidget(self._add)
        buttons.addWidget(self._remove)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addWidget(self._hint)
        column.addWidget(self._table)
        column.addLayout(buttons)

    def _on_row_selected(self, class_id: int) -> None:
        self._remove.setEnabled(True)
        self.class_selected.emit(class_id)

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

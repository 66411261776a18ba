"""What to look at next: unknown regions, and strokes that may be mistakes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_ood_seg.plugin.panels.pick_list import PickList

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_ood_seg.plugin.panels.pick_list import PickRow


class GuidePanel(QWidget):
    """Buttons, a list of look-alikes, a list of doubtful strokes."""

    next_requested = Signal()
    check_requested = Signal()
    group_picked = Signal(int)
    class_requested = Signal(int)
    class_confirmed = Signal(str)
    class_cancelled = Signal()
    doubt_picked = Signal(int)
    delete_requested = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._next = _button(
            "Next &unknown",
            "Go to the most unknown or most unsure place that you have not seen yet"
            " (U). Different-looking places come first.",
        )
        self._check = _button(
            "&Check scribbles",
            "Look for strokes that are unlike the others of their class.",
        )
        self._note = QLabel()
        self._note.setWordWrap(True)
        self._groups = PickList(
            "Unknown regions",
            "Places that look alike. Click (or press Enter) to go to the next of them.",
        )
        self._make = _button(
            "&Make it a class...",
            "Show a stroke for the chosen places; you name it before it is painted.",
        )
        self._name = QLineEdit()
        self._name.setAccessibleName("Name of the new class")
        self._name.setToolTip("Name of the new class; Enter paints the stroke.")
        self._add = _button("Paint it", "Add the class and paint the stroke shown.")
        self._cancel = _button("Cancel", "Paint nothing.")
        self._naming = _row(self._name, self._add, self._cancel)
        self._question = QLabel("Did you mean this?")
        self._doubts = PickList(
            "Doubtful strokes",
            "Strokes that look like something else. Click (or press Enter) to go there,"
            " Delete to remove one.",
        )
        self._delete = _button(
            "Delete stroke", "Erase the chosen stroke; Ctrl+Z brings it back."
        )
        self._running = False
        self._lay_out()
        self._connect()
        self.set_groups(())
        self.set_doubts(())
        self.set_naming(None)

    def set_running(self, running: bool) -> None:
        """Show whether a job runs."""
        self._running = running
        self._next.setEnabled(not running)
        self._check.setEnabled(not running)

    def set_note(self, text: str) -> None:
        """Show one sentence below the buttons; nothing if empty."""
        self._note.setText(text)
        self._note.setVisible(bool(text))

    def set_groups(self, rows: Sequence[PickRow]) -> None:
        """Show groups of look-alikes, the most interesting first."""
        self._groups.set_rows(rows)
        self._groups.setVisible(bool(rows))
        self._show_make()

    def set_current_group(self, row: int) -> None:
        """Show which group was visited last; -1 for none."""
        self._groups.set_current(row)
        self._show_make()

    def set_doubts(self, rows: Sequence[PickRow]) -> None:
        """Show strokes that may be mistakes."""
        self._doubts.set_rows(rows)
        for widget in (self._question, self._doubts, self._delete):
            widget.setVisible(bool(rows))
        self._delete.setEnabled(self._doubts.currentRow() >= 0)

    def set_naming(self, name: str | None) -> None:
        """Ask for the name of a new class, with a proposal; `None`: do not ask."""
        self._naming.setVisible(name is not None)
        if name is not None:
            self._name.setText(name)
            self._name.selectAll()
            self._name.setFocus()
        self._show_make()

    def _show_make(self) -> None:
        some = self._groups.rowCount() > 0
        self._make.setVisible(some and not self._naming.isVisibleTo(self))
        self._make.setEnabled(self._groups.currentRow() >= 0)

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        for widget in (
            _row(self._next, self._check),
            self._note,
            self._groups,
            self._make,
            self._naming,
            self._question,
            self._doubts,
            self._delete,
        ):
            column.addWidget(widget)

    def _connect(self) -> None:
        self._next.clicked.connect(lambda: self.next_requested.emit())
        self._check.clicked.connect(lambda: self.check_requested.emit())
        self._groups.picked.connect(self._on_group_picked)
        self._groups.currentCellChanged.connect(lambda *_: self._show_make())
        self._make.clicked.connect(
            lambda: self.class_requested.emit(self._groups.currentRow())
        )
        self._name.returnPressed.connect(self._on_confirmed)
        self._add.clicked.connect(self._on_confirmed)
        self._cancel.clicked.connect(lambda: self.class_cancelled.emit())
        self._doubts.picked.connect(self._on_doubt_picked)
        self._doubts.delete_pressed.connect(self.delete_requested)
        self._doubts.currentCellChanged.connect(
            lambda row, *_: self._delete.setEnabled(row >= 0)
        )
        self._delete.clicked.connect(self._on_delete)

    def _on_group_picked(self, row: int) -> None:
        self._show_make()
        if not self._running:
            self.group_picked.emit(row)

    def _on_doubt_picked(self, row: int) -> None:
        self._delete.setEnabled(True)
        self.doubt_picked.emit(row)

    def _on_delete(self) -> None:
        if self._doubts.currentRow() >= 0:
            self.delete_requested.emit(self._doubts.currentRow())

    def _on_confirmed(self) -> None:
        self.class_confirmed.emit(self._name.text().strip())


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tip)
    return button


def _row(*widgets: QWidget) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(6)
    for widget in widgets:
        row.addWidget(widget)
    return holder

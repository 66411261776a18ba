"""A short list to pick from, as high as its rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QEvent, QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
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

VISIBLE_ROWS: Final = 4
_PICK: Final = (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space)


@dataclass(frozen=True, slots=True, kw_only=True)
class PickRow:
    """What a row shows.

    Attributes
    ----------
    color
        Of the square in front, ``#rrggbb``.
    cells
        Name first; what follows is aligned to the right.
    tip
        What picking it does.
    """

    color: str
    cells: tuple[str, ...]
    tip: str


class PickList(QTableWidget):
    """Click, Enter or Space picks a row; Delete asks to remove what it stands for."""

    picked = Signal(int)
    delete_pressed = Signal(int)

    def __init__(self, name: str, tip: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setAccessibleName(name)
        self.setToolTip(tip)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTabKeyNavigation(False)  # Tab leaves the list
        self.setShowGrid(False)
        self.setWordWrap(False)
        for header in (self.horizontalHeader(), self.verticalHeader()):
            if header is not None:
                header.hide()
        self.cellClicked.connect(lambda row, _: self.picked.emit(row))
        self._fit()

    def set_rows(self, rows: Sequence[PickRow]) -> None:
        """Show `rows`; the current row stays where it is, if there is one."""
        current = self.currentRow()
        with QSignalBlocker(self):
            self.setRowCount(len(rows))
            self.setColumnCount(max((len(r.cells) for r in rows), default=1))
            for number, row in enumerate(rows):
                self._show(number, row)
        self._stretch()
        self.set_current(current if current < len(rows) else -1)
        self._fit()

    def set_current(self, row: int) -> None:
        """Make a row current; -1 for none. Tells nobody."""
        with QSignalBlocker(self):
            if row < 0:
                self.clearSelection()
            self.setCurrentCell(row, 0 if row >= 0 else -1)

    def texts(self) -> list[tuple[str, ...]]:
        """Return the cells as shown."""
        return [
            tuple(
                item.text()
                for c in range(self.columnCount())
                if (item := self.item(r, c)) is not None
            )
            for r in range(self.rowCount())
        ]

    def keyPressEvent(self, e: QKeyEvent | None) -> None:
        """Pick, or ask to delete, the current row."""
        key = None if e is None else e.key()
        if self.currentRow() < 0 or key not in (*_PICK, Qt.Key.Key_Delete):
            super().keyPressEvent(e)
        elif key == Qt.Key.Key_Delete:
            self.delete_pressed.emit(self.currentRow())
        else:
            self.picked.emit(self.currentRow())

    def changeEvent(self, a0: QEvent | None) -> None:
        """Follow the font of the theme."""
        super().changeEvent(a0)
        if a0 is not None and a0.type() in (
            QEvent.Type.FontChange,
            QEvent.Type.StyleChange,
        ):
            self._fit()

    def _show(self, number: int, row: PickRow) -> None:
        side = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        for column, text in enumerate(row.cells):
            item = QTableWidgetItem(text)
            item.setToolTip(row.tip)
            if column == 0:
                item.setIcon(swatch_icon(row.color))
            else:
                item.setTextAlignment(side)
            self.setItem(number, column, item)

    def _stretch(self) -> None:
        across = self.horizontalHeader()
        if across is None:
            return
        across.setMinimumSectionSize(16)
        content = QHeaderView.ResizeMode.ResizeToContents
        for column in range(1, self.columnCount()):
            across.setSectionResizeMode(column, content)
        if self.columnCount():
            across.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)

    def _fit(self) -> None:
        down = self.verticalHeader()
        if down is None:
            return
        height = self.fontMetrics().height() + 8
        down.setSectionResizeMode(QHeaderView.ResizeMode.Fixed)
        down.setDefaultSectionSize(height)
        shown = min(max(self.rowCount(), 1), VISIBLE_ROWS)
        self.setFixedHeight(shown * height + 2 * self.frameWidth() + 2)

"""The sheet of keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QGridLayout, QLabel, QWidget

if TYPE_CHECKING:
    from collections.abc import Iterable


class ShortcutsPanel(QWidget):
    """Groups of keys and what they do."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(1)
        self._grid.setColumnStretch(1, 1)
        self._rows: list[tuple[str, ...]] = []

    def set_shortcuts(self, rows: Iterable[tuple[str, str, str]]) -> None:
        """Show `(group, keys, text)`; groups that follow each other get one title."""
        self._clear()
        self._rows = [tuple(row) for row in rows]
        last = ""
        for group, keys, text in self._rows:
            if group != last:
                title = _label(group)
                title.setStyleSheet("font-weight: bold; padding-top: 3px;")
                self._grid.addWidget(title, self._grid.rowCount(), 0, 1, 2)
                last = group
            key, what = _label(keys), _label(text)
            what.setWordWrap(True)
            for label in (key, what):
                label.setToolTip(f"{keys}: {text}")
            line = self._grid.rowCount()
            top = Qt.AlignmentFlag.AlignTop
            self._grid.addWidget(key, line, 0, top)
            self._grid.addWidget(what, line, 1, top)

    def rows(self) -> list[tuple[str, ...]]:
        """Return what is shown."""
        return self._rows

    def _clear(self) -> None:
        for label in self.findChildren(QLabel):
            self._grid.removeWidget(label)
            label.deleteLater()


def _label(text: str) -> QLabel:
    label = QLabel(text)
    label.setIndent(0)
    label.setTextFormat(Qt.TextFormat.PlainText)
    return label

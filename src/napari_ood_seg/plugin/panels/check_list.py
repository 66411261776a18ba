"""Several choices out of many, as a short list with check boxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psygnal import Signal
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QListWidget, QListWidgetItem

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_ROWS = 5
"""Rows that are seen at once."""


class CheckList:
    """Like a magicgui widget: `native`, `value`, `changed`.

    The value is a tuple of the checked choices, in their own order.
    """

    changed = Signal(tuple)

    def __init__(self, choices: Sequence[str]) -> None:
        self.native = QListWidget()
        for choice in choices:
            item = QListWidgetItem(choice)
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsUserCheckable)
            item.setCheckState(Qt.CheckState.Unchecked)
            item.setToolTip(choice)
            self.native.addItem(item)
        self.native.setHorizontalScrollBarPolicy(
            Qt.ScrollBarPolicy.ScrollBarAlwaysOff  # long names end in dots
        )
        row = self.native.sizeHintForRow(0)
        self.native.setFixedHeight(
            min(_ROWS, len(choices)) * row + 2 * self.native.frameWidth()
        )
        self.native.itemChanged.connect(self._on_item_changed)

    @property
    def value(self) -> tuple[str, ...]:
        """The checked choices."""
        return tuple(
            item.text()
            for item in self._items()
            if item.checkState() == Qt.CheckState.Checked
        )

    @value.setter
    def value(self, value: Iterable[str]) -> None:
        wanted, first = set(value), None
        for item in self._items():
            on = item.text() in wanted
            first = first or (item if on else None)
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
        if first is not None:
            self.native.scrollToItem(first)

    def _items(self) -> list[QListWidgetItem]:
        items = (self.native.item(i) for i in range(self.native.count()))
        return [item for item in items if item is not None]

    def _on_item_changed(self, _item: QListWidgetItem) -> None:
        self.changed.emit(self.value)

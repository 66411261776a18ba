"""A combo box of keys that have labels."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Qt, Signal
from qtpy.QtWidgets import (
    QComboBox,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QWidget,
)

from napari_ood_seg.plugin.panels.wheel import WheelGuard

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QPaintEvent

MIN_WIDTH = 70


class ChoiceBox(QComboBox):
    """Shows labels and tells keys; may be narrower than its longest label.

    Parameters
    ----------
    name
        What is chosen, for screen readers.
    tip
        What choosing does.
    empty
        Shown while nothing is chosen.
    """

    chosen = Signal(str)
    """The key that the user chose."""

    def __init__(
        self, *, name: str, tip: str, empty: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._options: list[tuple[str, str]] = []
        self.setAccessibleName(name)
        self._tip = tip
        self.setToolTip(tip)
        self.setPlaceholderText(empty)
        self.setMinimumContentsLength(5)
        self.setMinimumWidth(MIN_WIDTH)
        self.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.setEnabled(False)
        self.currentIndexChanged.connect(self._on_index_changed)
        WheelGuard(self)

    def set_options(
        self, options: Sequence[tuple[str, str]], current: str | None
    ) -> None:
        """Show `(key, label)` pairs; a `current` that is none of them shows none."""
        with QSignalBlocker(self):
            if list(options) != self._options:  # else leave an open popup alone
                self._refill(options)
            self.setCurrentIndex(-1 if current is None else self.findData(current))
            self._show_tip()
        self.setEnabled(bool(self._options))

    def current_key(self) -> str | None:
        """Return the key that is shown, None if there is none."""
        key = self.currentData()
        return None if key is None else str(key)

    def _refill(self, options: Sequence[tuple[str, str]]) -> None:
        self._options = list(options)
        self.clear()
        for i, (key, label) in enumerate(self._options):
            self.addItem(label, key)
            self.setItemData(i, label, Qt.ItemDataRole.ToolTipRole)

    def paintEvent(self, e: QPaintEvent | None) -> None:
        """End a label that is too long with an ellipsis; Qt would cut a letter."""
        style = self.style()
        if style is None or self.currentIndex() < 0:
            super().paintEvent(e)
            return
        painter, option = QStylePainter(self), QStyleOptionComboBox()
        self.initStyleOption(option)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        field = style.subControlRect(
            QStyle.ComplexControl.CC_ComboBox,
            option,
            QStyle.SubControl.SC_ComboBoxEditField,
            self,
        )
        option.currentText = self.fontMetrics().elidedText(
            option.currentText, Qt.TextElideMode.ElideRight, field.width() - 2
        )
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)

    def _show_tip(self) -> None:
        label = self.currentText()
        self.setToolTip(f"{label}\n{self._tip}" if label else self._tip)

    def _on_index_changed(self, index: int) -> None:
        self._show_tip()
        if index >= 0:
            self.chosen.emit(self.itemData(index))

"""A sentence that is as high as its lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QLabel, QSizePolicy, QWidget

if TYPE_CHECKING:
    from qtpy.QtGui import QResizeEvent


class WrappedLabel(QLabel):
    """Plain text that wraps, and takes just the room that it needs.

    Qt asks a wrapping label for its height before it knows the width, so that columns
    that scroll come out too low. This one has a fixed height, which follows the width.
    """

    def __init__(self, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(text, parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setIndent(0)
        self.setWordWrap(True)
        policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setSizePolicy(policy)  # without "height for width"

    def setText(self, a0: str | None) -> None:
        """Show another sentence."""
        super().setText(a0)
        self._fit()

    def resizeEvent(self, a0: QResizeEvent | None) -> None:
        """Wrap again."""
        super().resizeEvent(a0)
        self._fit()

    def changeEvent(self, a0: QEvent | None) -> None:
        """Follow the font of the theme."""
        super().changeEvent(a0)
        if a0 is not None and a0.type() in (
            QEvent.Type.FontChange,
            QEvent.Type.StyleChange,
        ):
            self._fit()

    def _fit(self) -> None:
        self.setMinimumHeight(0)  # else Qt finds no less than what there is
        self.setFixedHeight(max(self.heightForWidth(self.width()), 1))

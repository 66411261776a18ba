"""Colours and their names, laid over the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, QRect, QSize, Qt
from qtpy.QtGui import QColor, QPainter
from qtpy.QtWidgets import QWidget

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QPaintEvent

# It lies on an image, whatever the theme: light on dark.
_BACK, _TEXT, _BORDER = (
    QColor(0, 0, 0, 170),
    QColor(255, 255, 255),
    QColor(160, 160, 160),
)
_RIM = QColor(255, 255, 255, 70)  # else it has no edge on a black canvas
_MARGIN, _PADDING, _GAP = 10, 8, 7
_WIDEST = 220


class Legend(QWidget):
    """Stays in the lower left corner of its parent; mouse and keys go through it.

    Parameters
    ----------
    canvas
        What it lies on.
    """

    def __init__(self, canvas: QWidget) -> None:
        super().__init__(canvas)
        self._entries: tuple[tuple[str, str], ...] = ()
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setAccessibleName("Legend")
        canvas.installEventFilter(self)
        self.hide()

    def set_entries(self, entries: Sequence[tuple[str, str]]) -> None:
        """Show `(name, color)` from top to bottom."""
        self._entries = tuple(entries)
        self.setAccessibleDescription(", ".join(name for name, _ in entries))
        self._place()
        self.update()

    def set_letters(self, pixels: int) -> None:
        """Write in the size of the theme, in pixels."""
        font = self.font()
        font.setPixelSize(pixels)
        self.setFont(font)
        self._place()

    def lines(self) -> list[tuple[str, str]]:
        """Return the `(text, color)` lines that fit on the canvas."""
        canvas = self.parentWidget()
        if canvas is None:
            return []
        room = canvas.height() - 2 * (_MARGIN + _PADDING)
        n = max(room // self._line(), 1)
        metrics, mode = self.fontMetrics(), Qt.TextElideMode.ElideRight
        text_room = min(_WIDEST, canvas.width() - 2 * (_MARGIN + _PADDING + _GAP))
        shown = [
            (metrics.elidedText(name, mode, text_room), color)
            for name, color in self._entries
        ]
        if len(shown) > n:
            shown = [*shown[: n - 1], (f"and {len(shown) - n + 1} more", "")]
        return shown

    def sizeHint(self) -> QSize:
        """Return what the lines need."""
        lines, metrics = self.lines(), self.fontMetrics()
        text = max((metrics.horizontalAdvance(t) for t, _ in lines), default=0)
        swatch = metrics.height()
        return QSize(
            2 * _PADDING + swatch + _GAP + text + 1,
            2 * _PADDING + len(lines) * self._line(),
        )

    def eventFilter(self, a0: QObject | None, a1: QEvent | None) -> bool:
        """Follow the size of the canvas."""
        if a1 is not None and a1.type() == QEvent.Type.Resize:
            self._place()
        return super().eventFilter(a0, a1)

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Draw a box, swatches and names."""
        del a0
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(_RIM)
        painter.setBrush(_BACK)
        painter.drawRoundedRect(self.rect().adjusted(0, 0, -1, -1), 5, 5)
        edge, line = self.fontMetrics().height() - 4, self._line()
        for i, (text, color) in enumerate(self.lines()):
            top = _PADDING + i * line
            if color:
                painter.setPen(_BORDER)
                painter.setBrush(QColor(color))
                painter.drawRect(_PADDING, top + (line - edge) // 2, edge, edge)
            painter.setPen(_TEXT)
            left = _PADDING + edge + 4 + _GAP
            where = QRect(left, top, self.width() - left, line)
            painter.drawText(where, Qt.AlignmentFlag.AlignVCenter.value, text)
        painter.end()

    def _line(self) -> int:
        return self.fontMetrics().height() + 3

    def _place(self) -> None:
        canvas = self.parentWidget()
        if canvas is not None:
            self.resize(self.sizeHint())
            self.move(_MARGIN, canvas.height() - self.height() - _MARGIN)
            self.raise_()

"""How typical a pixel is, on a scale with the threshold."""

from __future__ import annotations

from typing import Final

from qtpy.QtCore import QEvent, QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QWidget

_RIM: Final = QColor(128, 128, 128)  # seen on light and on dark


class TypicalityMeter(QWidget):
    """A scale from 0 to 1; what is unknown is hatched, the pixel is a triangle."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._typicality: float | None = None
        self._threshold = 0.05
        self._fit()

    def set_typicality(self, typicality: float | None) -> None:
        """Show the typicality of a pixel, 0 to 1; `None` for no pixel."""
        self._typicality = typicality
        self._tell()

    def set_threshold(self, threshold: float) -> None:
        """Show below which typicality a pixel is unknown, 0 to 1."""
        self._threshold = threshold
        self._tell()

    def text(self) -> str:
        """Return in words what is shown."""
        if self._typicality is None:
            return ""
        value = written(self._typicality)
        return f"Typicality {value}, unknown below {self._threshold:.3g}"

    def changeEvent(self, a0: QEvent | None) -> None:
        """Follow the font of the theme."""
        super().changeEvent(a0)
        if a0 is not None and a0.type() in (
            QEvent.Type.FontChange,
            QEvent.Type.StyleChange,
        ):
            self._fit()

    def paintEvent(self, a0: QPaintEvent | None) -> None:
        """Draw words, scale, hatching and triangle."""
        del a0
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        ink = self.palette().color(self.foregroundRole())
        line = self.fontMetrics().height()
        painter.setPen(ink)
        words = QRectF(0, 0, self.width(), line)
        painter.drawText(words, Qt.AlignmentFlag.AlignVCenter.value, self.text())
        scale = QRectF(line / 2, line + 3, self.width() - line, line / 2)
        painter.setPen(_RIM)
        painter.drawRect(scale)
        unknown = QRectF(scale)
        unknown.setWidth(self._threshold * scale.width())
        painter.fillRect(unknown, Qt.BrushStyle.BDiagPattern)
        painter.setPen(QPen(ink, 2))
        edge = unknown.right()
        painter.drawLine(QPointF(edge, scale.top() - 2), QPointF(edge, scale.bottom()))
        if self._typicality is not None:
            at = scale.left() + self._typicality * scale.width()
            painter.setPen(_RIM)
            painter.setBrush(ink)
            painter.drawPolygon(_triangle(at, scale.center().y(), line / 2))
        painter.end()

    def _tell(self) -> None:
        self.setAccessibleName(self.text())
        self.update()

    def _fit(self) -> None:
        line = self.fontMetrics().height()
        self.setFixedHeight(2 * line + 5)


def written(typicality: float) -> str:
    """Return a typicality with two digits that never rounds something to nothing.

    >>> written(0.314), written(0.0), written(0.012), written(0.0001)
    ('0.31', '0', '0.012', '<0.001')
    """
    if 0 < typicality < 0.001:
        return "<0.001"
    return f"{typicality:.2g}"


def _triangle(x: float, top: float, size: float) -> QPolygonF:
    half = size / 1.5
    corners = [(x, top), (x - half, top + 1.5 * size), (x + half, top + 1.5 * size)]
    return QPolygonF([QPointF(*corner) for corner in corners])

"""A small square of one colour."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPixmap

_EDGE = 64  # drawn large, so that it stays sharp on any screen
_BORDER = QColor(128, 128, 128)  # seen on light and on dark
_MODES = (QIcon.Mode.Normal, QIcon.Mode.Selected, QIcon.Mode.Active)


def swatch_pixmap(color: str) -> QPixmap:
    """Return a square of `color` ("#rrggbb") with a thin grey border."""
    pixmap = QPixmap(_EDGE, _EDGE)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(QColor(color))
    pen = painter.pen()
    pen.setColor(_BORDER)
    pen.setWidth(4)
    painter.setPen(pen)
    painter.drawRoundedRect(2, 2, _EDGE - 4, _EDGE - 4, 8, 8)
    painter.end()
    return pixmap


def swatch_icon(color: str) -> QIcon:
    """Return `swatch_pixmap` as an icon that a selection does not tint."""
    pixmap, icon = swatch_pixmap(color), QIcon()
    for mode in _MODES:
        icon.addPixmap(pixmap, mode)
    return icon

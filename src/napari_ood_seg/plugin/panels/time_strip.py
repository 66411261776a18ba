"""A strip along the frames of a series: how much of each is what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QEvent, QPointF, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QHelpEvent, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QToolTip, QWidget

from napari_ood_seg.plugin.panels.areas import percent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QKeyEvent, QMouseEvent, QPaintEvent

_STEPS: Final = {
    Qt.Key.Key_Left: -1,
    Qt.Key.Key_Right: 1,
    Qt.Key.Key_PageDown: 10,
    Qt.Key.Key_PageUp: -10,
}
_MARKS: Final = 9
"""Pixels above the columns for the marks of frames with something unknown."""
_RIM: Final = "#808080"


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameColumn:
    """What is in a frame.

    Attributes
    ----------
    unknown
        Share of it, 0 to 1.
    classes
        `(name, color, share)` of each class.
    """

    unknown: float
    classes: tuple[tuple[str, str, float], ...]


class TimeStrip(QWidget):
    """One column a frame: unknown at the foot, the classes stacked above it.

    Frames that are not predicted are empty; a triangle marks those with more unknown
    than the dashed line. Click, drag or press arrow keys to go to a frame.
    """

    picked = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._frames: tuple[FrameColumn | None, ...] = ()
        self._at = 0
        self._least = 0.05
        self._unknown = QColor("#4d4d4d")
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        policy = QSizePolicy.Policy.Expanding
        self.setSizePolicy(policy, policy)
        self.setAccessibleName("Frames of the series")
        self.setAccessibleDescription(
            "How much of each frame is unknown. Left and right go to other frames."
        )

    def sizeHint(self) -> QSize:
        """Return a height that leaves most of a small screen to the image."""
        return QSize(360, 5 * self.fontMetrics().height())

    def minimumSizeHint(self) -> QSize:
        """Return what columns need to be told apart."""
        return QSize(120, 3 * self.fontMetrics().height())

    def set_frames(self, frames: Sequence[FrameColumn | None]) -> None:
        """Show frames; `None`: not predicted yet."""
        if self._frames != tuple(frames):
            self._frames = tuple(frames)
            self.update()

    def set_current(self, frame: int) -> None:
        """Mark the frame that is shown."""
        if self._at != frame:
            self._at = frame
            self.update()

    def set_least(self, least: float) -> None:
        """Show from which share of unknown on a frame is marked, 0 to 1."""
        self._least = least
        self.update()

    def set_unknown_color(self, color: str) -> None:
        """Show what is unknown in a colour."""
        self._unknown = QColor(color)
        self.update()

    def frames(self) -> tuple[FrameColumn | None, ...]:
        """Return what is shown."""
        return self._frames

    def current(self) -> int:
        """Return the frame that is marked as shown."""
        return self._at

    def frame_at(self, x: float) -> int:
        """Return the frame at so many pixels from the left."""
        n = max(len(self._frames), 1)
        return min(max(int(x * n / max(self.width(), 1)), 0), n - 1)

    def column(self, frame: int) -> QRectF:
        """Return where the column of a frame lies."""
        width = self.width() / max(len(self._frames), 1)
        return QRectF(frame * width, _MARKS, width, self.height() - _MARKS - 1)

    def paintEvent(self, a0: QPaintEvent | None) -> None:  # noqa: ARG002 - Qt
        """Draw columns, marks, the threshold and the current frame."""
        painter = QPainter(self)
        for i, frame in enumerate(self._frames):
            if frame is None:
                self._draw_empty(painter, self.column(i))
            else:
                self._draw_frame(painter, self.column(i), frame)
        if self._frames:
            self._draw_threshold(painter)
            self._draw_current(painter)
        painter.end()

    def mousePressEvent(self, a0: QMouseEvent | None) -> None:
        """Go to the frame under the pointer."""
        self._pick_at(a0)

    def mouseMoveEvent(self, a0: QMouseEvent | None) -> None:
        """Go on to the frame under the pointer while a button is held."""
        self._pick_at(a0)

    def keyPressEvent(self, a0: QKeyEvent | None) -> None:
        """Go to another frame by arrow keys, page keys, Home and End."""
        if a0 is None or not self._frames:
            return
        key, last = Qt.Key(a0.key()), len(self._frames) - 1
        if key in _STEPS:
            self._pick(min(max(self._at + _STEPS[key], 0), last))
        elif key in (Qt.Key.Key_Home, Qt.Key.Key_End):
            self._pick(0 if key == Qt.Key.Key_Home else last)
        else:
            super().keyPressEvent(a0)

    def event(self, a0: QEvent | None) -> bool:
        """Say what is in the frame under the pointer."""
        if isinstance(a0, QHelpEvent) and self._frames:
            text = self.text(self.frame_at(a0.pos().x()))
            QToolTip.showText(a0.globalPos(), text, self)
            return True
        return super().event(a0)

    def text(self, frame: int) -> str:
        """Return what is in a frame, in words."""
        found = self._frames[frame]
        if found is None:
            return f"Frame {frame}: not predicted yet"
        parts = [("unknown", found.unknown)] + [(n, s) for n, _, s in found.classes]
        told = ", ".join(f"{name} {percent(share)}" for name, share in parts)
        return f"Frame {frame}: {told}"

    def _pick_at(self, event: QMouseEvent | None) -> None:
        if event is not None and event.buttons() and self._frames:
            self._pick(self.frame_at(event.position().x()))

    def _pick(self, frame: int) -> None:
        if frame != self._at:
            self.picked.emit(frame)

    def _draw_empty(self, painter: QPainter, where: QRectF) -> None:
        painter.setPen(Qt.PenStyle.NoPen)
        faint = QColor(_RIM)
        faint.setAlpha(70)
        painter.setBrush(faint)
        foot = min(4.0, where.height())
        gap = min(1.0, 0.2 * where.width())
        painter.drawRect(
            QRectF(
                where.left() + gap, where.bottom() - foot, where.width() - 2 * gap, foot
            )
        )

    def _draw_frame(self, painter: QPainter, where: QRectF, frame: FrameColumn) -> None:
        gap = 1.0 if where.width() >= 4 else 0.0
        left, width = where.left(), where.width() - gap
        foot = where.bottom()
        painter.setPen(Qt.PenStyle.NoPen)
        parts = [(self._unknown, frame.unknown)]
        parts += [(QColor(color), share) for _, color, share in frame.classes]
        for color, share in parts:
            high = share * where.height()
            painter.setBrush(color)
            painter.drawRect(QRectF(left, foot - high, width, high))
            foot -= high
        high = frame.unknown * where.height()
        if high >= 1:  # a rim, as it is dark on dark themes
            painter.setPen(QPen(self.palette().color(self.foregroundRole()), 1))
            y = where.bottom() - high
            painter.drawLine(QPointF(left, y), QPointF(left + width, y))
        if frame.unknown > self._least:
            self._draw_mark(painter, where)

    def _draw_mark(self, painter: QPainter, where: QRectF) -> None:
        half = min(max(where.width() / 2 - 0.5, 2.0), 4.0)
        x = where.center().x()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(self.palette().color(self.foregroundRole()))
        painter.drawPolygon(
            QPolygonF(
                [QPointF(x - half, 0), QPointF(x + half, 0), QPointF(x, _MARKS - 2)]
            )
        )

    def _draw_threshold(self, painter: QPainter) -> None:
        where = self.column(0)
        y = where.bottom() - self._least * where.height()
        for pen in (
            QPen(QColor("black"), 1),
            QPen(QColor("white"), 1, Qt.PenStyle.DashLine),
        ):
            painter.setPen(pen)
            painter.drawLine(QPointF(0, y), QPointF(self.width(), y))

    def _draw_current(self, painter: QPainter) -> None:
        where = self.column(self._at).adjusted(0, 0, -1, 0)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor("black"), 3))
        painter.drawRect(where)
        focus = self.hasFocus()
        painter.setPen(QPen(QColor("#ffcc33" if focus else "white"), 1.5))
        painter.drawRect(where)

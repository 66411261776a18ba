"""Pick a pixel on the canvas without painting on it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QEvent, QObject, Qt, Signal
from qtpy.QtGui import QCursor, QKeyEvent, QMouseEvent

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

_LEFT: Final = Qt.MouseButton.LeftButton
_SHIFT: Final = Qt.KeyboardModifier.ShiftModifier
_PRESSES: Final = (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick)


class Picker(QObject):
    """Takes Shift+click away from the layer; everything else passes.

    napari offers a click to the viewer and then to the layer, which paints whatever
    the viewer does. So the click is taken before napari sees it, and napari's own
    cursor says where that was. While Shift is held, the pointer asks "what is this?".

    Parameters
    ----------
    canvas
        The widget that napari draws on.
    wanted
        Whether Shift+click is ours now: other layers have uses of their own for it.
    """

    picked = Signal()
    """Shift+click ended on the canvas; napari's cursor is where it began."""

    def __init__(self, canvas: QWidget, wanted: Callable[[], bool]) -> None:
        super().__init__()
        self._canvas = canvas
        self._wanted = wanted
        self._down = False
        self._usual: QCursor | None = None
        canvas.installEventFilter(self)

    def close(self) -> None:
        """Let go of the canvas."""
        with suppress(RuntimeError):  # the canvas may be gone
            self._canvas.removeEventFilter(self)
            self._point(asking=False)

    def eventFilter(self, a0: QObject | None, a1: QEvent | None) -> bool:
        """Take what belongs to a Shift+click."""
        if isinstance(a1, QMouseEvent) and a0 is self._canvas:
            return self._on_mouse(a1)
        if isinstance(a1, QKeyEvent) and a1.key() == Qt.Key.Key_Shift:
            self._point(asking=a1.type() == QEvent.Type.KeyPress and self._wanted())
        elif a1 is not None and a1.type() in (QEvent.Type.Leave, QEvent.Type.FocusOut):
            self._point(asking=False)
        return False

    def _on_mouse(self, event: QMouseEvent) -> bool:
        kind = event.type()
        if kind in _PRESSES:
            shift = event.modifiers() == _SHIFT and event.buttons() == _LEFT
            self._down = shift and self._wanted()
            return self._down
        if self._down and kind == QEvent.Type.MouseButtonRelease:
            self._down = False
            if self._canvas.rect().contains(event.position().toPoint()):
                self.picked.emit()
            return True
        if not self._down and event.buttons() == Qt.MouseButton.NoButton:
            self._point(asking=event.modifiers() == _SHIFT and self._wanted())
        return self._down

    def _point(self, *, asking: bool) -> None:
        """Change the pointer, or give back the one that was there before."""
        if asking and self._usual is None:
            self._usual = QCursor(self._canvas.cursor())
            self._canvas.setCursor(Qt.CursorShape.WhatsThisCursor)
        elif not asking and self._usual is not None:
            self._canvas.setCursor(self._usual)
            self._usual = None

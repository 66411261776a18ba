"""Mouse, keyboard and patience without pytest, so that a benchmark can use a driver."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import QEvent, QEventLoop, QPoint, QPointF, Qt, QTimer
from qtpy.QtGui import QMouseEvent, QWheelEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication

if TYPE_CHECKING:
    from collections.abc import Callable

    from qtpy.QtWidgets import QWidget

LEFT, NO_MODIFIER = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
_NOTCH: Final = 120
"""What a wheel turns at once, in Qt's units."""


class Hand:
    """Has the methods of pytest-qt's `QtBot` that a `Driver` needs, and a wheel."""

    mousePress: Any = staticmethod(QTest.mousePress)  # noqa: N815 - as pytest-qt has it
    mouseRelease: Any = staticmethod(QTest.mouseRelease)  # noqa: N815
    mouseClick: Any = staticmethod(QTest.mouseClick)  # noqa: N815
    mouseDClick: Any = staticmethod(QTest.mouseDClick)  # noqa: N815
    keyClick: Any = staticmethod(QTest.keyClick)  # noqa: N815
    keyClicks: Any = staticmethod(QTest.keyClicks)  # noqa: N815
    keyPress: Any = staticmethod(QTest.keyPress)  # noqa: N815
    keyRelease: Any = staticmethod(QTest.keyRelease)  # noqa: N815

    @staticmethod
    def _wait(milliseconds: int) -> None:
        """Run the event loop; PySide's own `qWait` lets no other thread work."""
        loop = QEventLoop()
        QTimer.singleShot(milliseconds, loop.quit)
        loop.exec()

    def waitUntil(self, done: Callable[[], bool], *, timeout: int) -> None:  # noqa: N802
        """Run the event loop until `done()` holds, for `timeout` milliseconds.

        A turn counts for a tenth of a second at most: who was stopped meanwhile has
        not waited.
        """
        left = timeout / 1000
        while not done():
            if left <= 0:
                raise TimeoutError(f"it did not happen within {timeout} ms")
            begin = time.perf_counter()
            self._wait(1)
            left -= min(time.perf_counter() - begin, 0.1)

    def wheel(self, widget: QWidget, at: QPoint, notches: int) -> None:
        """Turn the wheel over a place of a widget; up if `notches` is positive."""
        where, everywhere = QPointF(at), QPointF(widget.mapToGlobal(at))
        event: Any = QWheelEvent(
            where,
            everywhere,
            QPoint(0, 0),
            QPoint(0, _NOTCH * notches),
            Qt.MouseButton.NoButton,
            NO_MODIFIER,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(widget, event)

    def drag(self, widget: QWidget, start: QPoint, end: QPoint) -> None:
        """Move the mouse with the left button held."""
        self.mousePress(widget, LEFT, NO_MODIFIER, start)
        for at in (start + (end - start) / 2, end):
            event: Any = QMouseEvent(
                QEvent.Type.MouseMove,
                QPointF(at),
                QPointF(widget.mapToGlobal(at)),
                Qt.MouseButton.NoButton,
                LEFT,
                NO_MODIFIER,
            )
            QApplication.sendEvent(widget, event)
        self.mouseRelease(widget, LEFT, NO_MODIFIER, end)

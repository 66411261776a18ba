"""Keep the mouse wheel for scrolling until a control has the focus."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject, Qt
from qtpy.QtWidgets import QWidget


class WheelGuard(QObject):
    """Passes wheel events of an unfocused control on to the column behind it.

    Scrolling the dock must not change a threshold that happens to slide under
    the pointer.

    Parameters
    ----------
    control
        Slider, spin box or combo box to guard; also owns the guard.
    """

    def __init__(self, control: QWidget) -> None:
        super().__init__(control)
        control.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        control.installEventFilter(self)

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        """Refuse a wheel event unless the control has the focus."""
        if event is None or event.type() != QEvent.Type.Wheel:
            return False
        if isinstance(watched, QWidget) and watched.hasFocus():
            return False
        event.ignore()  # ignored and filtered: Qt offers it to the parent
        return True

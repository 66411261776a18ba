"""How often something is drawn."""

from __future__ import annotations

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QWidget


class Paints(QObject):
    """Counts how often a widget and what is in it are drawn."""

    def __init__(self, widget: QWidget) -> None:
        super().__init__()
        self.n = 0
        for part in (widget, *widget.findChildren(QWidget)):
            part.installEventFilter(self)

    def eventFilter(  # noqa: N802 - Qt's name
        self, _watched: QObject | None, event: QEvent | None
    ) -> bool:
        assert event is not None
        self.n += event.type() == QEvent.Type.Paint
        return False

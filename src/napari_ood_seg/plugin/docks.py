"""A dock at the bottom of the window that comes and goes with a button."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from qtpy.QtCore import QEvent, QObject, Qt, QTimer, Signal
from qtpy.QtWidgets import QDockWidget, QMainWindow

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from qtpy.QtGui import QAction
    from qtpy.QtWidgets import QWidget


class Dock(QObject):
    """Opens a widget below the canvas, and notices when somebody closes it.

    Parameters
    ----------
    viewer
        Its window gets the dock.
    name
        In the title of the dock.
    """

    toggled = Signal(bool)
    """The dock was opened or closed, by us or by hand."""

    def __init__(self, viewer: Viewer, name: str) -> None:
        super().__init__()
        self._viewer = viewer
        self._name = name
        self._widget: QWidget | None = None
        self._shown: QAction | None = None
        self._soon = QTimer(self)  # once Qt has put the dock in its place
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._share_width)

    @property
    def is_open(self) -> bool:
        """Whether there is a dock."""
        return self._widget is not None

    def open(self, widget: QWidget) -> None:
        """Show a widget, which the dock deletes when it is closed."""
        self.close()
        dock = self._viewer.window.add_dock_widget(
            widget, name=self._name, area="bottom"
        )
        self._widget = widget
        widget.installEventFilter(self)
        # napari's other button hides: that leaves a dock that nobody finds again
        self._shown = dock.toggleViewAction()
        self._shown.toggled.connect(self._on_shown)
        self._soon.start(0)
        self.toggled.emit(True)

    def close(self) -> None:
        """Take the dock away."""
        widget = self._widget
        if widget is not None:
            with suppress(RuntimeError, LookupError):  # the window may be gone
                self._viewer.window.remove_dock_widget(widget)
            self._parted()

    def eventFilter(self, a0: QObject | None, a1: QEvent | None) -> bool:
        """Take note that napari took the widget out of its dock."""
        parted = a1 is not None and a1.type() == QEvent.Type.ParentChange
        if parted and a0 is self._widget and self._widget is not None:
            with suppress(RuntimeError):
                if self._widget.parent() is None:
                    self._parted()
        return False

    def _on_shown(self, shown: bool) -> None:
        if not shown:
            self.close()

    def _parted(self) -> None:
        widget, self._widget = self._widget, None
        shown, self._shown = self._shown, None
        if widget is None:
            return
        if shown is not None:
            with suppress(RuntimeError):  # the old dock lives on for a moment
                self._soon.stop()
                shown.toggled.disconnect(self._on_shown)
        with suppress(RuntimeError):  # Qt may have deleted it at the very end
            widget.removeEventFilter(self)
            widget.hide()
            widget.deleteLater()
        with suppress(RuntimeError):
            self.toggled.emit(False)

    def _share_width(self) -> None:
        """Give docks below the canvas the same width; the first had taken it all."""
        dock = None if self._widget is None else self._widget.parentWidget()
        window = None if dock is None else dock.parentWidget()
        if isinstance(window, QMainWindow):
            found: list[QDockWidget] = window.findChildren(QDockWidget)
            below = Qt.DockWidgetArea.BottomDockWidgetArea
            beside = [
                d
                for d in found
                if window.dockWidgetArea(d) == below
                and not (d.isHidden() or d.isFloating())
            ]
            even = [1000] * len(beside)
            window.resizeDocks(beside, even, Qt.Orientation.Horizontal)

"""Keeps what lies beside the canvas from being drawn while somebody waits."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QDockWidget, QStatusBar

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from qtpy.QtWidgets import QWidget

    from napari_ood_seg.plugin.image_control import ImageControl
    from napari_ood_seg.session.session import Session

LONGEST_MS: Final = 400
"""So long the panel waits for the result, then it is drawn without."""

PAINTING_MS: Final = 10_000
"""So long a stroke is painted calmly; if we never hear of its end, no longer."""

PLAYING_MS: Final = 500
"""So long after the last plane somebody still plays."""

_AFTER_MS: Final = 120
"""The result is drawn first, without a graphics card in parts, and the panel then."""


class Calm(QObject):
    """Holds back what Qt draws beside the canvas during a stroke, and until its result.

    Whatever changes beside an OpenGL canvas has Qt put the whole window together anew,
    canvas included, which takes time from the hand, and from the prediction that
    somebody waits for. During a stroke, napari draws its list of layers at each move of
    the mouse, though nothing in it changes, and its status bar. These are held from
    the press; the panel from the end of the stroke on, and only in live mode. While a
    series is played, list and status bar are held, too. Everything works meanwhile,
    and is drawn at once afterwards.

    Parameters
    ----------
    widget
        The panel.
    session
        Says when a stroke ends, and when a job is done.
    images
        Knows the scribbles layer, whose thumbnail in napari's list waits as well.
    """

    def __init__(self, widget: QWidget, session: Session, images: ImageControl) -> None:
        super().__init__(widget)
        self._widget = widget
        self._session = session
        self._images = images
        self._held: list[QWidget] = []
        self._told: Any = None  # napari's emitters are untyped
        self._end = QTimer(self)
        self._end.setSingleShot(True)
        self._end.timeout.connect(self._let_go)
        self._played = QTimer(self)
        self._played.setSingleShot(True)
        self._played.timeout.connect(self._on_still)
        session.painting_changed.connect(self._on_painting)
        session.busy_changed.connect(self._on_busy)
        session.plane_changed.connect(self._on_plane)

    def close(self) -> None:
        """Stop following."""
        self._let_go()
        self._session.painting_changed.disconnect(self._on_painting)
        self._session.busy_changed.disconnect(self._on_busy)
        self._session.plane_changed.disconnect(self._on_plane)

    @property
    def held(self) -> bool:
        """Whether drawing of the panel is held back."""
        return self._widget in self._held

    def _let_go(self) -> None:
        held, self._held = self._held, []
        with suppress(RuntimeError):  # Qt may have deleted them at the very end
            self._end.stop()
            self._played.stop()
            for widget in held:  # never looked for here: the window may be half gone
                widget.setUpdatesEnabled(True)
        self._tell_thumbnail()

    def _hold(self, widgets: Iterable[QWidget]) -> None:
        for widget in widgets:
            if widget not in self._held:
                self._held.append(widget)
                widget.setUpdatesEnabled(False)

    def _on_still(self) -> None:
        if not self._end.isActive():
            self._let_go()

    def _on_painting(self, painting: bool) -> None:
        if painting:
            self._hold(self._around())
            self._end.start(PAINTING_MS)
        elif self._session.live:
            self._hold([self._widget])
            self._hold_thumbnail()
            self._end.start(LONGEST_MS)
        else:
            self._let_go()

    def _on_plane(self) -> None:
        """Hold from the second of two planes on that follow each other."""
        if self._played.isActive():
            self._hold(self._around())
        self._played.start(PLAYING_MS)

    def _around(self) -> Iterator[QWidget]:
        """Yield what napari draws anew at each move of a mouse, and for each plane."""
        yield from self._found(QDockWidget, "layer list")
        yield from self._found(QStatusBar)

    def _found(self, kind: type[QWidget], name: str = "") -> Iterator[QWidget]:
        """Yield the widget of the window with a name, if there is one."""
        window = self._widget.window()
        found = window and window.findChild(kind, name or None)
        if found:
            yield found

    def _hold_thumbnail(self) -> None:
        layer = self._images.scribbles
        if self._told is None and layer is not None:
            self._told = layer.events.thumbnail
            self._told.block()

    def _tell_thumbnail(self) -> None:
        told, self._told = self._told, None
        if told is not None:
            told.unblock()
            told()

    def _on_busy(self, busy: bool) -> None:
        if not busy and self.held:
            self._end.start(_AFTER_MS)

"""Keeps the panel from being drawn between a stroke and its result."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import QObject, QTimer

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_ood_seg.plugin.image_control import ImageControl
    from napari_ood_seg.session.session import Session

LONGEST_MS: Final = 400
"""So long the panel waits for the result, then it is drawn without."""

_AFTER_MS: Final = 30
"""The result is drawn first, and the panel in the next frame."""


class Calm(QObject):
    """Holds back the drawing of a widget from a stroke until its result is drawn.

    Whatever changes in a panel beside an OpenGL canvas has Qt put the whole window
    together anew, canvas included, which takes time from the prediction that somebody
    waits for. Everything works meanwhile, and is drawn at once afterwards.

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
        self._told: Any = None  # napari's emitters are untyped
        self._end = QTimer(self)
        self._end.setSingleShot(True)
        self._end.timeout.connect(self._let_go)
        session.painting_changed.connect(self._on_painting)
        session.busy_changed.connect(self._on_busy)

    def close(self) -> None:
        """Stop following."""
        self._tell_thumbnail()
        self._session.painting_changed.disconnect(self._on_painting)
        self._session.busy_changed.disconnect(self._on_busy)

    @property
    def held(self) -> bool:
        """Whether drawing is held back."""
        return not self._widget.updatesEnabled()

    def _let_go(self) -> None:
        self._widget.setUpdatesEnabled(True)
        self._tell_thumbnail()

    def _on_painting(self, painting: bool) -> None:
        if not painting and self._session.live:
            self._widget.setUpdatesEnabled(False)
            self._hold_thumbnail()
            self._end.start(LONGEST_MS)

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

"""`Explainer`: the pixel that is explained, kept up with the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from psygnal import Signal

if TYPE_CHECKING:
    from napari_ood_seg.core.data.scribbles import Stroke
    from napari_ood_seg.core.guidance.explain import Explanation, NearStroke
    from napari_ood_seg.core.guidance.typicalities import ClassTypicality
    from napari_ood_seg.session.session import Session


class Explainer:
    """Follows a session: a pixel is explained again when there is something new.

    Nothing is asked as long as nobody watches.

    Parameters
    ----------
    session
        Answers (`Session.explain`, `Session.tally`).
    """

    changed: ClassVar[Signal] = Signal()
    """There is another explanation, or none."""
    tallied: ClassVar[Signal] = Signal()
    """There are other distributions of typicality, or none."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.watched = False
        self.point: tuple[int, int] | None = None
        self.found: Explanation | None = None
        self.fresh = False
        self.classes: tuple[ClassTypicality, ...] = ()
        session.explained.connect(self._on_explained)
        session.tallied.connect(self._on_tallied)
        session.model_changed.connect(self.again)
        session.scribbles_changed.connect(self.again)
        session.busy_changed.connect(self._on_busy)
        session.image_changed.connect(self.clear)
        session.plane_changed.connect(self.clear)
        session.result_started.connect(self._on_result)

    def close(self) -> None:
        """Stop following."""
        session = self._session
        session.explained.disconnect(self._on_explained)
        session.tallied.disconnect(self._on_tallied)
        session.model_changed.disconnect(self.again)
        session.scribbles_changed.disconnect(self.again)
        session.busy_changed.disconnect(self._on_busy)
        session.image_changed.disconnect(self.clear)
        session.plane_changed.disconnect(self.clear)
        session.result_started.disconnect(self._on_result)

    def watch(self, on: bool) -> None:
        """Begin to keep up, with what was missed, or stop doing so."""
        self.watched = on
        if on:
            self.again()
            self._session.tally()

    def ask(self, row: int, column: int) -> None:
        """Explain a pixel of the shown plane from now on."""
        self.point = (row, column)
        self._session.explain(row, column)

    def again(self) -> None:
        """Explain the same pixel again: what is known of it is old."""
        if self.point is None:
            return
        if self.fresh:
            self.fresh = False
            self.changed.emit()
        if self.watched and self._session.model is not None:
            self._session.explain(*self.point)

    def clear(self) -> None:
        """Forget the pixel, and everything that is known of the result."""
        self.forget_pixel()
        if self.classes:
            self.classes = ()
            self.tallied.emit()

    def forget_pixel(self) -> None:
        """Explain no pixel any more."""
        if self.point is None:
            return
        self.point, self.found, self.fresh = None, None, False
        self.changed.emit()

    def stroke(self, near: NearStroke) -> Stroke | None:
        """Return a stroke of an explanation, if it still exists."""
        strokes = self._session.scribbles.strokes
        return next((s for s in strokes if s.id == near.stroke_id), None)

    def _on_explained(self, found: Explanation) -> None:
        if found.point == self.point:
            self.found, self.fresh = found, True
            self.changed.emit()

    def _on_tallied(self, classes: tuple[ClassTypicality, ...]) -> None:
        self.classes = classes
        self.tallied.emit()

    def _on_busy(self, busy: bool) -> None:
        if self.watched and not busy:
            self._session.tally()

    def _on_result(self) -> None:
        """Forget the pixel where there is no result any more."""
        if self._session.result is None:
            self.clear()

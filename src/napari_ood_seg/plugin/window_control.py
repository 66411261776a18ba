"""Where somebody looks: told to the session, and what the scribbles cover."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import QObject, QTimer

from napari_ood_seg.plugin.camera import CameraWatch
from napari_ood_seg.plugin.scribble_layer import window_of
from napari_ood_seg.plugin.strokes import PAINTING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari.layers import Labels
    from napari.viewer import Viewer

    from napari_ood_seg.plugin.strokes import StrokeTracker
    from napari_ood_seg.session.session import Session

TOO_FAR: Final = (
    "zoom in to paint here: so far out, only the middle of the view can be painted on"
)


class WindowControl(QObject):
    """Follows the camera: what is visible can be painted on, and is predicted first.

    Scribbles of a large image cover a `Window` of it, which goes where somebody looks
    once the camera rests, but never while somebody paints. If more is visible, it is
    in the middle, and whoever paints beside it is told to zoom in.

    Parameters
    ----------
    viewer
        Its camera is followed.
    session
        Is told what is visible.
    """

    def __init__(self, viewer: Viewer, session: Session) -> None:
        super().__init__()
        self._viewer = viewer
        self._session = session
        self._tracker: StrokeTracker | None = None
        self._camera = CameraWatch(viewer)
        self._camera.moved.connect(self.look)
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._move)
        session.painting_changed.connect(self._on_painting)

    def close(self) -> None:
        """Stop following."""
        self.follow(None)
        self._camera.close()
        self._session.painting_changed.disconnect(self._on_painting)
        with suppress(RuntimeError):  # Qt may have deleted it at the very end
            self._soon.stop()

    def follow(self, tracker: StrokeTracker | None) -> None:
        """Move the layer of a tracker from now on."""
        if self._tracker is not None:
            self._tracker.layer.mouse_drag_callbacks.remove(self._on_press)
        self._tracker = tracker
        if tracker is not None:
            tracker.layer.mouse_drag_callbacks.append(self._on_press)

    def look(self) -> None:
        """Tell what is visible now; soon it can be painted on."""
        if self._tracker is not None:
            self._session.set_view(self._camera.view(self._tracker.layer))
            self._soon.start(0)  # a press may have led here: then somebody paints

    def _on_painting(self, painting: bool) -> None:
        if not painting:
            self._soon.start(0)  # once the stroke is told

    def _move(self) -> None:
        tracker, view = self._tracker, self._session.view
        flat = self._viewer.dims.ndisplay == 2
        if tracker is None or view is None or self._session.painting or not flat:
            return
        there = tracker.window.around(view.region)
        if not tracker.window.contains(view.region) and there != tracker.window:
            tracker.move(there)

    def _on_press(self, layer: Labels, event: Any) -> Iterator[None]:  # noqa: ANN401
        """Say so if somebody tries to paint where the layer does not reach."""
        if str(layer.mode) not in PAINTING:
            return
        while not beside(layer, event.position):
            yield
            if event.type != "mouse_move":
                return
        self._session.message.emit(TOO_FAR, "warning")


def beside(layer: Labels, position: Sequence[float]) -> bool:
    """Whether a place in the world is in the image, but not in its scribbles layer."""
    window = window_of(layer)
    own = layer.world_to_data(position)[-2:]
    at = [round(float(a) + n) for a, n in zip(own, window.origin, strict=True)]
    rows, columns = (slice(n, n + 1) for n in at)
    inside = all(0 <= n < size for n, size in zip(at, window.shape, strict=True))
    return inside and not window.contains((rows, columns))

"""Explain a pixel: by Shift+click, by key, or wherever the pointer is."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import QObject, QTimer, Signal

from napari_ood_seg.core.data.palette import UNKNOWN_COLOR
from napari_ood_seg.plugin.camera import canvas_of
from napari_ood_seg.plugin.explain_words import Words
from napari_ood_seg.plugin.layers import own_axes, role_of
from napari_ood_seg.plugin.look import look_at, show_mark, take_away
from napari_ood_seg.plugin.picker import Picker
from napari_ood_seg.session.explainer import Explainer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.layers import Layer, Points
    from napari.viewer import Viewer

    from napari_ood_seg.plugin.image_control import ImageControl
    from napari_ood_seg.plugin.panels.explain import ExplainPanel
    from napari_ood_seg.session.session import Session

_FOLLOW_MS: Final = 60
"""The pixel under the pointer is explained at most so often."""


class ExplainControl(QObject):
    """Connects the explain panel with session, canvas and camera.

    Parameters
    ----------
    viewer
        Its canvas is clicked, and gets a mark.
    panel
        Asks and shows.
    session
        Answers beside its job.
    images
        Knows image and scribbles.
    """

    wanted = Signal()
    """Somebody asked about a pixel, and wants to see the answer."""

    def __init__(
        self,
        viewer: Viewer,
        panel: ExplainPanel,
        session: Session,
        images: ImageControl,
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self._panel = panel
        self._session = session
        self._images = images
        self.explainer = Explainer(session)
        self.following = False
        self._mark: Points | None = None
        self._chosen: tuple[int, int] | None = None
        self._under: tuple[int, int] | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._ask_under)
        self._picker = Picker(canvas_of(viewer), self._is_ours)
        self._picker.picked.connect(self.explain_here)
        viewer.mouse_move_callbacks.append(self._on_move)
        panel.follow_toggled.connect(self.follow)
        panel.clear_requested.connect(self.explainer.forget_pixel)
        panel.stroke_picked.connect(self._on_stroke)
        self.explainer.changed.connect(self._show)
        self.explainer.tallied.connect(self._show_histograms)
        session.keep_changed.connect(self._on_keep)
        session.classes_changed.connect(self._on_classes)
        images.layer_removed.connect(self._on_layer_removed)
        panel.set_keep(session.keep)

    def close(self) -> None:
        """Stop following, and take the mark away."""
        with suppress(RuntimeError):  # Qt may have deleted it at the very end
            self._soon.stop()
        self._picker.close()
        self._viewer.mouse_move_callbacks.remove(self._on_move)
        self.explainer.changed.disconnect(self._show)
        self.explainer.tallied.disconnect(self._show_histograms)
        self._session.keep_changed.disconnect(self._on_keep)
        self._session.classes_changed.disconnect(self._on_classes)
        self._images.layer_removed.disconnect(self._on_layer_removed)
        self.explainer.close()
        self._take_mark_away(soon=False)

    def watch(self, on: bool) -> None:
        """Keep the panel up with the model from now on, or stop doing so."""
        self.explainer.watch(on)
        self._show()

    def explain_here(self, _key: str = "") -> None:
        """Explain the pixel under the pointer, and stay with it."""
        point = self.point_at(self._viewer.cursor.position)
        if point is None:
            text = "point at a pixel of the image to have it explained"
            self._session.message.emit(text, "info")
            return
        self.follow(on=False)
        self.explainer.ask(*point)
        self.wanted.emit()

    def follow(self, on: bool) -> None:
        """Explain whatever the pointer is over, or stay with a pixel."""
        self.following = on
        self._soon.stop()
        self._panel.set_following(on)
        self._show()

    def point_at(self, position: Sequence[float]) -> tuple[int, int] | None:
        """Return row and column of the image at a place in the world, if there are."""
        image, source = self._images.image, self._session.source
        if image is None or source is None or self._viewer.dims.ndisplay != 2:
            return None
        at = image.world_to_data(position)
        own = own_axes(image, source.axes)
        row, column = (round(float(at[own.index(a)])) for a in "YX")
        inside = 0 <= row < source.height and 0 <= column < source.width
        return (row, column) if inside else None

    def _is_ours(self) -> bool:
        """Whether a click on the canvas may be taken away from the active layer."""
        active = self._viewer.layers.selection.active
        if active is None or self._images.image is None:
            return False
        ours = active is self._images.image or role_of(active) is not None
        flat = self._viewer.dims.ndisplay == 2
        return ours and flat and str(active.mode) != "transform"

    def _on_move(self, _viewer: object, event: Any) -> None:  # noqa: ANN401 - napari event
        if not self.following or not self.explainer.watched:
            return
        self._under = self.point_at(event.position)
        if not self._soon.isActive():
            self._soon.start(_FOLLOW_MS)

    def _ask_under(self) -> None:
        there = self._session.model is not None and self._under is not None
        if there and self._under != self.explainer.point:
            assert self._under is not None
            self.explainer.ask(*self._under)

    def _on_stroke(self, row: int) -> None:
        layer, found = self._images.scribbles, self.explainer.found
        if layer is None or found is None or row >= len(found.strokes):
            return
        near = found.strokes[row]
        if self.explainer.stroke(near) is not None:
            look_at(self._viewer, layer, near.plane, near.point, near.box)

    def _on_keep(self, keep: float) -> None:
        self._panel.set_keep(keep)
        self._show()

    def _on_classes(self) -> None:
        self._show()
        self._show_histograms()

    def _on_layer_removed(self, layer: Layer) -> None:
        if layer is self._mark:
            self._mark = None
            self.explainer.forget_pixel()

    def _show(self) -> None:
        """Show what is known of the pixel."""
        found, words = self.explainer.found, Words(self._session)
        watched = self.explainer.watched
        self._set_mark(
            found.point if found and watched and not self.following else None
        )
        if found is None:
            self._chosen = None
            self._panel.set_pixel(None)
            self._panel.set_strokes(())
            return
        stale = not self.explainer.fresh
        self._panel.set_pixel(words.pixel(found), stale=stale)
        there = [s for s in found.strokes if self.explainer.stroke(s) is not None]
        self._panel.set_strokes(words.strokes(there))
        if found.point != self._chosen and not self.following:
            self._chosen = found.point
            self._panel.choose_class(words.name(found.best.class_id))

    def _show_histograms(self) -> None:
        words = Words(self._session)
        self._panel.set_histograms([words.histogram(c) for c in self.explainer.classes])

    def _set_mark(self, point: tuple[int, int] | None) -> None:
        image, source = self._images.image, self._session.source
        there = self._mark is not None and self._mark in self._viewer.layers
        if point is None or image is None or source is None:
            self._take_mark_away(soon=True)
        elif self._mark is not None and there:
            if tuple(self._mark.data[0]) != point:
                self._mark.data = [point]
        else:
            self._mark = show_mark(self._viewer, image, source, point, UNKNOWN_COLOR)

    def _take_mark_away(self, *, soon: bool) -> None:
        mark, self._mark = self._mark, None
        take_away(self._viewer, mark, soon=soon)

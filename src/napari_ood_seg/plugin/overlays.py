"""The result layers: predicted classes and OOD heatmap, updated in place."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

from psygnal import Signal
from qtpy.QtCore import QObject, QTimer

from napari_ood_seg.plugin.camera import canvas_of
from napari_ood_seg.plugin.colormaps import class_colors
from napari_ood_seg.plugin.layers import (
    make_classes,
    make_copies,
    make_heatmap,
    role_of,
)
from napari_ood_seg.plugin.shown import Shown

if TYPE_CHECKING:
    from napari.layers import Image, Labels, Layer
    from napari.viewer import Viewer

    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.session.jobs import TileDone
    from napari_ood_seg.session.session import Session

_REDRAW_MS: Final = 250
"""Tiles that arrive within this time are drawn together; the last one at once."""

_STILL_MS: Final = 600
"""Thumbnails are drawn anew once nothing has happened for so long."""


class Overlays(QObject):
    """Keeps the two result layers equal to the session's result.

    Parameters
    ----------
    viewer
        Gets the layers when there is a first result.
    session
        Its result, threshold and classes are shown.

    Attributes
    ----------
    reading
        Whether results are just being read, and no more of the canvas changes.
    """

    wanted_changed = Signal()
    """Somebody showed or hid a result layer, here or with napari's eye."""

    def __init__(self, viewer: Viewer, session: Session) -> None:
        super().__init__()
        self._viewer = viewer
        self._canvas = canvas_of(viewer)
        self._session = session
        self._image: Image | None = None
        self._shown_of: WeakKeyDictionary[Image, Shown] = WeakKeyDictionary()
        self._shown = Shown(session)
        self._plane = session.plane
        self._also: set[Shown] = set()
        self.reading = False
        self.show_unknown = True
        self.opacity = 0.55
        self.wanted = {"classes": True, "heatmap": True}
        self._hidden = False
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.timeout.connect(self._on_redraw)
        self._still = QTimer(self)
        self._still.setSingleShot(True)
        self._still.setInterval(_STILL_MS)
        self._still.timeout.connect(self._show_thumbnails)
        self._next = QTimer(self)
        self._next.setSingleShot(True)
        self._next.timeout.connect(self._let_draw)
        session.result_started.connect(self._on_started)
        session.model_changed.connect(self._on_model)
        session.results_renewed.connect(self._on_renewed)
        session.tile_done.connect(self._on_tile)
        session.busy_changed.connect(self._on_busy)
        session.job_ended.connect(self._on_end)
        session.keep_changed.connect(self._on_keep)
        session.classes_changed.connect(self._on_classes)

    def close(self) -> None:
        """Stop following; the layers stay, they are the user's now."""
        with suppress(RuntimeError):  # Qt may have deleted them at the very end
            self._redraw.stop()
            self._still.stop()
            self._next.stop()
            self._let_draw()
        self._session.result_started.disconnect(self._on_started)
        self._session.model_changed.disconnect(self._on_model)
        self._session.results_renewed.disconnect(self._on_renewed)
        self._session.tile_done.disconnect(self._on_tile)
        self._session.busy_changed.disconnect(self._on_busy)
        self._session.job_ended.disconnect(self._on_end)
        self._session.keep_changed.disconnect(self._on_keep)
        self._session.classes_changed.disconnect(self._on_classes)
        for image, shown in self._shown_of.items():
            shown.close()
            for layer in shown.layers():
                layer.events.visible.disconnect(self._on_eye)
                layer.metadata["image"] = image.name  # for the next panel

    @property
    def classes(self) -> Labels | None:
        """The layer of predicted classes, if there is one."""
        return self._shown.classes

    @property
    def heatmap(self) -> Image | None:
        """The layer of the OOD heatmap, if there is one."""
        return self._shown.heatmap

    @property
    def still(self) -> bool:
        """Whether the thumbnails are up to date, too."""
        return not self.pending and not self._still.isActive()

    @property
    def pending(self) -> bool:
        """Whether tiles have arrived that are not drawn yet."""
        return self._redraw.isActive()

    def follow(self, image: Image | None) -> None:
        """Show results over `image` from now on; layers of another one stay behind.

        An image whose axes, or values, are read otherwise has another result.
        """
        if image is self._image and self._session.source is self._shown.source:
            return
        self._image = image
        source = self._session.source
        self._shown = Shown(self._session)
        if image is not None and source is not None:
            self._shown = self._find(image, source)
        for layer in self._shown.layers():
            if layer not in self._viewer.layers:
                self.forget(layer)
        self._shown.source = self._session.source
        self._shown.result = self._session.result
        if self._session.result is not None or self._shown.layers():
            self._on_started()
        self._show_wanted()
        self._on_classes()

    def _find(self, image: Image, source: ImageSource) -> Shown:
        """Return the result layers of an image; a panel that was closed left some."""
        if image in self._shown_of:
            return self._shown_of[image]
        self._shown_of[image] = shown = Shown(self._session)
        for layer in self._viewer.layers:
            fits = layer.data.shape == (source.height, source.width)
            if layer.metadata.get("image") == image.name and fits:
                if role_of(layer) == "classes":
                    shown.classes = layer
                elif role_of(layer) == "heatmap":
                    shown.heatmap = layer
        for layer in shown.layers():
            layer.events.visible.connect(self._on_eye)
        return shown

    def forget(self, layer: Layer) -> None:
        """Take note that a layer is gone; the next result makes a new one."""
        for shown in self._everywhere():
            if layer is shown.classes:
                shown.classes = None
            if layer is shown.heatmap:
                shown.heatmap = None

    def show_other(self, image: Image, source: ImageSource) -> None:
        """Show what there is of an image that is not worked on now."""
        result = self._session.result_of(source)
        if result is None or image is self._image:
            return
        shown = self._find(image, source)
        shown.source, shown.result = source, result
        self._prepare(shown, image, source)
        self._draw_later({shown})

    def _on_renewed(self) -> None:
        """Results of other images may be gone: show nothing rather than old ones."""
        others = {s for s in self._shown_of.values() if s is not self._shown}
        for shown in others:
            if shown.source is not None:
                shown.result = self._session.result_of(shown.source)
        if others:
            self._draw_later(others)

    def _draw_later(self, also: set[Shown]) -> None:
        """Draw again soon, together with layers of other images."""
        self._also |= also
        if not self._redraw.isActive():
            self._redraw.start(_REDRAW_MS)

    def keep_copy(self) -> None:
        """Add ordinary layers of what is shown; hidden, as they would cover it."""
        session, image, source = self._session, self._image, self._session.source
        if session.result is None or image is None or source is None:
            return
        if session.result.whole_bytes > session.memory:
            session.message.emit(
                "the image is too large for a copy in memory: export it instead",
                "warning",
            )
            return
        labels = session.result.labels(session.keep)
        ood = session.result.ood_in(session.result.whole)
        for copy in make_copies(image, source, session.classes, labels, ood):
            copy.visible = False
            self._add(copy, image)
        session.message.emit("copied to layers of their own, hidden for now", "info")

    def set_visible(self, key: str, *, visible: bool) -> None:
        """Show or hide ``classes``, ``heatmap`` or, within the classes, ``unknown``."""
        if key == "unknown":
            self.show_unknown = visible
            self._on_classes()
            return
        self.wanted[key] = visible
        self._show_wanted()
        self.wanted_changed.emit()

    def set_hidden(self, *, hidden: bool) -> None:
        """Hide both layers, or show again what is wanted."""
        self._hidden = hidden
        self._show_wanted()

    def _show_wanted(self) -> None:
        for shown in self._everywhere():
            for key, layer in (("classes", shown.classes), ("heatmap", shown.heatmap)):
                if layer is not None:
                    layer.visible = self.wanted[key] and not self._hidden

    def _everywhere(self) -> set[Shown]:
        """Return what is shown of all images."""
        return {self._shown, *self._shown_of.values()}

    def _on_eye(self, event: Any) -> None:  # noqa: ANN401 - napari events are untyped
        """Follow napari's eye icons; what we did ourselves is as wanted."""
        layer = event.source
        key = "classes" if layer is self.classes else "heatmap"
        ours = layer is not None and layer in (self.classes, self.heatmap)
        if ours and not self._hidden and layer.visible != self.wanted[key]:
            self.wanted[key] = layer.visible
            self.wanted_changed.emit()

    def set_opacity(self, opacity: float) -> None:
        """Make the classes more or less transparent, 0 to 1.

        The heatmap is transparent where it says nothing; it follows above one half.
        """
        self.opacity = opacity
        for shown in self._everywhere():
            if shown.classes is not None:
                shown.classes.opacity = opacity
            if shown.heatmap is not None:
                shown.heatmap.opacity = _heatmap_opacity(opacity)

    def _on_started(self) -> None:
        self._shown.result = self._session.result
        if self._session.result is not None:
            self._prepare_shown()
        if self._session.result is None or self._plane != self._session.plane:
            self._plane = self._session.plane
            self._draw()  # at once: with the image, whose plane has changed
        else:
            self._redraw.start(0)

    def _on_model(self) -> None:
        """Bring back what was deleted; there may be a result from before."""
        if self._session.result is not None:
            self._prepare_shown()

    def _prepare_shown(self) -> None:
        image, source = self._image, self._session.source
        if image is not None and source is not None:
            self._shown.source = source
            self._prepare(self._shown, image, source)

    def _prepare(self, shown: Shown, image: Image, source: ImageSource) -> None:
        """Make the layers that are missing; those that are there take the shape."""
        shape = (source.height, source.width)
        complete = shown.classes is not None and shown.heatmap is not None
        if complete and shown.fits(shape):
            return
        classes, heatmap = shown.pyramids(shape)
        if shown.classes is None:
            shown.classes = make_classes(
                image, source, classes.levels, self._session.classes
            )
            self._insert(shown.classes, "classes", image)
        else:
            shown.classes.data = classes.levels
        if shown.heatmap is None:
            shown.heatmap = make_heatmap(image, source, heatmap.levels)
            self._insert(shown.heatmap, "heatmap", image)
        else:
            shown.heatmap.data = heatmap.levels

    def _insert(self, layer: Labels | Image, key: str, image: Image) -> None:
        layer.opacity = (
            self.opacity if key == "classes" else _heatmap_opacity(self.opacity)
        )
        layer.visible = self.wanted[key] and not self._hidden
        layer.events.visible.connect(self._on_eye)
        self._add(layer, image)

    def _add(self, layer: Layer, image: Image) -> None:
        """Put a layer above its image, but below its scribbles; the selection stays."""
        selected = set(self._viewer.layers.selection)
        active = self._viewer.layers.selection.active
        self._viewer.layers.insert(self._place(image), layer)
        self._viewer.layers.selection = selected
        self._viewer.layers.selection.active = active

    def _place(self, image: Image) -> int:
        """Return where in the list results of an image belong."""
        layers = list(self._viewer.layers)
        roles = [role_of(layer) for layer in layers]
        for i, layer in enumerate(layers):
            if roles[i] == "scribbles" and layer.metadata.get("image") == image.name:
                return i
        if image not in layers:
            return len(layers)
        above = layers.index(image) + 1
        results = () if image not in self._shown_of else self._shown_of[image].layers()
        while above < len(layers) and (
            roles[above] == "picture" or layers[above] in results
        ):
            above += 1
        return above

    def _on_tile(self, event: TileDone) -> None:
        view = self._session.view
        visible = view is None or view.overlaps(event.region)
        if visible and not self._redraw.isActive():
            self._redraw.start(_REDRAW_MS)

    def _on_redraw(self) -> None:
        """Draw what has come, but never under the hand, which would feel it."""
        if self._session.painting:
            self._redraw.start(_STILL_MS)  # live mode has a newer result by then
        else:
            self._draw()

    def _on_busy(self, busy: bool) -> None:
        if not busy:  # at once: panels, which change as well, can wait
            self._redraw.stop()
            self._draw()

    def _on_end(self) -> None:
        self._still.start()

    def _show_thumbnails(self) -> None:
        """Bring the thumbnails up to date, and what was blanked, once it is quiet."""
        if self._session.painting:
            self._still.start()
        elif not self._session.busy and not self._session.ahead:
            self._also = self._everywhere()
            for shown in self._also:
                shown.refresh_thumbnails()
            self._draw(thumbnail=True)

    def _on_keep(self) -> None:
        if self._session.result is not None:
            self._also = self._everywhere()
            self._redraw.start(0)

    def _on_classes(self) -> None:
        colors = class_colors(self._session.classes, unknown=self.show_unknown)
        for shown in self._everywhere():
            if shown.classes is not None:
                shown.classes.colormap = colors

    def _draw(self, *, thumbnail: bool = False) -> None:
        """Read the results now, and let the mouse move before they are drawn."""
        also, self._also = self._also - {self._shown}, set()
        self._canvas.setUpdatesEnabled(False)
        self._next.start()
        self.reading = True
        try:
            for layer in (own for s in (self._shown, *also) for own in s.layers()):
                if layer in self._viewer.layers:
                    layer.refresh(extent=False, thumbnail=thumbnail)
        finally:
            self.reading = False

    def _let_draw(self) -> None:
        self._canvas.setUpdatesEnabled(True)


def _heatmap_opacity(opacity: float) -> float:
    return min(1.0, 2 * opacity)

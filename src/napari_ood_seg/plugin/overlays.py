"""The result layers: predicted classes and OOD heatmap, updated in place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import numpy as np
from psygnal import Signal
from qtpy.QtCore import QObject, QTimer

from napari_ood_seg.plugin.colormaps import class_colors
from napari_ood_seg.plugin.layers import make_classes, make_heatmap, role_of

if TYPE_CHECKING:
    import numpy.typing as npt
    from napari.layers import Image, Labels, Layer
    from napari.viewer import Viewer

    from napari_ood_seg.session.jobs import TileDone
    from napari_ood_seg.session.result import Result
    from napari_ood_seg.session.session import Session

    Pair = tuple[Labels | None, Image | None]

_REDRAW_MS: Final = 250
"""Tiles that arrive within this time are drawn together; the last one at once."""


class Overlays(QObject):
    """Keeps the two result layers equal to the session's result.

    Parameters
    ----------
    viewer
        Gets the layers when there is a first result.
    session
        Its result, threshold and classes are shown.
    """

    wanted_changed = Signal()
    """Somebody showed or hid a result layer, here or with napari's eye."""

    def __init__(self, viewer: Viewer, session: Session) -> None:
        super().__init__()
        self._viewer = viewer
        self._session = session
        self._image: Image | None = None
        self._layers_of: WeakKeyDictionary[Image, Pair] = WeakKeyDictionary()
        self.classes: Labels | None = None
        self.heatmap: Image | None = None
        self.show_unknown = True
        self.opacity = 0.55
        self.wanted = {"classes": True, "heatmap": True}
        self._hidden = False
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.timeout.connect(self._draw)
        self._bar = QTimer(self)
        self._bar.setSingleShot(True)
        self._bar.timeout.connect(self._show_bar)
        self._without_bar = False
        session.result_started.connect(self._on_started)
        session.model_changed.connect(self._on_model)
        session.tile_done.connect(self._on_tile)
        session.keep_changed.connect(self._on_keep)
        session.classes_changed.connect(self._on_classes)

    def close(self) -> None:
        """Stop following; the layers stay, they are the user's now."""
        self._redraw.stop()
        self._bar.stop()
        self._session.result_started.disconnect(self._on_started)
        self._session.model_changed.disconnect(self._on_model)
        self._session.tile_done.disconnect(self._on_tile)
        self._session.keep_changed.disconnect(self._on_keep)
        self._session.classes_changed.disconnect(self._on_classes)
        self.follow(None)
        for image, pair in self._layers_of.items():
            for layer in pair:
                if layer is not None:
                    layer.events.visible.disconnect(self._on_eye)
                    layer.metadata["image"] = image.name  # for the next panel

    @property
    def pending(self) -> bool:
        """Whether tiles have arrived that are not drawn yet."""
        return self._redraw.isActive()

    def follow(self, image: Image | None) -> None:
        """Show results over `image` from now on; layers of another one stay behind."""
        if image is self._image:
            return
        if self._image is not None:
            self._layers_of[self._image] = (self.classes, self.heatmap)
        self._image = image
        classes, heatmap = (None, None) if image is None else self._find(image)
        self.classes = classes if classes in self._viewer.layers else None
        self.heatmap = heatmap if heatmap in self._viewer.layers else None
        self._show_wanted()
        self._on_classes()

    def _find(self, image: Image) -> Pair:
        """Return the result layers of an image; a panel that was closed left some."""
        if image in self._layers_of:
            return self._layers_of[image]
        left = {
            role_of(layer): layer
            for layer in self._viewer.layers
            if layer.metadata.get("image") == image.name and self._fits(layer)
        }
        found = (left.get("classes"), left.get("heatmap"))
        for layer in found:
            if layer is not None:
                layer.events.visible.connect(self._on_eye)
        return found

    def _fits(self, layer: Layer) -> bool:
        """Whether a layer has the size of the image."""
        source = self._session.source
        return source is not None and layer.data.shape == (source.height, source.width)

    def forget(self, layer: Layer) -> None:
        """Take note that a layer is gone; the next result makes a new one."""
        if layer is self.classes:
            self.classes = None
        if layer is self.heatmap:
            self.heatmap = None

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
        for key, layer in (("classes", self.classes), ("heatmap", self.heatmap)):
            if layer is not None:
                layer.visible = self.wanted[key] and not self._hidden

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
        if self.classes is not None:
            self.classes.opacity = opacity
        if self.heatmap is not None:
            self.heatmap.opacity = _heatmap_opacity(opacity)

    def _on_started(self) -> None:
        if self._session.result is None:
            self._blank()
        else:
            self._prepare(self._session.result)

    def _on_model(self) -> None:
        """Bring back what was deleted; there may be a result from before."""
        if self._session.result is not None:
            self._prepare(self._session.result)

    def _prepare(self, result: Result) -> None:
        """Make the layers that are missing; those that are there take the shape."""
        image, source = self._image, self._session.source
        if image is None or source is None:
            return
        shape = result.classes.shape
        if self.classes is None:
            labels = result.labels(self._session.keep)
            self.classes = make_classes(image, source, labels, self._session.classes)
            self._insert(self.classes, "classes")
        elif self.classes.data.shape != shape:
            self.classes.data = result.labels(self._session.keep)
        if self.heatmap is None:
            self.heatmap = make_heatmap(image, source, heat(result.typicality))
            self._without_bar = True
            self._insert(self.heatmap, "heatmap")
        elif self.heatmap.data.shape != shape:
            self.heatmap.data = heat(result.typicality)

    def _insert(self, layer: Any, key: str) -> None:  # noqa: ANN401 - Labels or Image
        layer.opacity = (
            self.opacity if key == "classes" else _heatmap_opacity(self.opacity)
        )
        layer.visible = self.wanted[key] and not self._hidden
        layer.events.visible.connect(self._on_eye)
        selected = set(self._viewer.layers.selection)
        active = self._viewer.layers.selection.active
        self._viewer.layers.insert(self._below_scribbles(), layer)
        self._viewer.layers.selection = selected
        self._viewer.layers.selection.active = active

    def _below_scribbles(self) -> int:
        roles = [role_of(layer) for layer in self._viewer.layers]
        return roles.index("scribbles") if "scribbles" in roles else len(roles)

    def _on_tile(self, event: TileDone) -> None:
        result = self._session.result
        if result is None:
            return
        where = event.tile.inner
        if self.classes is not None:
            self.classes.data[where] = result.labels(self._session.keep, where)
        if self.heatmap is not None:
            self.heatmap.data[where] = heat(event.prediction.typicality)
        if event.done == event.total:
            self._redraw.start(0)
        elif not self._redraw.isActive():
            self._redraw.start(_REDRAW_MS)

    def _on_keep(self) -> None:
        if self._session.result is not None and self.classes is not None:
            self.classes.data[:] = self._session.result.labels(self._session.keep)
            self._redraw.start(0)

    def _on_classes(self) -> None:
        if self.classes is not None:
            self.classes.colormap = class_colors(
                self._session.classes, unknown=self.show_unknown
            )

    def _blank(self) -> None:
        for layer in (self.classes, self.heatmap):
            if layer is not None:
                layer.data[:] = np.zeros((), layer.data.dtype)
        self._draw()

    def _draw(self) -> None:
        for layer in (self.classes, self.heatmap):
            if layer is not None and layer in self._viewer.layers:
                layer.refresh(extent=False)
        if self._without_bar and not self._session.busy:
            self._bar.start(0)

    def _show_bar(self) -> None:
        """Add the colour bar, which takes a while to make, once the result is drawn."""
        self._without_bar = False
        if self.heatmap is not None and self.heatmap in self._viewer.layers:
            self.heatmap.colorbar.visible = True


def heat(typicality: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return what the heatmap shows: 1 where nothing is typical, 0 where not known.

    >>> heat(np.array([1.0, 0.25, np.nan], np.float32)).tolist()
    [0.0, 0.75, 0.0]
    """
    known = ~np.isnan(typicality)
    return np.where(known, 1 - typicality, np.float32(0))


def _heatmap_opacity(opacity: float) -> float:
    return min(1.0, 2 * opacity)

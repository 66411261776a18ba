"""The result layers: predicted classes and OOD heatmap, updated in place."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakKeyDictionary

import numpy as np
from psygnal import Signal
from qtpy.QtCore import QObject, QTimer

from napari_ood_seg.plugin.colormaps import class_colors
from napari_ood_seg.plugin.layers import make_classes, make_heatmap, role_of
from napari_ood_seg.plugin.levels import Pyramid

if TYPE_CHECKING:
    import numpy.typing as npt
    from napari.layers import Image, Labels, Layer
    from napari.viewer import Viewer

    from napari_ood_seg.session.jobs import TileDone
    from napari_ood_seg.session.result import Result
    from napari_ood_seg.session.session import Session

_REDRAW_MS: Final = 250
"""Tiles that arrive within this time are drawn together; the last one at once."""


_STILL_MS: Final = 600
"""Thumbnails are drawn anew once nothing has happened for so long."""


class Shown:
    """The result layers of one image, and the result that they read.

    Parameters
    ----------
    session
        Its threshold is used.
    """

    def __init__(self, session: Session) -> None:
        self.result: Result | None = None
        self.classes: Labels | None = None
        self.heatmap: Image | None = None
        self._session = session
        self._pyramids: tuple[Pyramid, ...] = ()
        self._shape = (0, 0)

    def pyramids(self, shape: tuple[int, int]) -> tuple[Pyramid, Pyramid]:
        """Return classes and heatmap of an image of `(h, w)`, made when looked at."""
        labels = Pyramid(shape, np.uint8, self._labels)
        heatmap = Pyramid(shape, np.float32, self._heat)
        self._pyramids, self._shape = (labels, heatmap), shape
        return labels, heatmap

    def fits(self, shape: tuple[int, int]) -> bool:
        """Whether the layers have the shape of an image."""
        return bool(self._pyramids) and self._shape == shape

    def layers(self) -> tuple[Labels | Image, ...]:
        """Return the layers that there are."""
        return tuple(la for la in (self.classes, self.heatmap) if la is not None)

    def refresh_thumbnails(self) -> None:
        """Let the thumbnails show what there is now."""
        for pyramid in self._pyramids:
            pyramid.refresh()

    def _labels(self, region: tuple[slice, ...], step: int) -> npt.NDArray[np.uint8]:
        if self.result is None:
            return np.zeros(_size(region, step), np.uint8)
        return self.result.labels(self._session.keep, region, step=step)

    def _heat(self, region: tuple[slice, ...], step: int) -> npt.NDArray[np.float32]:
        if self.result is None:
            return np.zeros(_size(region, step), np.float32)
        return heat(self.result.typicality_in(region, step=step))


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
        self._shown_of: WeakKeyDictionary[Image, Shown] = WeakKeyDictionary()
        self._shown = Shown(session)
        self.show_unknown = True
        self.opacity = 0.55
        self.wanted = {"classes": True, "heatmap": True}
        self._hidden = False
        self._redraw = QTimer(self)
        self._redraw.setSingleShot(True)
        self._redraw.timeout.connect(self._draw)
        self._still = QTimer(self)
        self._still.setSingleShot(True)
        self._still.setInterval(_STILL_MS)
        self._still.timeout.connect(self._show_thumbnails)
        session.result_started.connect(self._on_started)
        session.model_changed.connect(self._on_model)
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
        self._session.result_started.disconnect(self._on_started)
        self._session.model_changed.disconnect(self._on_model)
        self._session.tile_done.disconnect(self._on_tile)
        self._session.busy_changed.disconnect(self._on_busy)
        self._session.job_ended.disconnect(self._on_end)
        self._session.keep_changed.disconnect(self._on_keep)
        self._session.classes_changed.disconnect(self._on_classes)
        for image, shown in self._shown_of.items():
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
    def pending(self) -> bool:
        """Whether tiles have arrived that are not drawn yet."""
        return self._redraw.isActive()

    def follow(self, image: Image | None) -> None:
        """Show results over `image` from now on; layers of another one stay behind."""
        if image is self._image:
            return
        self._image = image
        self._shown = Shown(self._session) if image is None else self._find(image)
        for layer in self._shown.layers():
            if layer not in self._viewer.layers:
                self.forget(layer)
        if self._session.result is not None:
            self._on_started()
        self._show_wanted()
        self._on_classes()

    def _find(self, image: Image) -> Shown:
        """Return the result layers of an image; a panel that was closed left some."""
        if image in self._shown_of:
            return self._shown_of[image]
        self._shown_of[image] = shown = Shown(self._session)
        for layer in self._viewer.layers:
            if layer.metadata.get("image") == image.name and self._fits(layer):
                if role_of(layer) == "classes":
                    shown.classes = layer
                elif role_of(layer) == "heatmap":
                    shown.heatmap = layer
        for layer in shown.layers():
            layer.events.visible.connect(self._on_eye)
        return shown

    def _fits(self, layer: Layer) -> bool:
        """Whether a layer has the size of the image."""
        source = self._session.source
        return source is not None and layer.data.shape == (source.height, source.width)

    def forget(self, layer: Layer) -> None:
        """Take note that a layer is gone; the next result makes a new one."""
        if layer is self._shown.classes:
            self._shown.classes = None
        if layer is self._shown.heatmap:
            self._shown.heatmap = None

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
        self._shown.result = self._session.result
        if self._session.result is None:
            self._draw()
        else:
            self._prepare(self._session.result)
            self._redraw.start(0)

    def _on_model(self) -> None:
        """Bring back what was deleted; there may be a result from before."""
        if self._session.result is not None:
            self._prepare(self._session.result)

    def _prepare(self, result: Result) -> None:
        """Make the layers that are missing; those that are there take the shape."""
        image, source, shown = self._image, self._session.source, self._shown
        if image is None or source is None:
            return
        complete = shown.classes is not None and shown.heatmap is not None
        if complete and shown.fits(result.shape):
            return
        classes, heatmap = shown.pyramids(result.shape)
        if shown.classes is None:
            shown.classes = make_classes(
                image, source, classes.levels, self._session.classes
            )
            self._insert(shown.classes, "classes")
        else:
            shown.classes.data = classes.levels
        if shown.heatmap is None:
            shown.heatmap = make_heatmap(image, source, heatmap.levels)
            self._insert(shown.heatmap, "heatmap")
        else:
            shown.heatmap.data = heatmap.levels

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
        view = self._session.view
        visible = view is None or view.overlaps(event.region)
        if visible and not self._redraw.isActive():
            self._redraw.start(_REDRAW_MS)

    def _on_busy(self, busy: bool) -> None:
        if not busy:  # at once: panels, which change as well, can wait
            self._redraw.stop()
            self._draw()

    def _on_end(self) -> None:
        self._still.start()

    def _show_thumbnails(self) -> None:
        """Bring the thumbnails up to date, and what was blanked, once it is quiet."""
        if not self._session.busy and not self._session.ahead:
            self._shown.refresh_thumbnails()
            self._draw()

    def _on_keep(self) -> None:
        if self._session.result is not None:
            self._redraw.start(0)

    def _on_classes(self) -> None:
        if self.classes is not None:
            self.classes.colormap = class_colors(
                self._session.classes, unknown=self.show_unknown
            )

    def _draw(self) -> None:
        still = not self._session.busy and not self._session.ahead
        for layer in self._shown.layers():
            if layer in self._viewer.layers:
                layer.refresh(extent=False, thumbnail=still)


def heat(typicality: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return what the heatmap shows: 1 where nothing is typical, 0 where not known.

    >>> heat(np.array([1.0, 0.25, np.nan], np.float32)).tolist()
    [0.0, 0.75, 0.0]
    """
    known = ~np.isnan(typicality)
    return np.where(known, 1 - typicality, np.float32(0))


def _size(region: tuple[slice, ...], step: int) -> list[int]:
    return [len(range(s.start, s.stop, step)) for s in region]


def _heatmap_opacity(opacity: float) -> float:
    return min(1.0, 2 * opacity)

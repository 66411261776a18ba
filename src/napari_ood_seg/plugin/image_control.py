"""Which image is worked on, and the scribbles layer that belongs to it."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import ReferenceType, WeakKeyDictionary, ref

from napari.layers import Image, Labels
from psygnal import Signal
from qtpy.QtCore import QObject, QTimer

from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.errors import OODSegError
from napari_ood_seg.plugin.colormaps import scribble_colors
from napari_ood_seg.plugin.layers import (
    axes_options,
    is_candidate,
    make_picture,
    make_scribbles,
    needs_picture,
    own_axes,
    role_of,
    scribbles_placement,
    stretched_axes,
)
from napari_ood_seg.plugin.scribble_layer import (
    fill_up,
    fits,
    renumber,
    stretch,
    strokes_of,
    window_of,
)
from napari_ood_seg.plugin.sources import Sources, describe
from napari_ood_seg.plugin.strokes import StrokeTracker
from napari_ood_seg.plugin.window_control import WindowControl
from napari_ood_seg.session.history import StrokeHistory

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.plugin.panels.image import ImagePanel
    from napari_ood_seg.session.session import Session


class Known(NamedTuple):
    """What a scribbles layer showed when it was left, and, while it is there, where."""

    scribbles: Scribbles
    history: StrokeHistory
    source: ReferenceType[ImageSource]


class ImageControl(QObject):
    """Follows the viewer's layers and keeps image and scribbles together.

    Parameters
    ----------
    viewer
        Its image layers are offered.
    panel
        Shows the choice.
    session
        Is told which image and which strokes there are.
    """

    changed = Signal()
    """There is another image or another scribbles layer."""
    layer_removed = Signal(object)

    def __init__(self, viewer: Viewer, panel: ImagePanel, session: Session) -> None:
        super().__init__()
        self._viewer = viewer
        self._panel = panel
        self._session = session
        self.image: Image | None = None
        self.tracker: StrokeTracker | None = None
        self._layer_of: WeakKeyDictionary[Image, Labels] = WeakKeyDictionary()
        self._known: WeakKeyDictionary[Labels, Known] = WeakKeyDictionary()
        self.sources = Sources()
        self._new: list[Layer] = []
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._meet)
        panel.image_selected.connect(self._on_panel_image)
        panel.axes_selected.connect(self._on_panel_axes)
        panel.new_scribbles_requested.connect(self.renew_scribbles)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.layers.events.reordered.connect(self.list_images)
        viewer.dims.events.current_step.connect(self._on_step)
        self._windows = WindowControl(viewer, session)
        session.classes_changed.connect(self._on_classes)
        for layer in viewer.layers:
            self._watch(layer)

    def close(self) -> None:
        """Stop following; layers stay."""
        layers, events = self._viewer.layers, self._viewer.layers.events
        events.inserted.disconnect(self._on_inserted)
        events.removed.disconnect(self._on_removed)
        events.reordered.disconnect(self.list_images)
        self._viewer.dims.events.current_step.disconnect(self._on_step)
        self._windows.close()
        self._session.classes_changed.disconnect(self._on_classes)
        for layer in layers:
            self._unwatch(layer)
        for layer in self._layer_of.values():
            if self._on_press in layer.mouse_drag_callbacks:
                layer.mouse_drag_callbacks.remove(self._on_press)
        with suppress(RuntimeError):  # Qt may have deleted it at the very end
            self._soon.stop()
        self._leave()

    @property
    def scribbles(self) -> Labels | None:
        """The scribbles layer of the image, if there is one."""
        return None if self.tracker is None else self.tracker.layer

    def choose_first(self) -> None:
        """Work on the selected image, else on the topmost one."""
        active = self._viewer.layers.selection.active
        candidates = [la for la in self._viewer.layers if is_candidate(la)]
        if active is not None and is_candidate(active):
            self.choose(active)
        elif candidates:
            self.choose(candidates[-1])
        else:
            self.list_images()

    def choose(self, image: Image, axes: str | None = None) -> None:
        """Work on `image`; a reading of its axes that does not fit changes nothing."""
        try:
            source = self.sources.of(image, axes)
        except OODSegError as error:
            self._session.message.emit(str(error), "error")
            self.list_images()
            return
        self._leave()
        self.image = image
        self._session.set_image(source)
        self.list_images()  # before live mode learns from how it was read until now
        self._show_picture(source)
        found = self._existing_scribbles(source)
        if found is None:
            self._follow(self._make_scribbles(source), StrokeHistory()).show()
            self._select(self.scribbles)
        else:
            self._attach(found)
        self.changed.emit()  # whoever shows results has to know whose they are
        self._on_step()
        self._windows.look()

    def renew_scribbles(self) -> None:
        """Make a scribbles layer where there is none; known strokes come back."""
        if self.image is None or self._session.source is None:
            self._session.message.emit("choose an image first", "warning")
            return
        if self.tracker is None:
            layer = self._make_scribbles(self._session.source)
            self._follow(layer, StrokeHistory()).show()
            self.changed.emit()
        self._select(self.scribbles)

    def _leave(self) -> None:
        self.image = None
        self._drop_tracker()

    def _drop_tracker(self) -> None:
        if self.tracker is not None:
            self._windows.follow(None)
            self.tracker.close()
            session = self._session
            assert session.source is not None
            self._known[self.tracker.layer] = Known(
                session.scribbles, self.tracker.history, ref(session.source)
            )
            self.tracker = None

    def _make_scribbles(self, source: ImageSource) -> Labels:
        assert self.image is not None
        layer = make_scribbles(self.image, source, self._session.classes)
        self._viewer.add_layer(layer)
        return layer

    def _attach(self, layer: Labels) -> None:
        """Take the strokes of `layer` for those of the image."""
        session, known = self._session, self._known.get(layer)
        fit = known is not None and known.scribbles.shape == session.scribbles.shape
        if known is None or not fit:
            session.set_scribbles(self._join(layer))
            self._follow(layer, StrokeHistory()).sync()
        else:
            if known.source() is not session.source:  # axes are read in another way
                session.set_scribbles(known.scribbles)
            tracker = self._follow(layer, known.history)
            tracker.rewrite(known.scribbles)  # classes were merged or removed since
            tracker.sync()
        self._select(layer)

    def _join(self, layer: Labels) -> Scribbles:
        """Take over classes of a layer that was painted elsewhere; return strokes."""
        classes = layer.metadata.get("classes") or ()
        numbers = self._session.join_classes(classes) if classes else {}
        if numbers:
            renumber(layer, numbers)
            self._session.message.emit(
                f"the classes of {layer.name!r} got the numbers that their names have "
                "here",
                "info",
            )
        return strokes_of(layer)

    def _follow(self, layer: Labels, history: StrokeHistory) -> StrokeTracker:
        image, source = self.image, self._session.source
        assert image is not None
        assert source is not None
        fill_up(layer, source.plane_shape)
        stretch(layer, stretched_axes(image, source), self._viewer.dims)
        place = scribbles_placement(image, source, window_of(layer))
        for key, value in place.items():
            setattr(layer, key, value)  # files do not say where an image lies
        layer.metadata["image"] = image.name
        self._layer_of[image] = layer
        if self._on_press not in layer.mouse_drag_callbacks:
            layer.mouse_drag_callbacks.append(self._on_press)
        self.tracker = StrokeTracker(layer, self._session, history)
        self._windows.follow(self.tracker)
        self._on_classes()
        return self.tracker

    def _on_press(self, layer: Labels, _event: object) -> None:
        """Work on the image whose scribbles somebody begins to paint on."""
        image = next((i for i, la in self._layer_of.items() if la is layer), None)
        if layer is not self.scribbles and image in self._viewer.layers:
            self.choose(image)

    def _adopt(self, layer: Labels) -> None:
        """Use a scribbles layer that was opened from a file."""
        source = self._session.source
        if source is None:
            return
        if not fits(layer, source):
            self._session.message.emit(
                f"the scribbles {layer.name!r} have another size than the image: "
                "open the image that they were painted on",
                "warning",
            )
            return
        self._remove_if_empty(self.scribbles)
        self._drop_tracker()
        self._session.set_scribbles(Scribbles((source.height, source.width)))
        self._attach(layer)
        self.changed.emit()

    def _remove_if_empty(self, layer: Labels | None) -> None:
        """Remove the layer that we made before we knew that there is a painted one."""
        if layer is not None and not self._session.scribbles.strokes:
            self._drop_tracker()
            self._viewer.layers.remove(layer)

    def _existing_scribbles(self, source: ImageSource) -> Labels | None:
        assert self.image is not None
        known = self._layer_of.get(self.image)
        layers = list(self._viewer.layers)
        for layer in [known, *layers] if known in layers else layers:
            ours = isinstance(layer, Labels) and self._belongs(layer)
            if ours and fits(layer, source):
                return layer
        return None

    def _belongs(self, layer: Layer) -> bool:
        """Whether a layer holds scribbles of the image, or of none in particular."""
        if self.image is None or role_of(layer) != "scribbles":
            return False
        return layer is self._layer_of.get(self.image) or layer.metadata.get(
            "image"
        ) in (None, self.image.name)

    def _show_picture(self, source: ImageSource) -> None:
        """Add a colour picture of an image that napari can only show band by band."""
        assert self.image is not None
        name = f"{self.image.name} colour"
        if name not in self._viewer.layers and needs_picture(source):
            picture = make_picture(self.image, source, name)
            above = self._viewer.layers.index(self.image) + 1
            self._viewer.layers.insert(above, picture)
            self.image.visible = False

    def _select(self, layer: Labels | None) -> None:
        if layer is not None:
            self._viewer.layers.selection.active = layer
            layer.mode = "paint"

    def list_images(self, event: Any = None) -> None:  # noqa: ANN401, ARG002 - napari event
        """Show which images there are, and tell the session."""
        layers = [la for la in self._viewer.layers if is_candidate(la)]
        names = [la.name for la in layers]
        self._panel.set_images(names, None if self.image is None else self.image.name)
        self._session.set_images(tuple(self.sources.readable(layers)))
        source = self._session.source
        if self.image is None or source is None:
            self._panel.set_axes((), "")
            self._panel.set_info("Open an image, then choose it here.")
        else:
            self._panel.set_axes(axes_options(self.image), source.axes)
            self._panel.set_info(describe(source))

    def _on_panel_image(self, name: str) -> None:
        if name in self._viewer.layers:
            self.choose(self._viewer.layers[name])

    def _on_panel_axes(self, axes: str) -> None:
        if self.image is not None:
            self.choose(self.image, axes)

    def _on_inserted(self, event: Any) -> None:  # noqa: ANN401 - napari events are untyped
        self._watch(event.value)
        self._new.append(event.value)
        self._soon.start(0)
        self.list_images()

    def _watch(self, layer: Layer) -> None:
        layer.events.name.connect(self._on_renamed)
        layer.events.data.connect(self._on_data)

    def _unwatch(self, layer: Layer) -> None:
        layer.events.name.disconnect(self._on_renamed)
        layer.events.data.disconnect(self._on_data)

    def _meet(self) -> None:
        """Look at new layers, once napari has shown them all."""
        new, self._new = self._new, []
        for layer in new:
            if layer not in self._viewer.layers or layer is self.scribbles:
                continue
            if self.image is None and is_candidate(layer):
                self.choose(layer)
            elif isinstance(layer, Labels) and self._belongs(layer):
                self._adopt(layer)

    def _on_renamed(self) -> None:
        if self.image is not None and self.scribbles is not None:
            self.scribbles.metadata["image"] = self.image.name
        self.list_images()

    def _on_removed(self, event: Any) -> None:  # noqa: ANN401 - napari events are untyped
        layer: Layer = event.value
        self._unwatch(layer)
        self.sources.forget(layer)
        self.layer_removed.emit(layer)
        if layer is self.image:
            self._leave()
            self._session.set_image(None)
            self._session.message.emit(
                "the image was removed: choose another one", "warning"
            )
            self.changed.emit()
        elif layer is self.scribbles:
            self._drop_tracker()
            self.changed.emit()
            self._session.message.emit(
                "the scribbles layer was removed; its strokes are kept: "
                "press New scribbles to get it back",
                "warning",
            )
        self.list_images()

    def _on_data(self, event: Any) -> None:  # noqa: ANN401 - napari events are untyped
        """Somebody put other data into a layer."""
        layer = event.source
        if not is_candidate(layer):
            return
        axes = self.sources.renew(layer)
        if layer is self.image:
            self.choose(layer, axes)
        else:
            self.list_images()

    def _on_step(self) -> None:
        source = self._session.source
        if self.image is not None and source is not None and source.plane_axes:
            point = self._viewer.dims.point[-self.image.ndim :]
            at = self.image.world_to_data(point)
            own = own_axes(self.image, source.axes)
            plane = [
                min(max(round(float(at[own.index(a)])), 0), n - 1)
                for a, n in zip(source.plane_axes, source.plane_shape, strict=True)
            ]
            self._session.set_plane(tuple(plane))

    def _on_classes(self) -> None:
        if self.scribbles is not None:
            self.scribbles.colormap = scribble_colors(self._session.classes)
            self.scribbles.metadata["classes"] = self._session.classes

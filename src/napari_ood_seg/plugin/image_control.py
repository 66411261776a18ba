"""Which image is worked on, and the scribbles layer that belongs to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple
from weakref import WeakKeyDictionary

from napari.layers import Image, Labels
from psygnal import Signal
from qtpy.QtCore import QObject, QTimer

from napari_ood_seg.core.data.preview import preview
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.errors import OODSegError
from napari_ood_seg.plugin.camera import CameraWatch
from napari_ood_seg.plugin.colormaps import scribble_colors
from napari_ood_seg.plugin.layers import (
    ROLE,
    axes_options,
    is_candidate,
    make_scribbles,
    own_axes,
    placement,
    role_of,
    source_of,
)
from napari_ood_seg.plugin.strokes import StrokeTracker
from napari_ood_seg.session.history import StrokeHistory

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.plugin.panels.image import ImagePanel
    from napari_ood_seg.session.session import Session


class Known(NamedTuple):
    """What a scribbles layer held when it was left."""

    scribbles: Scribbles
    history: StrokeHistory


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
        self._new: list[Layer] = []
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._meet)
        panel.image_selected.connect(self._on_panel_image)
        panel.axes_selected.connect(self._on_panel_axes)
        panel.new_scribbles_requested.connect(self.renew_scribbles)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.layers.events.reordered.connect(self._list_images)
        viewer.dims.events.current_step.connect(self._on_step)
        self._camera = CameraWatch(viewer)
        self._camera.moved.connect(self._on_camera)
        session.classes_changed.connect(self._on_classes)
        for layer in viewer.layers:
            layer.events.name.connect(self._on_renamed)

    def close(self) -> None:
        """Stop following; layers stay."""
        layers, events = self._viewer.layers, self._viewer.layers.events
        events.inserted.disconnect(self._on_inserted)
        events.removed.disconnect(self._on_removed)
        events.reordered.disconnect(self._list_images)
        self._viewer.dims.events.current_step.disconnect(self._on_step)
        self._camera.close()
        self._session.classes_changed.disconnect(self._on_classes)
        for layer in layers:
            layer.events.name.disconnect(self._on_renamed)
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
            self._list_images()

    def choose(self, image: Image, axes: str | None = None) -> None:
        """Work on `image`; a reading of its axes that does not fit changes nothing."""
        try:
            source = source_of(image, axes)
        except OODSegError as error:
            self._session.message.emit(str(error), "error")
            self._list_images()
            return
        self._leave()
        self.image = image
        image.events.data.connect(self._on_data_replaced)
        self._session.set_image(source)
        self._show_picture(source)
        self._attach(self._existing_scribbles(source) or self._make_scribbles(source))
        self.changed.emit()  # whoever shows results has to know whose they are
        self._on_step()
        self._on_camera()
        self._list_images()

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
        if self.image is not None:
            self.image.events.data.disconnect(self._on_data_replaced)
            self.image = None
        self._drop_tracker()

    def _drop_tracker(self) -> None:
        if self.tracker is not None:
            self.tracker.close()
            known = Known(self._session.scribbles, self.tracker.history)
            self._known[self.tracker.layer] = known
            self.tracker = None

    def _make_scribbles(self, source: ImageSource) -> Labels:
        assert self.image is not None
        layer = make_scribbles(self.image, source, self._session.classes)
        self._viewer.add_layer(layer)
        return layer

    def _attach(self, layer: Labels) -> None:
        """Take the strokes of `layer` for those of the image."""
        classes = layer.metadata.get("classes")
        if classes:
            self._session.set_classes(tuple(classes))
        known = self._known.get(layer)
        if known is not None and known.scribbles.shape == self._session.scribbles.shape:
            self._session.set_scribbles(known.scribbles)
        history = StrokeHistory() if known is None else known.history
        self._follow(layer, history).sync()
        self._select(layer)

    def _follow(self, layer: Labels, history: StrokeHistory) -> StrokeTracker:
        image, source = self.image, self._session.source
        assert image is not None
        assert source is not None
        for key, value in placement(image, source, planes=True).items():
            setattr(layer, key, value)  # files do not say where an image lies
        layer.metadata["image"] = image.name
        self._layer_of[image] = layer
        self.tracker = StrokeTracker(layer, self._session, history)
        self._on_classes()
        return self.tracker

    def _adopt(self, layer: Labels) -> None:
        """Use a scribbles layer that was opened from a file."""
        source = self._session.source
        if source is None:
            return
        if layer.data.shape != (*source.plane_shape, source.height, source.width):
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
        shape = (*source.plane_shape, source.height, source.width)
        known = self._layer_of.get(self.image)
        layers = list(self._viewer.layers)
        for layer in [known, *layers] if known in layers else layers:
            if (
                isinstance(layer, Labels)
                and self._belongs(layer)
                and layer.data.shape == shape
            ):
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
        if source.rgb or source.n_channels < 3 or source.plane_shape:
            return
        assert self.image is not None
        name = f"{self.image.name} colour"
        if name not in self._viewer.layers:
            picture = Image(
                preview(source),
                name=name,
                rgb=True,
                metadata={ROLE: "picture"},
                **placement(self.image, source),
            )
            above = self._viewer.layers.index(self.image) + 1
            self._viewer.layers.insert(above, picture)
            self.image.visible = False

    def _select(self, layer: Labels | None) -> None:
        if layer is not None:
            self._viewer.layers.selection.active = layer
            layer.mode = "paint"

    def _list_images(self, event: Any = None) -> None:  # noqa: ANN401, ARG002 - napari event
        names = [la.name for la in self._viewer.layers if is_candidate(la)]
        self._panel.set_images(names, None if self.image is None else self.image.name)
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
        event.value.events.name.connect(self._on_renamed)
        self._new.append(event.value)
        self._soon.start(0)
        self._list_images()

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
        self._list_images()

    def _on_removed(self, event: Any) -> None:  # noqa: ANN401 - napari events are untyped
        layer: Layer = event.value
        layer.events.name.disconnect(self._on_renamed)
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
        self._list_images()

    def _on_data_replaced(self) -> None:
        image, source = self.image, self._session.source
        if image is None or source is None:
            return
        known = [axes for axes, _ in axes_options(image)]
        self.choose(image, source.axes if source.axes in known else None)

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

    def _on_camera(self) -> None:
        if self.scribbles is not None:
            self._session.set_view(self._camera.view(self.scribbles))

    def _on_classes(self) -> None:
        if self.scribbles is not None:
            self.scribbles.colormap = scribble_colors(self._session.classes)
            self.scribbles.metadata["classes"] = self._session.classes


def describe(source: ImageSource) -> str:
    """Return one line about an image."""
    n = source.n_channels
    parts = [f"{source.height} x {source.width}"]
    parts.append("colour" if source.rgb else f"{n} channel{'s' if n > 1 else ''}")
    if source.wavelengths is not None:
        low, high = min(source.wavelengths), max(source.wavelengths)
        parts.append(f"{low:.0f}-{high:.0f} nm")
    parts += [
        f"{a} {k}" for a, k in zip(source.plane_axes, source.plane_shape, strict=True)
    ]
    if source.unit not in ("pixel", "px"):
        parts.append(f"{source.pixel_size[0]:.3g} {source.unit} per pixel")
    return ", ".join(parts)

"""Which image is worked on, and the scribbles layer that belongs to it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Image, Labels
from psygnal import Signal
from qtpy.QtCore import QObject

from napari_ood_seg.core.data.preview import preview
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.errors import OODSegError
from napari_ood_seg.plugin.colormaps import scribble_colors
from napari_ood_seg.plugin.layers import (
    ROLE,
    axes_options,
    is_candidate,
    make_scribbles,
    placement,
    role_of,
    source_of,
)
from napari_ood_seg.plugin.strokes import StrokeTracker

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.plugin.panels.image import ImagePanel
    from napari_ood_seg.session.session import Session


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
    layer_removed = Signal(object)

    def __init__(self, viewer: Viewer, panel: ImagePanel, session: Session) -> None:
        super().__init__()
        self._viewer = viewer
        self._panel = panel
        self._session = session
        self.image: Image | None = None
        self.tracker: StrokeTracker | None = None
        self._making = False
        panel.image_selected.connect(self._on_panel_image)
        panel.axes_selected.connect(self._on_panel_axes)
        panel.new_scribbles_requested.connect(self.renew_scribbles)
        viewer.layers.events.inserted.connect(self._on_inserted)
        viewer.layers.events.removed.connect(self._on_removed)
        viewer.layers.events.reordered.connect(self._list_images)
        viewer.dims.events.current_step.connect(self._on_step)
        viewer.camera.events.center.connect(self._on_camera)
        session.classes_changed.connect(self._on_classes)
        for layer in viewer.layers:
            layer.events.name.connect(self._list_images)

    def close(self) -> None:
        """Stop following; layers stay."""
        layers, events = self._viewer.layers, self._viewer.layers.events
        events.inserted.disconnect(self._on_inserted)
        events.removed.disconnect(self._on_removed)
        events.reordered.disconnect(self._list_images)
        self._viewer.dims.events.current_step.disconnect(self._on_step)
        self._viewer.camera.events.center.disconnect(self._on_camera)
        self._session.classes_changed.disconnect(self._on_classes)
        for layer in layers:
            layer.events.name.disconnect(self._list_images)
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
        self._attach_scribbles(source)
        self._on_step()
        self._list_images()
        self.changed.emit()

    def restore(self, scribbles: Scribbles) -> None:
        """Show strokes that came from a file."""
        self._session.set_scribbles(scribbles)
        if self.tracker is not None:
            self.tracker.show()

    def renew_scribbles(self) -> None:
        """Make a scribbles layer where there is none; strokes that we know come back."""
        if self.image is None or self._session.source is None:
            self._session.message.emit("choose an image first", "warning")
            return
        if self.tracker is None:
            strokes = self._session.scribbles
            self._attach_scribbles(self._session.source)
            self.restore(strokes)
        self._select(self.scribbles)

    def _leave(self) -> None:
        if self.image is not None:
            self.image.events.data.disconnect(self._on_data_replaced)
            self.image = None
        self._drop_tracker()

    def _drop_tracker(self) -> None:
        if self.tracker is not None:
            self.tracker.close()
            self.tracker = None

    def _attach_scribbles(self, source: ImageSource) -> None:
        assert self.image is not None  # noqa: S101 - callers have set it
        self._show_picture(source)
        layer = self._existing_scribbles(source)
        if layer is None:
            layer = make_scribbles(self.image, source, self._session.classes)
            self._making = True
            self._viewer.add_layer(layer)
            self._making = False
        self._track(layer)

    def _track(self, layer: Labels) -> None:
        """Take the strokes of `layer` for those of the image."""
        assert self.image is not None  # noqa: S101 - callers have set it
        layer.metadata["image"] = self.image.name
        classes = layer.metadata.get("classes")
        if classes:
            self._session.set_classes(tuple(classes))
        self.tracker = StrokeTracker(layer, self._session)
        self.tracker.sync()
        self._on_classes()
        self._select(layer)

    def _adopt(self, layer: Labels) -> None:
        """Use a scribbles layer that was opened from a file."""
        source = self._session.source
        if source is None or self._making:
            return
        if layer.data.shape != (*source.plane_shape, source.height, source.width):
            self._session.message.emit(
                f"the scribbles {layer.name!r} have another size than the image: "
                "open the image that they were painted on",
                "warning",
            )
            return
        self._drop_tracker()
        self._session.set_scribbles(Scribbles((source.height, source.width)))
        self._track(layer)

    def _existing_scribbles(self, source: ImageSource) -> Labels | None:
        shape = (*source.plane_shape, source.height, source.width)
        for layer in self._viewer.layers:
            if (
                isinstance(layer, Labels)
                and role_of(layer) == "scribbles"
                and layer.data.shape == shape
                and self.image is not None
                and layer.metadata.get("image") in (None, self.image.name)
            ):
                return layer
        return None

    def _show_picture(self, source: ImageSource) -> None:
        """Add a colour picture of an image that napari can only show band by band."""
        if source.rgb or source.n_channels < 3 or source.plane_shape:
            return
        assert self.image is not None  # noqa: S101 - callers have set it
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
        event.value.events.name.connect(self._list_images)
        layer = event.value
        if self.image is None and is_candidate(layer):
            self.choose(layer)
        elif role_of(layer) == "scribbles" and layer is not self.scribbles:
            self._adopt(layer)
        self._list_images()

    def _on_removed(self, event: Any) -> None:  # noqa: ANN401 - napari events are untyped
        layer: Layer = event.value
        layer.events.name.disconnect(self._list_images)
        self.layer_removed.emit(layer)
        if layer is self.image:
            self._leave()
            self._session.set_image(None)
            self._session.message.emit(
                "the image was removed: choose another one", "warning"
            )
            self.changed.emit()
        elif layer is self.scribbles:
            self._session.stop()
            self._drop_tracker()
            self._session.message.emit(
                "the scribbles layer was removed; its strokes are kept: "
                "press New scribbles to get it back",
                "warning",
            )
        self._list_images()

    def _on_data_replaced(self) -> None:
        if self.image is not None:
            axes = None if self._session.source is None else self._session.source.axes
            self.choose(self.image, axes)
            self._session.message.emit("the image was replaced", "info")

    def _on_step(self) -> None:
        source = self._session.source
        if source is not None and source.plane_axes:
            step = self._viewer.dims.current_step
            lead = [a for a in source.axes if not (source.rgb and a == "C")]
            offset = len(step) - len(lead)
            plane = [
                min(int(step[offset + lead.index(a)]), n - 1)
                for a, n in zip(source.plane_axes, source.plane_shape, strict=True)
            ]
            self._session.set_plane(tuple(plane))

    def _on_camera(self) -> None:
        if self.scribbles is not None:
            centre = self._viewer.camera.center[-2:]
            world = (0.0,) * (self.scribbles.ndim - 2) + tuple(centre)
            at = self.scribbles.world_to_data(world)
            self._session.focus = (float(at[-2]), float(at[-1]))

    def _on_classes(self) -> None:
        if self.scribbles is not None:
            self.scribbles.colormap = scribble_colors(self._session.classes)


def describe(source: ImageSource) -> str:
    """Return one line about an image."""
    n = source.n_channels
    parts = [f"{source.height} x {source.width}"]
    parts.append("colour" if source.rgb else f"{n} channel{'s' if n > 1 else ''}")
    if source.wavelengths is not None:
        low, high = min(source.wavelengths), max(source.wavelengths)
        parts.append(f"{low:.0f}-{high:.0f} nm")
    parts += [f"{a} {k}" for a, k in zip(source.plane_axes, source.plane_shape, strict=True)]
    if source.unit not in ("pixel", "px"):
        parts.append(f"{source.pixel_size[0]:.3g} {source.unit} per pixel")
    return ", ".join(parts)

"""The brush: its size in pixels and in the image's unit, and the eraser."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal
from qtpy.QtCore import QObject

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

    from napari_ood_seg.plugin.image_control import ImageControl
    from napari_ood_seg.plugin.panels.brush import BrushPanel


class BrushControl(QObject):
    """Keeps the panel and the brush of the scribbles layer the same.

    Parameters
    ----------
    viewer
        Its active layer becomes the scribbles when the eraser is chosen.
    panel
        Shows the brush.
    images
        Knows the scribbles layer.
    """

    resized = Signal(int)
    """The brush has another size, in pixels: by panel, key or napari's own slider."""

    def __init__(self, viewer: Viewer, panel: BrushPanel, images: ImageControl) -> None:
        super().__init__()
        self._viewer = viewer
        self._panel = panel
        self._images = images
        self._layer: Labels | None = None
        panel.size_changed.connect(self._on_panel_size)
        panel.erase_toggled.connect(self.erase)
        images.changed.connect(self._on_image)
        self._show()

    def close(self) -> None:
        """Stop following."""
        self._images.changed.disconnect(self._on_image)
        self._leave_layer()

    def toggle(self, _key: str = "") -> None:
        """Erase; if that is what is done, paint."""
        self.erase(self._layer is None or str(self._layer.mode) != "erase")

    def erase(self, on: bool) -> None:
        """Erase from now on, or paint."""
        if self._layer is not None:
            self._viewer.layers.selection.active = self._layer
            self._layer.mode = "erase" if on else "paint"
        self._show()

    def _on_panel_size(self, pixels: int) -> None:
        if self._layer is not None:
            self._layer.brush_size = pixels

    def _on_image(self) -> None:
        layer = self._images.scribbles
        if layer is not self._layer:
            self._leave_layer()
            self._layer = layer
            if layer is not None:
                for event in _events(layer):
                    event.connect(self._show)
                layer.events.brush_size.connect(self._on_resized)
        self._show()

    def _leave_layer(self) -> None:
        if self._layer is not None:
            for event in _events(self._layer):
                event.disconnect(self._show)
            self._layer.events.brush_size.disconnect(self._on_resized)
        self._layer = None

    def _on_resized(self) -> None:
        if self._layer is not None:
            self.resized.emit(int(self._layer.brush_size))

    def _show(self) -> None:
        layer = self._layer
        self._panel.set_enabled(layer is not None)
        if layer is not None:
            pixels = int(layer.brush_size)
            self._panel.set_size(pixels, in_units(layer, pixels))
            self._panel.set_erasing(str(layer.mode) == "erase")


def in_units(layer: Labels, pixels: int) -> str:
    """Return how large so many pixels are, such as ``3.5 µm``; empty if not known.

    Height and width are both given where pixels are not square.
    """
    unit = f"{layer.units[-1]:~P}"  # napari's units are pint's
    if unit in ("pixel", "px", ""):
        return ""
    height, width = (abs(float(s)) * pixels for s in layer.scale[-2:])
    if round(height / width, 2) == 1:
        return f"{width:.3g} {unit}"
    return f"{height:.3g} x {width:.3g} {unit}"


def _events(layer: Labels) -> tuple[Any, ...]:
    own = layer.events
    return own.brush_size, own.mode, own.scale, own.units

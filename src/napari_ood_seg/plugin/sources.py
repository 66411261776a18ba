"""Which image of the session each image layer is."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from napari_ood_seg.core.errors import OODSegError
from napari_ood_seg.plugin.layers import axes_options, source_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari.layers import Image

    from napari_ood_seg.core.data.source import ImageSource


class Sources:
    """Reads each image layer once: the same object as long as nothing changes."""

    def __init__(self) -> None:
        self._of: WeakKeyDictionary[Image, ImageSource] = WeakKeyDictionary()

    def of(self, layer: Image, axes: str | None = None) -> ImageSource:
        """Return the image of a layer.

        Parameters
        ----------
        axes
            How to read its axes; without, as before.

        Raises
        ------
        ImageError
            If the layer's data cannot be understood as an image with these axes.
        """
        known = self._of.get(layer)
        if known is None or axes not in (None, known.axes):
            known = self._of[layer] = source_of(layer, axes)
        return known

    def put(self, layer: Image, source: ImageSource) -> None:
        """Take other values for the image of a layer, as they were calibrated."""
        self._of[layer] = source

    def readable(self, layers: Sequence[Image]) -> Iterator[ImageSource]:
        """Yield the images of layers, without those that cannot be understood."""
        for layer in layers:
            with suppress(OODSegError):  # told once somebody chooses it
                yield self.of(layer)

    def layer_of(self, source: ImageSource) -> Image | None:
        """Return the layer of an image, `None` if it is gone."""
        return next((la for la, s in self._of.items() if s is source), None)

    def forget(self, layer: object) -> None:
        """Take note that a layer is gone."""
        self._of.pop(layer, None)

    def renew(self, layer: Image) -> str | None:
        """Read a layer again, as its data were replaced; axes stay if they can.

        Returns
        -------
        The axes to read it with, `None` for a guess.
        """
        before = self._of.pop(layer, None)
        fits = [axes for axes, _ in axes_options(layer)]
        axes = before.axes if before is not None and before.axes in fits else None
        with suppress(OODSegError):
            self.of(layer, axes)
        return axes


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

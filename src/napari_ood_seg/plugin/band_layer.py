"""The layer that shows the mean of some bands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.layers import Image

from napari_ood_seg.plugin.layers import ROLE, placement, role_of
from napari_ood_seg.plugin.look import take_away

if TYPE_CHECKING:
    from napari.viewer import Viewer

    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.plugin.image_control import ImageControl
    from napari_ood_seg.session.spectra import Map

_ABOVE = ("classes", "heatmap", "scribbles")


class BandLayer:
    """Made with the first map, updated in place, removed with the last.

    Parameters
    ----------
    viewer
        Gets the layer.
    images
        Knows what it lies on.
    """

    def __init__(self, viewer: Viewer, images: ImageControl) -> None:
        self._viewer = viewer
        self._images = images
        self._layer: Image | None = None
        self._source: ImageSource | None = None

    def show(self, source: ImageSource | None, found: Map | None) -> None:
        """Show a map of an image, at every pixel or every so many; `None`: nothing."""
        image = self._images.image
        if found is None or source is None or image is None:
            self.remove(soon=True)
            return
        low, high = np.nanpercentile(found[np.isfinite(found)], (1, 99)).tolist()
        if self._layer is None or source is not self._source or self._is_gone:
            self.remove()
            self._layer = self._make(image, source, found)
            self._source = source
        else:
            self._layer.data = found
        self._layer.contrast_limits = (low, high if high > low else low + 1e-6)

    def remove(self, *, soon: bool = False) -> None:
        """Take the layer away, see `take_away`."""
        layer, self._layer, self._source = self._layer, None, None
        take_away(self._viewer, layer, soon=soon)

    @property
    def _is_gone(self) -> bool:
        return self._layer not in self._viewer.layers

    def _make(self, image: Image, source: ImageSource, found: Map) -> Image:
        where = placement(image, source)
        step = round(source.height / found.shape[0])
        where["scale"] = [step * s for s in where["scale"]]
        layer = Image(
            found,
            name=f"{image.name} band mean",
            rgb=False,
            metadata={ROLE: "bands"},
            **where,
        )
        layers, active = self._viewer.layers, self._viewer.layers.selection.active
        over = [i for i, la in enumerate(layers) if role_of(la) in _ABOVE]
        layers.insert(over[0] if over else len(layers), layer)
        layers.selection.active = active
        return layer

"""Other ways to look at an image, as layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from napari.layers import Image, Labels
from qtpy.QtCore import QObject

from napari_ood_seg.core.data.preview import PICTURES
from napari_ood_seg.core.data.tissue import INDICES
from napari_ood_seg.plugin.layers import ROLE, placement
from napari_ood_seg.plugin.panels.pictures import PictureChoice
from napari_ood_seg.session.work import EXPOSURE

if TYPE_CHECKING:
    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.plugin.image_control import ImageControl
    from napari_ood_seg.plugin.panels.review import ReviewPanel
    from napari_ood_seg.session.jobs import Pictured
    from napari_ood_seg.session.session import Session

_TIPS: Final = {
    "colour": "As the eye would see it; three bands where too little of the visible is"
    " known.",
    "near infrared": "Three bands of the near infrared as red, green and blue.",
    "principal components": "The three directions in which spectra differ most.",
    "least noise": "The three directions in which spectra differ most, relative to the"
    " noise (minimum noise fraction).",
    EXPOSURE: "Highlights (1), and what is too dark to tell anything (2).",
}


class PictureControl(QObject):
    """Draws what is chosen, and puts it above the image as a layer.

    Parameters
    ----------
    viewer
        Gets the layers.
    panel
        Has the menu.
    session
        Draws.
    images
        Knows the image.
    """

    def __init__(
        self,
        viewer: Viewer,
        panel: ReviewPanel,
        session: Session,
        images: ImageControl,
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self._panel = panel
        self._session = session
        self._images = images
        panel.picture_requested.connect(session.draw)
        session.pictured.connect(self._on_pictured)
        images.changed.connect(self._offer)

    def close(self) -> None:
        """Stop following; the layers stay."""
        self._session.pictured.disconnect(self._on_pictured)
        self._images.changed.disconnect(self._offer)

    def _offer(self) -> None:
        source = self._session.source
        if source is None or self._images.image is None:
            self._panel.set_pictures(())
            return
        known, many = source.wavelengths is not None, source.n_channels >= 3
        pictures = [PictureChoice(n, _TIPS[n], many) for n in PICTURES]
        maps = [
            PictureChoice(n, f"{i.meaning} {i.source}", known)
            for n, i in INDICES.items()
        ]
        exposure = PictureChoice(EXPOSURE, _TIPS[EXPOSURE], many)
        self._panel.set_pictures((*pictures, *maps, exposure))

    def _on_pictured(self, found: Pictured) -> None:
        """Show it; an older one of the same name is replaced where it is."""
        image, source = self._images.image, self._session.source
        if image is None or source is not found.source:
            return
        name = " ".join([image.name, found.name, *_at(source, found.plane)])
        layers = self._viewer.layers
        if name in layers and layers[name].metadata.get(ROLE) == "picture":
            layers[name].data = found.pixels
            layers[name].visible = True
            return
        selected = set(layers.selection)
        active = layers.selection.active
        layer = _layer(found, name, placement(image, source))
        layers.insert(layers.index(image) + 1, layer)
        layers.selection = selected
        layers.selection.active = active


def _at(source: ImageSource, plane: tuple[int, ...]) -> list[str]:
    """Return words for the plane that a picture is of, if there are several.

    >>> from napari_ood_seg.core.data.source import ImageSource
    >>> import numpy as np
    >>> _at(ImageSource.from_array(np.zeros((5, 8, 8)), axes="TYX"), (3,))
    ['T 3']
    """
    return [f"{a} {i}" for a, i in zip(source.plane_axes, plane, strict=True)]


def _layer(found: Pictured, name: str, where: dict[str, Any]) -> Layer:
    facts = {ROLE: "picture"}
    if found.limits is not None:
        return Image(
            found.pixels,
            name=name,
            metadata=facts,
            colormap="viridis",
            contrast_limits=found.limits,
            **where,
        )
    if found.pixels.ndim == 2:
        return Labels(found.pixels, name=name, metadata=facts, **where)
    return Image(found.pixels, name=name, rgb=True, metadata=facts, **where)

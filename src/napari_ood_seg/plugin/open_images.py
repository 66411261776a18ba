"""*File > IO Utilities*: open hyperspectral files whose suffix is not ours alone.

A reader for ``*.tif`` would make napari ask at every TIFF which plugin to take.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import napari
from napari.layers import Layer
from napari.utils.notifications import show_error
from qtpy.QtWidgets import QFileDialog

from napari_ood_seg.core.errors import OODSegError
from napari_ood_seg.plugin.image_reader import read_images

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari.viewer import Viewer

FILES: Final = (
    "Hyperspectral images (*.tif *.tiff *.hdr *.img *.raw *.dat *.bsq *.bil *.bip "
    "*.mat *.npz *.npy);;All files (*)"
)


def choose_images() -> None:
    """Ask for files and open them, each as an image layer."""
    viewer = napari.current_viewer()
    if viewer is not None:
        names, _ = QFileDialog.getOpenFileNames(
            None, "Open hyperspectral images", "", FILES
        )
        open_images(viewer, names)


def open_images(viewer: Viewer, paths: Sequence[str]) -> None:
    """Add the images in files; what is wrong with one becomes a message."""
    for path in paths:
        try:
            layers = read_images(path)
        except OODSegError as error:
            show_error(str(error))
            continue
        for layer in layers:
            viewer.add_layer(Layer.create(*layer))

"""``napari-ood-seg demo``: a sample with scribbles, training live."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import napari
from napari.layers import Layer
from qtpy.QtCore import QTimer

from napari_ood_seg.plugin.sample_data import sample_layers
from napari_ood_seg.plugin.widget import OODSegWidget

if TYPE_CHECKING:
    from napari.viewer import Viewer


_SHOWN: Final = {"hyperspectral": "operation"}
"""What is shown under the name of another sample: a series, as it is to be reviewed."""


def run_demo(name: str) -> None:
    """Open napari with a sample and train on it; returns when the window closes."""
    viewer = napari.Viewer(title=f"napari-ood-seg demo: {name}")
    open_demo(viewer, _SHOWN.get(name, name))
    napari.run()


def open_demo(viewer: Viewer, name: str) -> OODSegWidget:
    """Show a sample in `viewer`, dock the panel and start live training."""
    for data in sample_layers(name):
        viewer.add_layer(Layer.create(*data))
    widget = OODSegWidget(viewer)
    viewer.window.add_dock_widget(widget, name="OOD Seg", area="right")
    widget.images.choose_first()
    QTimer.singleShot(0, viewer.reset_view)  # once the dock has taken its room
    widget.session.set_live(live=True)
    source = widget.session.source
    if source is not None and source.plane_shape:
        widget.reviews.set_open(True)
        widget.reviews.go(0)  # which is scribbled
    return widget

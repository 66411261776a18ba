"""Point the camera at a place, mark something there, preview a stroke."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np
from napari.layers import Points
from qtpy.QtCore import QTimer

from napari_ood_seg.plugin.camera import camera_of
from napari_ood_seg.plugin.layers import ROLE, placement
from napari_ood_seg.plugin.scribble_layer import index_of, stretched_in, window_of

if TYPE_CHECKING:
    import numpy.typing as npt
    from napari.layers import Image, Labels, Layer
    from napari.viewer import Viewer

    from napari_ood_seg.core.data.source import ImageSource

    Coords = npt.NDArray[np.int32]
    Plane = tuple[int, ...]
    Box = tuple[int, int, int, int]

_AROUND: Final = 2.0
"""The view is so many times as large as the place that it shows."""

_MARK: Final = 19
"""Edge of a mark at most, in pixels of the screen."""

_MARKS: Final = 40
"""So many marks fit across the whole image."""

_CLOSEST: Final = 8.0
"""At most so many times as close as the whole image, unless that is large."""

_NARROWEST: Final = 1024
"""Of a large image, so many pixels are shown at least."""


def look_at(
    viewer: Viewer, layer: Labels, plane: Plane, point: tuple[int, int], box: Box
) -> None:
    """Show a place: its plane, its point in the centre, its box large.

    Parameters
    ----------
    layer
        The scribbles: `(..., h, w)`.
    point
        Row and column of the image.
    box
        First row and column, last row and column plus one.
    """
    window = window_of(layer)
    own = (*index_of(layer, plane), *np.subtract(point, window.origin))
    world = np.asarray(layer.data_to_world(own))
    first = viewer.dims.ndim - layer.ndim
    stretched = stretched_in(layer.metadata, layer.data.shape)
    for axis in range(layer.ndim - 2):
        if axis not in stretched:  # whatever channel is shown stays
            viewer.dims.set_point(first + axis, float(world[axis]))
    viewer.reset_view()
    camera = camera_of(viewer)
    camera.zoom = camera.zoom * closeness(window.shape, box)
    camera.center = (*camera.center[:-2], *(float(c) for c in world[-2:]))


def closeness(shape: tuple[int, ...], box: Box) -> float:
    """Return how many times closer than the whole image a place is shown.

    Examples
    --------
    >>> closeness((400, 600), (10, 20, 60, 120))
    3.0
    >>> closeness((400, 600), (0, 0, 400, 600)), closeness((400, 600), (0, 0, 1, 1))
    (1.0, 8.0)
    >>> closeness((51200, 102400), (0, 0, 1, 1))
    50.0
    """
    spans = (box[2] - box[0], box[3] - box[1])
    fits = min(n / (_AROUND * max(s, 1)) for n, s in zip(shape, spans, strict=True))
    return float(np.clip(fits, 1.0, max(_CLOSEST, min(shape) / _NARROWEST)))


def show_stroke(
    viewer: Viewer, image: Image, source: ImageSource, coords: Coords, color: str
) -> Points:
    """Add a layer that shows a stroke before it is painted; what is active stays so."""
    layer = Points(
        coords,
        name=f"{image.name} suggestion",
        symbol="square",
        size=1,
        border_width=0.0,
        border_color=color,
        face_color=color,
        antialiasing=0.0,  # else so small a point is mostly its blurred rim
        metadata={ROLE: "suggestion"},
        **placement(image, source),
    )
    _add(viewer, layer)
    return layer


def show_mark(
    viewer: Viewer, image: Image, source: ImageSource, point: tuple[int, int], rim: str
) -> Points:
    """Add a layer with a ring around one pixel; what is active stays so.

    The ring does not grow when the camera comes closer.

    Parameters
    ----------
    point
        Row and column.
    rim
        Colour around the ring, which is white: one of them is seen on any image.
    """
    layer = Points(
        [point],
        name=f"{image.name} explained",
        symbol="ring",
        size=max(source.height, source.width) / _MARKS,
        canvas_size_limits=(2, _MARK),
        border_width=0.1,
        border_color=rim,
        face_color="white",
        metadata={ROLE: "mark"},
        **placement(image, source),
    )
    _add(viewer, layer)
    return layer


def _add(viewer: Viewer, layer: Points) -> None:
    active = viewer.layers.selection.active
    viewer.add_layer(layer)
    layer.editable = False
    viewer.layers.selection.active = active


def take_away(viewer: Viewer, layer: Layer | None, *, soon: bool = False) -> None:
    """Remove a layer of ours, if it is still there.

    Parameters
    ----------
    soon
        In the next turn of the event loop: napari may be removing several layers just
        now, and fails where one of them is gone before its turn.
    """
    if layer is None or layer not in viewer.layers:
        return
    if soon:
        QTimer.singleShot(0, partial(take_away, viewer, layer))
    else:
        viewer.layers.remove(layer)

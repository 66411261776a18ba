"""What the camera shows: the visible part of an image, and how finely."""

from __future__ import annotations

import math
from contextlib import suppress
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from qtpy.QtCore import QEvent, QObject, QTimer, Signal
from qtpy.QtWidgets import QWidget

from napari_ood_seg.core.inference.view import View
from napari_ood_seg.plugin.scribble_layer import window_of

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

_REST_MS: Final = 40
"""A camera that moved is asked once it has rested for so long."""

_COARSEST: Final = 32
"""Pixels of the image per pixel of the screen from which on no more are left out."""


class CameraWatch(QObject):
    """Tells when another part of the scene is visible, once the camera rests.

    Parameters
    ----------
    viewer
        Its camera and its canvas.
    """

    moved = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self._camera = camera_of(viewer)
        self._canvas = canvas_of(viewer)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(self.moved)
        for event in self._events():
            event.connect(self._on_moved)
        self._canvas.installEventFilter(self)

    def close(self) -> None:
        """Stop following."""
        with suppress(RuntimeError):  # Qt may have deleted it at the very end
            self._rest.stop()
        for event in self._events():
            event.disconnect(self._on_moved)

    def eventFilter(self, a0: QObject | None, a1: QEvent | None) -> bool:
        """Follow the size of the canvas."""
        if a1 is not None and a1.type() == QEvent.Type.Resize:
            self._on_moved()
        return super().eventFilter(a0, a1)

    def view(self, layer: Labels) -> View | None:
        """Return the visible part of an image; `None` if none.

        Parameters
        ----------
        layer
            Its scribbles: `(..., h, w)`.
        """
        sizes = (self._canvas.height(), self._canvas.width())
        zoom = float(self._camera.zoom)
        if zoom <= 0 or min(sizes) < 1:
            return None
        centre = np.asarray(self._camera.center[-2:], float)
        half = np.array(sizes) / zoom / 2
        corners = [centre + half * np.array(s) for s in product((-1, 1), repeat=2)]
        before = (0.0,) * (layer.ndim - 2)
        window = window_of(layer)
        own = [layer.world_to_data((*before, *c))[-2:] for c in corners]
        at = np.array(own) + window.origin
        ratio = float(self._canvas.devicePixelRatioF())
        low, high = at.min(0), at.max(0)
        per_pixel = float(((high - low) / sizes).min()) / ratio
        return visible(low, high, window.shape, per_pixel)

    def _events(self) -> tuple[Any, ...]:
        own = self._camera.events
        return own.center, own.zoom, own.angles

    def _on_moved(self) -> None:
        self._rest.start()


def visible(
    low: np.ndarray, high: np.ndarray, shape: tuple[int, ...], per_pixel: float
) -> View | None:
    """Return the view between two corners of an image.

    Parameters
    ----------
    low, high
        Row and column, in pixels of the image; pixel centres are whole numbers.
    shape
        Height and width of the image.
    per_pixel
        Pixels of the image per pixel of the screen.

    Examples
    --------
    >>> visible(np.array([-9.0, 3.2]), np.array([5.1, 99.0]), (50, 50), 3.1)
    View(region=(slice(0, 6, None), slice(3, 50, None)), stride=4)
    >>> visible(np.array([60.0, 0.0]), np.array([70.0, 9.0]), (50, 50), 1.0)
    """
    region = tuple(
        slice(max(math.floor(a + 0.5), 0), min(math.floor(b + 0.5) + 1, n))
        for a, b, n in zip(low, high, shape, strict=True)
    )
    if any(s.start >= s.stop for s in region):
        return None
    stride = 2 ** max(0, round(math.log2(max(per_pixel, 1e-9))))
    return View(region=region, stride=min(stride, _COARSEST))


def camera_of(viewer: Viewer) -> Any:  # noqa: ANN401 - napari is untyped
    """Return the camera; napari 0.9 moved it and warns about the old place."""
    scene = getattr(viewer, "scene", None)
    return viewer.camera if scene is None else scene.camera


def canvas_of(viewer: Viewer) -> QWidget:
    """Return the widget that napari draws on."""
    native = drawer_of(viewer).native
    assert isinstance(native, QWidget)
    return native


def drawer_of(viewer: Viewer) -> Any:  # noqa: ANN401 - napari is untyped
    """Return what draws layers and overlays on the canvas."""
    return viewer.window._qt_viewer.canvas  # noqa: SLF001 - no other way

"""What a scribbles layer knows beside its pixels, and moving it over its image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from napari.utils.transforms import Affine

from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.plugin.window import Window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    from napari.components import Dims
    from napari.layers import Labels

    from napari_ood_seg.core.data.source import ImageSource

STROKES: Final = "strokes"
"""Key in a layer's metadata of all `Scribbles` on the image, as they were last."""

WINDOW: Final = "window"
"""Key in a layer's metadata of the `Window` that its pixels are; none: all of it."""

STRETCHED: Final = "stretched"
"""Key in a layer's metadata of the axes that are one pixel, as long as the image.

napari aligns the axes of layers from the last one. Where an image has its channels
between its planes and its rows, scribbles have such an axis under that slider: what is
painted is painted on all channels.
"""


def stretched_in(metadata: Mapping[str, Any], shape: Sequence[int]) -> tuple[int, ...]:
    """Return which axes of a layer are stretched; parameters as for `window_in`."""
    found = metadata.get(STRETCHED)
    axes = tuple(found) if isinstance(found, list | tuple) else ()
    fits = all(0 <= a < len(shape) - 2 and shape[a] == 1 for a in axes)
    return axes if fits else ()  # somebody replaced the data


def planes_in(metadata: Mapping[str, Any], shape: Sequence[int]) -> tuple[int, ...]:
    """Return how many planes a layer has along each axis of them; as above."""
    stretched = stretched_in(metadata, shape)
    return tuple(int(n) for a, n in enumerate(shape[:-2]) if a not in stretched)


def index_in(
    metadata: Mapping[str, Any], shape: Sequence[int], plane: Sequence[int]
) -> tuple[int, ...]:
    """Return where in the data of a layer a plane lies; as above."""
    stretched, left = stretched_in(metadata, shape), iter(plane)
    return tuple(0 if a in stretched else next(left) for a in range(len(shape) - 2))


def planes_of(layer: Labels) -> tuple[int, ...]:
    """Return how many planes a layer has along each axis of them."""
    return planes_in(layer.metadata, layer.data.shape)


def index_of(layer: Labels, plane: Sequence[int]) -> tuple[int, ...]:
    """Return where in the data of a layer a plane lies: what precedes rows."""
    return index_in(layer.metadata, layer.data.shape, plane)


def stretch(layer: Labels, axes: Sequence[int], dims: Dims) -> None:
    """Give a layer these stretched axes, instead of those that it has.

    Parameters
    ----------
    dims
        The viewer's, which say what is shown.
    """
    if tuple(axes) == stretched_in(layer.metadata, layer.data.shape):
        return
    shape = [*planes_of(layer), *layer.data.shape[-2:]]
    for axis in sorted(axes):
        shape.insert(axis, 1)
    layer.metadata[STRETCHED] = tuple(axes)
    layer.data = np.asarray(layer.data).reshape(shape)
    forget_undo(layer)  # it counts in the axes from before
    layer._slice_dims(dims)  # noqa: SLF001 - else it shows what is at 0 until a step


def window_in(metadata: Mapping[str, Any], shape: Sequence[int]) -> Window:
    """Return where the pixels of a layer lie.

    Parameters
    ----------
    metadata
        The layer's.
    shape
        Of its data, `(..., h, w)`.
    """
    found, size = metadata.get(WINDOW), (int(shape[-2]), int(shape[-1]))
    fits = isinstance(found, Window) and found.size == size
    return found if fits and isinstance(found, Window) else Window.whole(size)


def strokes_in(metadata: Mapping[str, Any], shape: Sequence[int]) -> Scribbles:
    """Return the strokes that a layer carries with it; parameters as above."""
    found, window = metadata.get(STROKES), window_in(metadata, shape)
    if isinstance(found, Scribbles) and found.shape == window.shape:
        planes = planes_in(metadata, shape)
        if all(_within(stroke.plane, planes) for stroke in found.strokes):
            return found
    return Scribbles(window.shape)


def window_of(layer: Labels) -> Window:
    """Return where in its image the pixels of a layer lie."""
    return window_in(layer.metadata, layer.data.shape)


def strokes_of(layer: Labels) -> Scribbles:
    """Return the strokes that a layer carries with it."""
    return strokes_in(layer.metadata, layer.data.shape)


def renumber(layer: Labels, numbers: Mapping[int, int]) -> None:
    """Give some classes on a layer other numbers."""
    theirs, renumbered = np.asarray(layer.data), np.array(layer.data)
    for number, ours in numbers.items():
        renumbered[theirs == number] = ours
    layer.metadata[STROKES] = strokes_of(layer).renumbered(numbers)
    layer.data = renumbered


def fits(layer: Labels, source: ImageSource) -> bool:
    """Whether a layer can hold the scribbles of an image.

    One that was just opened may have fewer planes, see `fill_up`: a file knows those
    that are painted only.
    """
    planes, wanted = planes_of(layer), source.plane_shape
    fit = planes == wanted
    if not fit and layer.metadata.get("image") is None and len(planes) == len(wanted):
        fit = all(n <= m for n, m in zip(planes, wanted, strict=True))
    return fit and window_of(layer).shape == (source.height, source.width)


def fill_up(layer: Labels, planes: Sequence[int]) -> None:
    """Add empty planes to a layer, so that it has as many as its image."""
    now = planes_of(layer)
    if now == tuple(planes):
        return
    stretched = stretched_in(layer.metadata, layer.data.shape)
    axes = [a for a in range(layer.ndim - 2) if a not in stretched]
    more = [(0, 0)] * layer.ndim
    for axis, n, m in zip(axes, now, planes, strict=True):
        more[axis] = (0, m - n)
    layer.data = np.pad(np.asarray(layer.data), more)
    forget_undo(layer)


def offset(
    by: Sequence[int] | npt.NDArray[np.integer],
    *,
    scale: npt.ArrayLike,
    rotate: npt.ArrayLike,
    shear: npt.ArrayLike | None = None,
) -> npt.NDArray[np.float64]:
    """Return how far so many rows and columns are, before napari's ``affine``.

    Parameters
    ----------
    scale, rotate, shear
        As napari has them; ``translate`` moves what they have changed.
    """
    linear = Affine(scale=scale, rotate=rotate, shear=shear).linear_matrix
    far: npt.NDArray[np.float64] = np.asarray(linear)[:, -2:] @ np.asarray(by)
    return far


def shift(layer: Labels, by: npt.NDArray[np.integer]) -> None:
    """Put a layer so many rows and columns further, and draw it.

    A polygon that somebody has begun stays where it is.
    """
    polygon = layer._overlays["polygon"]  # noqa: SLF001 - no other way
    back = np.r_[np.zeros(layer.ndim - 2), by]
    polygon.points = [np.asarray(point) - back for point in polygon.points]
    far = offset(by, scale=layer.scale, rotate=layer.rotate, shear=layer.shear)
    layer.translate = np.asarray(layer.translate) + far


def forget_undo(layer: Labels) -> None:
    """Make napari forget what could be undone on a layer."""
    layer._reset_history()  # noqa: SLF001 - no other way


def _within(plane: Sequence[int], shape: Sequence[int]) -> bool:
    return len(plane) == len(shape) and all(
        0 <= i < n for i, n in zip(plane, shape, strict=True)
    )

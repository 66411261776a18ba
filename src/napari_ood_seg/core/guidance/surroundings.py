"""The part of a tile that decides about some pixels, and where to look for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from torch import Tensor

    from napari_ood_seg.core.features.tile_features import TileFeatures

    Coords = npt.NDArray[np.integer]


class Surroundings(NamedTuple):
    """A part of a tile that `InstantModel.evaluate` takes.

    Attributes
    ----------
    levels
        Per scale `(d, ceil(h/f), ceil(w/f))` features.
    size
        `(h, w)` in pixels.
    guide
        `(1, h, w)`, see `TileFeatures`.
    at
        `(n, 2)` rows and columns of the pixels within the part.
    """

    levels: tuple[Tensor, ...]
    size: tuple[int, int]
    guide: Tensor
    at: Coords


def surroundings(
    tile: TileFeatures, pixels: Coords, *, factors: Sequence[int], margin: int
) -> Surroundings:
    """Return the smallest part of a tile in which pixels get the same answer.

    Parameters
    ----------
    tile
        Its inner part holds all the pixels.
    pixels
        `(n, 2)` rows and columns of the image.
    factors
        Of the levels.
    margin
        Context in pixels that enlarging and smoothing needs.
    """
    stride = max(factors)
    at = pixels - np.array(tile.origin)
    low = np.maximum(at.min(0) - margin, 0) // stride * stride
    high = -(-(at.max(0) + 1 + margin) // stride) * stride
    high = np.minimum(high, tile.size)
    rows, columns = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    levels = []
    for level, factor in zip(tile.levels, factors, strict=True):
        r, c = (slice(s.start // factor, -(-s.stop // factor)) for s in (rows, columns))
        levels.append(level[:, r, c])
    return Surroundings(
        levels=tuple(levels),
        size=(rows.stop - rows.start, columns.stop - columns.start),
        guide=tile.guide[:, rows, columns],
        at=at - low,
    )


class Place(NamedTuple):
    """Where to point the camera.

    Attributes
    ----------
    point
        Row and column of a pixel.
    box
        First row and column, last row and column plus one.
    """

    point: tuple[int, int]
    box: tuple[int, int, int, int]


def place_of(coords: Coords) -> Place:
    """Return the place of `(n, 2)` pixels; the point is the one nearest their middle.

    Examples
    --------
    >>> place_of(np.array([[2, 3], [2, 4], [2, 8]]))
    Place(point=(2, 4), box=(2, 3, 3, 9))
    """
    low, high = coords.min(0), coords.max(0) + 1
    middle = ((coords - coords.mean(0)) ** 2).sum(1).argmin()
    row, column = coords[middle]
    return Place(
        point=(int(row), int(column)),
        box=(int(low[0]), int(low[1]), int(high[0]), int(high[1])),
    )

"""A stroke that a region suggests: a short line along its medial axis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import ndimage as ndi
from skimage.draw import line
from skimage.graph import MCP
from skimage.morphology import skeletonize

if TYPE_CHECKING:
    import numpy.typing as npt

    Mask = npt.NDArray[np.bool_]
    Coords = npt.NDArray[np.int32]
    Point = tuple[int, int]

_LENGTH: Final = 60
"""Pixels to each side of the deepest point, at most half of them each way."""

_NEAR: Final = 5
"""Cells across what is near to a cell."""

_AROUND: Final = np.ones((3, 3), bool)


def deepest(mask: Mask, weight: npt.NDArray[np.float32]) -> Point:
    """Return a cell deep inside a mask, on its medial axis.

    That where the distance to its outside times the mean weight nearby is largest. The
    outside begins beyond the edges of the image.

    Parameters
    ----------
    weight
        `(h, w)` of each cell.

    Examples
    --------
    >>> deepest(np.ones((3, 5), bool), np.eye(3, 5, dtype=np.float32))
    (1, 1)
    """
    outside = np.pad(mask, 1)
    depth = ndi.distance_transform_edt(outside)[1:-1, 1:-1]
    axis = skeletonize(outside)[1:-1, 1:-1]
    nearby = ndi.uniform_filter(weight, _NEAR) + np.finfo(np.float32).tiny
    best = int(np.where(axis, depth * nearby, 0).argmax())
    row, column = np.unravel_index(best, mask.shape)
    return int(row), int(column)


def spine(mask: Mask, point: Point, reach: float) -> list[Point]:
    """Return cells of the medial axis through `point`, at most `reach` to each side.

    The longest path along the skeleton near the point; the point alone where the
    region is too small to have an axis.
    """
    axis = skeletonize(mask)
    away = np.hypot(*(np.indices(mask.shape) - np.array(point)[:, None, None]))
    axis &= away <= reach
    if not axis.any():
        return [point]
    start = np.unravel_index(int(np.where(axis, away, np.inf).argmin()), mask.shape)
    first, _ = _farthest(axis, (int(start[0]), int(start[1])))
    return _farthest(axis, first)[1]


def sketch(mask: Mask, point: Point, *, edge: int, size: tuple[int, int]) -> Coords:
    """Return the `(n, 2)` pixels of a line of width 3 inside a region.

    Parameters
    ----------
    mask
        `(h, w)` cells of the region.
    point
        A cell deep inside it.
    edge
        Of a cell, in pixels.
    size
        Height and width of the image in pixels.
    """
    cells = spine(mask, point, _LENGTH / 2 / edge)
    knots = [centre(c, edge, size) for c in cells]
    pairs = zip(knots, knots[1:] or knots, strict=False)
    rows, columns = np.concatenate([line(*a, *b) for a, b in pairs], axis=1)
    low = np.maximum(np.array([rows.min(), columns.min()]) - 1, 0)
    high = np.minimum(np.array([rows.max(), columns.max()]) + 2, size)
    thin = np.zeros(high - low, bool)
    thin[rows - low[0], columns - low[1]] = True
    at = np.argwhere(ndi.binary_dilation(thin, _AROUND)) + low
    inside = mask[tuple((at // edge).T)]
    out: Coords = at[inside].astype(np.int32)
    return out


def centre(cell: Point, edge: int, size: tuple[int, int]) -> Point:
    """Return the middle pixel of a cell; the last ones may be cut by the edge.

    Examples
    --------
    >>> centre((0, 2), 4, (64, 10))
    (2, 9)
    """
    row, column = (
        min(c * edge + edge // 2, n - 1) for c, n in zip(cell, size, strict=True)
    )
    return row, column


def _farthest(axis: Mask, start: Point) -> tuple[Point, list[Point]]:
    """Return the cell of an axis that is farthest along it, and the way there."""
    ways = MCP(np.where(axis, 1.0, -1.0), fully_connected=True)
    costs, _ = ways.find_costs([start])
    end = np.unravel_index(
        int(np.where(np.isfinite(costs), costs, -1).argmax()), axis.shape
    )
    path = [(int(r), int(c)) for r, c in ways.traceback(end)]
    return path[-1], path

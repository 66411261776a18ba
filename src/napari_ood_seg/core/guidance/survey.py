"""`Survey`: an image as cells, small enough to compare all of them with each other."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 - its usual name

from napari_ood_seg.core.types import Progress

if TYPE_CHECKING:
    from collections.abc import Generator

    import numpy.typing as npt
    from torch import Tensor

    from napari_ood_seg.core.features.store import FeatureStore
    from napari_ood_seg.core.features.tile_features import TileFeatures
    from napari_ood_seg.core.models.instant import InstantModel

    Floats = npt.NDArray[np.float32]

_CELLS: Final = 60_000
_SIDE: Final = 80
_ACROSS: Final = 12
"""Tiles at most along each side of what is looked at: under a minute on two cores."""

_EDGE: Final = 4
"""A cell has this edge in pixels, less in small images and more in large ones."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Survey:
    """What is known about the cells of an image.

    Attributes
    ----------
    edge
        Of a cell, in pixels.
    size
        Height and width in pixels of the image, or of what was looked at.
    typicality
        `(h, w)` mean typicality of the pixels of each cell, in [0, 1].
    margin
        `(h, w)` mean lead of the best class over the second, in [0, 1].
    classes
        `(h, w)` uint8, the best class of the middle of each cell.
    within
        Per scale `(d, h, w)` features in units of the spread within a class: what
        says whether two places look alike, and may be of one class.
    known
        Per scale `(k, d)` means of the classes, in the same units.
    origin
        First row and column in the image of what was looked at.
    """

    edge: int
    size: tuple[int, int]
    typicality: Floats = field(repr=False)
    margin: Floats = field(repr=False)
    classes: npt.NDArray[np.uint8] = field(repr=False)
    within: tuple[Floats, ...] = field(repr=False)
    known: tuple[Floats, ...] = field(repr=False)
    origin: tuple[int, int] = (0, 0)


def cell_edge(size: tuple[int, int], step: int) -> int:
    """Return the edge of a cell: a power of two that divides `step`, if it can.

    Parameters
    ----------
    size
        `(h, w)` of the image.
    step
        Distance of the tiles; cells do not straddle them.

    Examples
    --------
    >>> cell_edge((512, 512), 1024), cell_edge((64, 96), 32)
    (4, 1)
    >>> cell_edge((4096, 4096), 1024)
    32
    """
    edge = _EDGE
    while edge > 1 and min(size) / edge < _SIDE:
        edge //= 2
    while size[0] * size[1] / edge**2 > _CELLS:
        edge *= 2
    return math.gcd(edge, step)


def part_to_survey(
    size: tuple[int, int], step: int, near: tuple[int, int]
) -> tuple[slice, slice]:
    """Return which rows and columns of an image are looked at: all, if it is not large.

    Of a slide there are tens of thousands of tiles, so that somebody would wait for
    hours: there it is what lies around the place where somebody works.

    Parameters
    ----------
    size
        `(h, w)` of the image.
    step
        Distance of the tiles.
    near
        Row and column that should lie in the middle.

    Examples
    --------
    >>> part_to_survey((5000, 900), 512, (0, 0))
    (slice(0, 5000, None), slice(0, 900, None))
    >>> part_to_survey((90_000, 900), 512, (50_000, 0))
    (slice(47104, 53248, None), slice(0, 900, None))
    """
    rows, columns = (_span(n, step, at) for n, at in zip(size, near, strict=True))
    return rows, columns


def _span(n: int, step: int, at: int) -> slice:
    """Return at most `_ACROSS` tiles of those along an axis of `n` pixels."""
    last = max(0, -(-n // step) - _ACROSS)
    first = min(max(at // step - _ACROSS // 2 + 1, 0), last)
    return slice(first * step, min((first + _ACROSS) * step, n))


def take_survey(
    model: InstantModel,
    store: FeatureStore,
    *,
    plane: tuple[int, ...] = (),
    part: tuple[slice, slice] | None = None,
) -> Generator[Progress, None, Survey]:
    """Reduce a plane of an image to cells, tile by tile.

    Parameters
    ----------
    part
        Rows and columns to look at, whole tiles; see `part_to_survey`.
    """
    part = part or (slice(0, store.source.height), slice(0, store.source.width))
    origin = (part[0].start, part[1].start)
    size = (part[0].stop - origin[0], part[1].stop - origin[1])
    indices = store.indices(part)
    edge = cell_edge(size, store.size if len(indices) > 1 else 2**16)
    shape = (-(-size[0] // edge), -(-size[1] // edge))
    scalars = np.zeros((3, *shape), np.float32)
    dims = [reduction.basis.shape[1] for reduction in store.descriptor.reductions]
    levels = [np.zeros((d, *shape), np.float32) for d in dims]
    for done, index in enumerate(indices):
        yield Progress(done=done, total=len(indices), stage="looking for unknown")
        features = store.tile(plane, index)
        where = tuple(
            slice((s.start - o) // edge, -(-(s.stop - o) // edge))
            for s, o in zip(store.tiles[index].inner, origin, strict=True)
        )
        scalars[(slice(None), *where)] = _scalars(model, features, edge)
        for level, factor, out in zip(
            features.levels, store.factors, levels, strict=True
        ):
            out[(slice(None), *where)] = _cells(level, factor, features, edge)
    within, known = _in_spreads(model, levels)
    return Survey(
        edge=edge,
        size=size,
        typicality=scalars[0],
        margin=scalars[1],
        classes=scalars[2].astype(np.uint8),
        within=within,
        known=known,
        origin=origin,
    )


def _scalars(model: InstantModel, features: TileFeatures, edge: int) -> Floats:
    """Return typicality, margin and class of the cells of a tile, `(3, h, w)`."""
    found = model.predict_tile(features, probabilities=True)
    assert found.probabilities is not None
    maps = torch.from_numpy(
        np.stack([found.typicality, _lead(found.probabilities)])
    )  # ceil_mode: the last cells may be cut off by the edge of the image
    means = F.avg_pool2d(maps[None], edge, ceil_mode=True, count_include_pad=False)[0]
    at = [
        np.minimum(np.arange(n) * edge + edge // 2, m - 1)
        for n, m in zip(means.shape[1:], found.classes.shape, strict=True)
    ]
    middle = found.classes[np.ix_(*at)][None].astype(np.float32)
    return np.concatenate([means.numpy(), middle])


def _lead(probabilities: Floats) -> Floats:
    """Return by how much the best of `(k, h, w)` leads; 1 where there is only one."""
    if len(probabilities) < 2:
        return np.ones(probabilities.shape[1:], np.float32)
    second, best = np.partition(probabilities, -2, axis=0)[-2:]
    lead: Floats = best - second
    return lead


def _cells(level: Tensor, factor: int, features: TileFeatures, edge: int) -> Floats:
    """Return the `(d, h, w)` means over the cells of a tile of one scale."""
    where = tuple(slice(s.start // factor, -(-s.stop // factor)) for s in features.crop)
    inner = level[(slice(None), *where)]
    shape = tuple(-(-(s.stop - s.start) // edge) for s in features.crop)
    means: Floats = F.adaptive_avg_pool2d(inner[None], shape)[0].cpu().numpy()
    return means


def _in_spreads(
    model: InstantModel, levels: list[Floats]
) -> tuple[tuple[Floats, ...], tuple[Floats, ...]]:
    """Return features and class means in units of the spread within a class."""
    within, known = [], []
    for level, gaussians in zip(levels, model.ensemble.classifier, strict=True):
        fitted = gaussians.tensors()
        whitening = fitted["whitening"].mean(0).cpu().numpy()
        within.append(np.tensordot(whitening, level, 1).astype(np.float32))
        known.append((fitted["means"].cpu().numpy() @ whitening.T).astype(np.float32))
    return tuple(within), tuple(known)

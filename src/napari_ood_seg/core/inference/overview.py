"""A rough look at what is too large to be predicted soon: a spot for each block."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from napari_ood_seg.core.data.coverage import grade, runs
from napari_ood_seg.core.data.tile_map import EDGE
from napari_ood_seg.core.features.spots import N_PIXELS
from napari_ood_seg.core.types import Prediction

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from napari_ood_seg.core.data.coverage import Coverage
    from napari_ood_seg.core.features.store import FeatureStore
    from napari_ood_seg.core.inference.view import View
    from napari_ood_seg.core.models.instant import InstantModel

    Region = tuple[slice, ...]
    Place = tuple[int, int]

BLOCK: Final = EDGE
"""Edge in pixels of the smallest blocks; larger ones are twice, four times ... that."""

_MOST: Final = 2_500
"""Blocks of a view at most: half a minute on two cores."""

_FIRST: Final = 64
"""Blocks at most of the first look: less than a second."""

_AT_ONCE: Final = 16
"""Blocks that are looked at before they are shown, and anybody can stop it."""


class Blocks(NamedTuple):
    """Blocks of an image, in a row, or in several.

    Attributes
    ----------
    region
        Rows and columns that they cover, cut to the image.
    edge
        Of a block, in pixels.
    """

    region: Region
    edge: int

    @property
    def middles(self) -> list[Place]:
        """Row and column of the pixel in the middle of each, row by row."""
        rows, columns = (
            [
                (at + min(at + self.edge, span.stop)) // 2
                for at in range(span.start, span.stop, self.edge)
            ]
            for span in self.region
        )
        return [(row, column) for row in rows for column in columns]


def edges(region: Region) -> list[int]:
    """Return how large the blocks of a view are, one look after the other.

    >>> edges((slice(0, 16_384), slice(0, 16_384)))
    [2048, 1024, 512]
    """
    out: list[int] = []
    edge = BLOCK
    while _count(region, edge) > _MOST:
        edge *= 2
    while not out or _count(region, out[-1]) > _FIRST:
        out.append(edge)
        edge *= 2
    return out[::-1]


def looks(
    view: View, coverage: Coverage, known: Callable[[Place], bool]
) -> Iterator[Blocks]:
    """Yield which blocks of a view to look at, the nearest to its middle first.

    Coarse ones first, unless the spots of the finest are known. A block that was looked
    at as finely all over is left out.

    Parameters
    ----------
    coverage
        Is asked again for each size of blocks, so whoever predicts adds to it.
    known
        Whether the spot in the middle of a block is known.
    """
    sizes = edges(view.region)
    finest = Blocks(_aligned(view.region, sizes[-1], coverage.shape), sizes[-1])
    at_once = _AT_ONCE
    if all(known(place) for place in finest.middles):
        sizes, at_once = sizes[-1:], _MOST
    for edge in sizes:
        region = _aligned(view.region, edge, coverage.shape)
        wanted = coverage.coarsest(region, edge) > grade(edge)
        parts = [
            tuple(
                slice(s.start + a * edge, min(s.start + b * edge, s.stop))
                for s, (a, b) in zip(region, run, strict=True)
            )
            for run in _runs(wanted, at_once)
        ]
        for part in sorted(parts, key=lambda p: _distance(p, view.middle)):
            yield Blocks(part, edge)


def look_at(
    blocks: Blocks, model: InstantModel, store: FeatureStore, plane: tuple[int, ...]
) -> Prediction:
    """Return what is predicted for blocks, `(rows, columns)`.

    That is what most pixels of the spot in the middle of each are taken for, and the
    median of their typicality and score: not smoothed, as there are no neighbours.
    """
    spot = store.spots.at(plane, blocks.middles)
    found = model.predict_pixels(spot.levels, spot.invalid)
    size = [len(range(s.start, s.stop, blocks.edge)) for s in blocks.region]
    return Prediction(
        classes=_most(found.classes.reshape(-1, N_PIXELS)).reshape(size),
        score=np.median(found.score.reshape(-1, N_PIXELS), axis=1).reshape(size),
        typicality=np.median(found.typicality.reshape(-1, N_PIXELS), axis=1).reshape(
            size
        ),
    )


def _most(classes: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """Return which of `(n, p)` classes each row has most of; the lowest of several."""
    ids = np.unique(classes)
    votes = (classes[:, :, None] == ids).sum(1)
    most: npt.NDArray[np.uint8] = ids[votes.argmax(1)]
    return most


def _count(region: Region, edge: int) -> int:
    return math.prod(-(-s.stop // edge) - s.start // edge for s in region)


def _aligned(region: Region, edge: int, shape: tuple[int, int]) -> Region:
    """Return a region enlarged to whole blocks, within the image."""
    return tuple(
        slice(s.start // edge * edge, min(-(-s.stop // edge) * edge, n))
        for s, n in zip(region, shape, strict=True)
    )


def _runs(
    wanted: npt.NDArray[np.bool_], longest: int
) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Yield row and columns, first and last-plus-one, of wanted blocks in a row.

    >>> list(_runs(np.array([[True, True, True, False, True]]), 2))
    [((0, 1), (0, 2)), ((0, 1), (2, 3)), ((0, 1), (4, 5))]
    """
    for row, first, last in runs(wanted):
        for start in range(first, last, longest):
            yield (row, row + 1), (start, min(start + longest, last))


def _distance(region: Region, middle: Place) -> float:
    """Return how far the middle of a region is from a place, in pixels."""
    return math.dist([(s.start + s.stop) / 2 for s in region], middle)

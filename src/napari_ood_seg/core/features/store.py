"""`FeatureStore`: the features of one image, computed tile by tile and kept."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import torch

from napari_ood_seg.core.data.coverage import CELL
from napari_ood_seg.core.data.tiling import Tile
from napari_ood_seg.core.features.reading import grid, read_region
from napari_ood_seg.core.features.spots import Spots
from napari_ood_seg.core.features.tile_features import (
    TileFeatures,
    around,
    broken,
    joined,
    within,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from torch import Tensor

    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.features.descriptor import Descriptor
    from napari_ood_seg.core.features.seen import Look, Seen

    Plane = tuple[int, ...]


BUDGET: Final = 2 * 2**30
"""Bytes of features that are kept, unless somebody asks for more or less."""

_LITTLE: Final = 1.5
"""An image no longer than so many tiles is not cut."""

_FLOAT: Final = 4
"""Bytes of a value."""


class FeatureStore:
    """Features of the tiles of an image, least recently used dropped first.

    Several threads may ask at once; a tile that two of them lack is computed twice.

    Parameters
    ----------
    source
        The image.
    descriptor
        Computes the features.
    device
        Where they are computed and kept.
    size
        Edge of a tile in pixels; rounded up so that coarse scales line up.
    margin
        Context in pixels that tiles keep around their inner part.
    budget
        Bytes that may be kept.

    Attributes
    ----------
    spots
        The features of a few pixels here and there.
    """

    def __init__(
        self,
        source: ImageSource,
        descriptor: Descriptor,
        *,
        device: torch.device,
        size: int = 512,
        margin: int = 0,
        budget: int = BUDGET,
    ) -> None:
        self.source = source
        self.descriptor = descriptor
        self.device = device
        self.budget = budget
        stride = descriptor.stride
        self.factors = descriptor.factors
        self._size = max(1, -(-size // stride)) * stride
        self._margin = -(-margin // stride) * stride
        self.tiles = grid(source, size=self._size, halo=descriptor.halo + self._margin)
        self._columns = -(-source.width // self._size)
        self._kept: OrderedDict[tuple[Plane, int], TileFeatures] = OrderedDict()
        self.spots = Spots(self)
        self._lock = threading.Lock()  # of what is kept, not held while computing

    def tile(self, plane: Plane, index: int, *, keep: bool = True) -> TileFeatures:
        """Return the features of a tile; without `keep` no other makes way for it."""
        key = (plane, index)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        found = self._compute(plane, self.tiles[index], self._margin)
        if keep:
            with self._lock:
                self._kept[key] = found
                while _n_bytes(self._kept) > self.budget and len(self._kept) > 1:
                    self._kept.popitem(last=False)
        return found

    def part(
        self,
        plane: Plane,
        region: Sequence[slice],
        *,
        stride: int = 1,
        keep: bool = True,
    ) -> TileFeatures:
        """Return the features of a region, and of a margin around it, thinned.

        Parameters
        ----------
        region
            Rows and columns of the image, starting at multiples of the coarsest
            factor and of `stride`. It may lie in several tiles.
        stride
            Levels finer than this are thinned to it, see `pyramid.thinned`; the
            margin is a multiple of it.
        keep
            Whether tiles may take the place of others.
        """
        margin = self._margin // stride * stride
        spans = around(region, margin, self._shape)
        owners = list(self._owners(spans, region))
        tiles = [self.tile(plane, index, keep=keep) for index, _ in owners]
        parts = [t.cut(where) for t, (_, where) in zip(tiles, owners, strict=True)]
        places = [where for _, where in owners]
        origin = (spans[0][0], spans[1][0])
        size = (spans[0][1] - origin[0], spans[1][1] - origin[1])
        *levels, guide = (
            joined([p[i] for p in parts], places, origin, size, factor, stride)
            for i, factor in enumerate((*self.factors, 1))
        )
        return TileFeatures(
            levels=tuple(levels),
            factors=tuple(max(f // stride, 1) for f in self.factors),
            size=(-(-size[0] // stride), -(-size[1] // stride)),
            crop=tuple(
                slice((r.start - o) // stride, -(-(r.stop - o) // stride))
                for r, o in zip(region, origin, strict=True)
            ),
            origin=origin,
            invalid=broken(tiles, places, region, stride),
            guide=guide,
        )

    def owners(self, pixels: Tensor) -> Tensor:
        """Return the `(n,)` tiles in whose inner parts `(n, 2)` pixels lie."""
        rows, columns = (pixels // self._size).T
        owners: Tensor = rows * self._columns + columns
        return owners

    def indices(self, region: Sequence[slice]) -> list[int]:
        """Return the tiles that a region lies in."""
        rows, columns = (
            range(s.start // self._size, -(-s.stop // self._size)) for s in region
        )
        return [i * self._columns + j for i in rows for j in columns]

    def _owners(
        self, spans: Sequence[tuple[int, int]], region: Sequence[slice]
    ) -> Iterator[tuple[int, tuple[slice, ...]]]:
        """Yield tiles and the part of `spans` that each gives, context included."""
        for index in self.indices(region):
            inner = self.tiles[index].inner
            yield (
                index,
                tuple(
                    slice(
                        a if r.start >= i.start else i.start,
                        b if r.stop <= i.stop else i.stop,
                    )
                    for (a, b), r, i in zip(spans, region, inner, strict=True)
                ),
            )

    def fresh(self, plane: Plane, region: tuple[slice, ...]) -> TileFeatures:
        """Return the features of a region without context; nothing is kept.

        Parameters
        ----------
        region
            As of `part`.
        """
        spans = around(region, self.descriptor.halo, self._shape)
        outer = tuple(slice(*span) for span in spans)
        return self._compute(plane, Tile(outer, region, within(region, spans)), 0)

    def clear(self) -> None:
        """Forget all features; they can be computed again."""
        self.spots.clear()
        with self._lock:
            self._kept.clear()

    def has(self, plane: Plane, index: int) -> bool:
        """Whether the features of a tile are there already."""
        return (plane, index) in self._kept

    @property
    def size(self) -> int:
        """Edge of a tile, and distance of the tiles, in pixels."""
        return self._size

    @property
    def cell(self) -> int:
        """Edge in pixels of the smallest part of a tile that is predicted alone."""
        return math.gcd(self._size, max(CELL, self.descriptor.stride))

    @property
    def n_kept(self) -> int:
        """How many tiles are kept."""
        return len(self._kept)

    @property
    def room(self) -> int:
        """How many more tiles can be kept, if they are as large as can be."""
        height, width = (min(self._size, n) + 2 * self._margin for n in self._shape)
        sizes = [int(r.basis.shape[1]) for r in self.descriptor.reductions]
        cells = (
            d * (height // f) * (width // f)
            for d, f in zip((*sizes, 1), (*self.factors, 1), strict=True)
        )
        return max(0, self.budget - self.n_bytes) // (_FLOAT * sum(cells))

    def rows(self, plane: Plane, level: int, cells: Tensor) -> Tensor:
        """Return the `(n, d)` features at `(n, 2)` rows and columns of a level."""
        factor = self.factors[level]
        owner = self.owners(cells * factor)
        d = self.descriptor.reductions[level].basis.shape[1]
        out = torch.empty(len(cells), d, device=self.device)
        for index in owner.unique().tolist():
            mine = torch.nonzero(owner == index)[:, 0]
            tile = self.tile(plane, index)
            local = cells[mine] - torch.tensor(tile.origin) // factor
            flat = local[:, 0] * tile.levels[level].shape[2] + local[:, 1]
            found = tile.levels[level].flatten(1).index_select(1, flat.to(self.device))
            out[mine.to(self.device)] = found.T
        return out

    def usable(self, plane: Plane, pixels: Tensor) -> Tensor:
        """Return `(n,)` bool: which of `(n, 2)` rows and columns are not invalid."""
        owner = self.owners(pixels)
        out = torch.ones(len(pixels), dtype=torch.bool)
        for index in owner.unique().tolist():
            invalid = self.tile(plane, index).invalid
            if invalid is not None:
                mine = torch.nonzero(owner == index)[:, 0]
                start = [s.start for s in self.tiles[index].inner]
                rows, columns = (pixels[mine] - torch.tensor(start)).T
                out[mine] = ~invalid.cpu()[rows, columns]
        return out

    @property
    def n_bytes(self) -> int:
        """Bytes kept now."""
        with self._lock:
            return _n_bytes(self._kept) + self.spots.n_bytes

    def take(self, plane: Plane, look: Look) -> None:
        """Keep the features of a plane that was looked at as a whole."""
        for index, tile in enumerate(self.tiles):
            spans = around(tile.inner, self._margin, self._shape)
            levels = self.descriptor.reduced(look.raw, spans)
            made = self._made(tile, look.seen, levels, (0, 0), self._margin)
            with self._lock:
                self._kept[plane, index] = made

    def _compute(self, plane: Plane, tile: Tile, margin: int) -> TileFeatures:
        region = read_region(self.source, tile.outer, plane=plane, device=self.device)
        spans = around(tile.inner, margin, self._shape)
        first = (tile.outer[0].start, tile.outer[1].start)
        wanted = [
            (a - start, b - start) for (a, b), start in zip(spans, first, strict=True)
        ]
        seen = self.descriptor.see(region)
        levels = self.descriptor(seen, wanted, origin=first)
        return self._made(tile, seen, levels, first, margin)

    def _made(
        self,
        tile: Tile,
        seen: Seen,
        levels: Sequence[Tensor],
        origin: tuple[int, int],
        margin: int,
    ) -> TileFeatures:
        """Return the features of a tile; what was seen begins at `origin`."""
        spans = around(tile.inner, margin, self._shape)
        context, inner = (
            tuple(slice(a - o, b - o) for (a, b), o in zip(where, origin, strict=True))
            for where in (spans, [(s.start, s.stop) for s in tile.inner])
        )
        broken = seen.unusable[inner]
        return TileFeatures(
            levels=tuple(z.contiguous() for z in levels),
            factors=self.factors,
            size=(spans[0][1] - spans[0][0], spans[1][1] - spans[1][0]),
            crop=within(tile.inner, spans),
            origin=(spans[0][0], spans[1][0]),
            invalid=broken.clone() if bool(broken.any()) else None,
            guide=seen.channels[(slice(0, 1), *context)].clone(),
        )

    @property
    def _shape(self) -> tuple[int, int]:
        return self.source.height, self.source.width


def _n_bytes(kept: Mapping[tuple[Plane, int], TileFeatures]) -> int:
    return sum(tile.n_bytes for tile in kept.values())


def tile_edge(source: ImageSource, usual: int) -> int:
    """Return the edge of tiles in pixels: an image little larger than one is one.

    What is around a narrow tile, and is computed with it, is more than the tile.
    """
    longer = max(source.height, source.width)
    return -(-longer // CELL) * CELL if usual < longer <= _LITTLE * usual else usual

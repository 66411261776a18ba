"""The features of a tile, or of a region that lies in several tiles."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

from napari_ood_seg.core.features import pyramid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class TileFeatures:
    """The features of a tile, or of a region, and of a little context around it.

    Those of a region may be thinned: then pixels are every so many of the image, and
    all sizes are in such pixels, but for `origin`.

    Attributes
    ----------
    levels
        Per scale `(d, ceil(h/f), ceil(w/f))` features of the `(h, w)` context.
    factors
        `f` of each scale.
    size
        `(h, w)`.
    crop
        Where the tile's inner part lies in the context.
    origin
        Row and column of the context's first pixel in the image.
    invalid
        `(h, w)` bool of the inner part: pixels that are not finite, or left out for
        their exposure; `None` if there are none.
    guide
        `(1, h, w)` first channel of the context, of spread 1.
    """

    levels: tuple[Tensor, ...] = field(repr=False)
    factors: tuple[int, ...]
    size: tuple[int, int]
    crop: tuple[slice, ...]
    origin: tuple[int, int]
    invalid: Tensor | None = field(repr=False)
    guide: Tensor = field(repr=False)

    @property
    def n_bytes(self) -> int:
        """Bytes held."""
        kept = (*self.levels, self.guide)
        return sum(t.nelement() * t.element_size() for t in kept)

    def valid(self) -> list[Tensor]:
        """Return per scale the `(d, n)` features of the inner part that are usable.

        A block of a coarse scale is if most of its pixels are; all are taken where
        none is.
        """
        if self.invalid is None:
            return [z.flatten(1) for z in self.levels]
        inner = [
            z[:, r.start // f : -(-r.stop // f), c.start // f : -(-c.stop // f)]
            for (r, c), z, f in (
                (self.crop, z, f)
                for z, f in zip(self.levels, self.factors, strict=True)
            )
        ]
        return [
            usable_cells(z, self.invalid, f)
            for z, f in zip(inner, self.factors, strict=True)
        ]

    def cut(self, where: Sequence[slice]) -> tuple[Tensor, ...]:
        """Return the levels, and the guide last, of rows and columns of the image."""
        rows, columns = (
            (s.start - o, s.stop - o) for s, o in zip(where, self.origin, strict=True)
        )
        return tuple(
            z[:, rows[0] // f : -(-rows[1] // f), columns[0] // f : -(-columns[1] // f)]
            for z, f in zip((*self.levels, self.guide), (*self.factors, 1), strict=True)
        )

    def broken(self, where: Sequence[slice]) -> Tensor | None:
        """Return where pixels of a part of the inner part are not finite."""
        if self.invalid is None:
            return None
        start = [c.start + o for c, o in zip(self.crop, self.origin, strict=True)]
        rows, columns = (
            slice(s.start - o, s.stop - o) for s, o in zip(where, start, strict=True)
        )
        return self.invalid[rows, columns]


def usable_cells(z: Tensor, invalid: Tensor, factor: int) -> Tensor:
    """Return as `(d, n)` the cells of a level most of whose pixels are usable.

    Parameters
    ----------
    z
        `(d, ceil(h/factor), ceil(w/factor))`; all of it is returned if none is.
    invalid
        `(h, w)` bool.

    Examples
    --------
    >>> invalid = torch.tensor([[True, True, False], [True, False, False]])
    >>> usable_cells(torch.tensor([[[1.0, 2.0]]]), invalid, 2).tolist()
    [[2.0]]
    """
    share = F.avg_pool2d(invalid[None].float(), factor, ceil_mode=True)[0]
    good = share <= 0.5
    return z[:, good] if bool(good.any()) else z.flatten(1)


def joined(
    parts: Sequence[Tensor],
    places: Sequence[Sequence[slice]],
    origin: tuple[int, int],
    size: tuple[int, int],
    factor: int,
    stride: int,
) -> Tensor:
    """Return parts of a level as one, thinned to `stride`.

    Parameters
    ----------
    parts
        `(d, ...)` each.
    places
        Rows and columns of the image that each covers.
    origin, size
        Of the whole, in pixels.
    """
    thin = [
        pyramid.thinned(z, factor, _size(where), stride)
        for z, where in zip(parts, places, strict=True)
    ]
    if len(thin) == 1:
        return thin[0]
    step = max(factor, stride)
    out = thin[0].new_empty(len(thin[0]), -(-size[0] // step), -(-size[1] // step))
    for z, (rows, columns) in zip(thin, places, strict=True):
        top, left = (
            (rows.start - origin[0]) // step,
            (columns.start - origin[1]) // step,
        )
        out[:, top : top + z.shape[1], left : left + z.shape[2]] = z
    return out


def broken(
    tiles: Sequence[TileFeatures],
    places: Sequence[Sequence[slice]],
    region: Sequence[slice],
    stride: int,
) -> Tensor | None:
    """Return where pixels of a region are not finite, thinned; `None` if all are."""
    if all(t.invalid is None for t in tiles):
        return None
    height, width = _size(region)
    out = torch.zeros(1, height, width, dtype=torch.bool, device=tiles[0].guide.device)
    for tile, where in zip(tiles, places, strict=True):
        inside = [
            slice(max(w.start, r.start), min(w.stop, r.stop))
            for w, r in zip(where, region, strict=True)
        ]
        found = tile.broken(inside)
        if found is not None:
            rows, columns = (
                slice(i.start - r.start, i.stop - r.start)
                for i, r in zip(inside, region, strict=True)
            )
            out[0, rows, columns] = found
    return pyramid.thinned(out, 1, (height, width), stride)[0]


def _size(region: Sequence[slice]) -> tuple[int, int]:
    rows, columns = (s.stop - s.start for s in region)
    return rows, columns


def around(
    inner: Sequence[slice], margin: int, shape: Sequence[int]
) -> list[tuple[int, int]]:
    """Return the first and last-plus-one row and column of a region and its margin."""
    return [
        (max(0, i.start - margin), min(n, i.stop + margin))
        for i, n in zip(inner, shape, strict=True)
    ]


def within(
    inner: Sequence[slice], spans: Sequence[tuple[int, int]]
) -> tuple[slice, ...]:
    """Return where a region lies in what is around it."""
    return tuple(
        slice(i.start - a, i.stop - a) for i, (a, _) in zip(inner, spans, strict=True)
    )

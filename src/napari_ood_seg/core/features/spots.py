"""`Spots`: the features of a few pixels here and there, for a rough look."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol
from weakref import proxy

import torch

from napari_ood_seg.core.parallel import spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.features.descriptor import Descriptor
    from napari_ood_seg.core.features.tile_features import TileFeatures

    Plane = tuple[int, ...]
    Place = tuple[int, int]

WIDE: Final = 32
"""Edge in pixels of what is computed of a spot; factors of all scales divide it."""

_EVERY: Final = 8
N_PIXELS: Final = (WIDE // _EVERY) ** 2
"""Pixels of a spot, on a grid."""

_MOST: Final = 8_192
"""Spots that are kept: some 30 MB with filters alone."""


class Spot(NamedTuple):
    """What is known of a spot.

    Attributes
    ----------
    levels
        Per scale `(N_PIXELS, d)` features of the cells that its pixels lie in.
    invalid
        `(N_PIXELS,)` bool: pixels that are not finite, or badly exposed.
    """

    levels: tuple[Tensor, ...]
    invalid: Tensor

    @property
    def n_bytes(self) -> int:
        """Bytes held."""
        return sum(z.nelement() * z.element_size() for z in self.levels)


class Owner(Protocol):
    """Computes the features of an image; a `FeatureStore`."""

    source: ImageSource
    descriptor: Descriptor
    device: torch.device

    def fresh(self, plane: Plane, region: tuple[slice, ...]) -> TileFeatures:
        """Return the features of a region alone."""
        ...


class Spots:
    """The features of spots, the first ones dropped first where there are too many.

    A spot costs a fifteenth of a tile, and a few kilobytes: so a slide of a hundred
    thousand tiles can be looked at within seconds, and again after each stroke.

    Parameters
    ----------
    owner
        Computes features. It owns this, and is not kept alive: features would outlive
        their image until garbage is collected.
    """

    def __init__(self, owner: Owner) -> None:
        self._owner: Owner = proxy(owner)
        self._kept: OrderedDict[tuple[Plane, Place], Spot] = OrderedDict()

    def has(self, plane: Plane, place: Place) -> bool:
        """Whether the features at a place are there already."""
        return (plane, place) in self._kept

    def at(self, plane: Plane, places: Sequence[Place]) -> Spot:
        """Return the features at some places, one after the other, as one spot.

        Parameters
        ----------
        places
            Row and column of a pixel each; the spot lies around it.
        """
        lacking = [p for p in places if not self.has(plane, p)]
        compute = partial(self._compute, plane)
        found = spread(compute, lacking, on=self._owner.device)
        own = {p: self._kept[plane, p] for p in places if self.has(plane, p)}
        for place, spot in zip(lacking, found, strict=True):
            own[place] = self._kept[plane, place] = spot
        while len(self._kept) > _MOST:
            self._kept.popitem(last=False)
        spots = [own[place] for place in places]
        levels = zip(*(s.levels for s in spots), strict=True)
        return Spot(
            tuple(torch.cat(parts) for parts in levels),
            torch.cat([s.invalid for s in spots]),
        )

    def clear(self) -> None:
        """Forget all of them."""
        self._kept.clear()

    @property
    def n_bytes(self) -> int:
        """Bytes kept; all spots are alike."""
        return sum(s.n_bytes for s in list(self._kept.values())[:1]) * len(self._kept)

    def _compute(self, plane: Plane, place: Place) -> Spot:
        owner = self._owner
        region = tuple(
            slice(at // WIDE * WIDE, min(at // WIDE * WIDE + WIDE, n))
            for at, n in zip(
                place, (owner.source.height, owner.source.width), strict=True
            )
        )
        found = owner.fresh(plane, region)
        rows, columns = (
            torch.arange(_EVERY // 2, WIDE, _EVERY).clamp_max(s.stop - s.start - 1)
            for s in region
        )
        rows, columns = (
            x.flatten() for x in torch.meshgrid(rows, columns, indexing="ij")
        )
        levels = tuple(
            z[:, rows // f, columns // f].T.contiguous()
            for z, f in zip(found.levels, found.factors, strict=True)
        )
        if found.invalid is None:
            return Spot(levels, torch.zeros(N_PIXELS, dtype=torch.bool))
        return Spot(levels, found.invalid.cpu()[rows, columns])

"""`FeatureStore`: the features of one image, computed tile by tile and kept."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import torch

from napari_ood_seg.core.config import TileConfig
from napari_ood_seg.core.data.tiling import Tile, iter_tiles

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy as np
    import numpy.typing as npt
    from torch import Tensor

    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.features.descriptor import Descriptor

    Plane = tuple[int, ...]


_WHOLE: Final = 512 * 512
_CROP: Final = 192
_N_CROPS: Final = 9


class FeatureStore:
    """Features of the tiles of an image, least recently used dropped first.

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
    budget
        Bytes that may be kept.
    """

    def __init__(
        self,
        source: ImageSource,
        descriptor: Descriptor,
        *,
        device: torch.device,
        size: int = 512,
        budget: int = 2 * 2**30,
    ) -> None:
        self.source = source
        self.descriptor = descriptor
        self.device = device
        self.budget = budget
        bank = descriptor.bank
        size = -(-size // bank.stride) * bank.stride
        self.tiles = grid(source, size=size, halo=bank.halo)
        self._columns = -(-source.width // size)
        self._size = size
        self._kept: OrderedDict[tuple[Plane, int], Tensor] = OrderedDict()

    def tile(self, plane: Plane, index: int) -> Tensor:
        """Return the `(d, h, w)` features of the inner part of a tile."""
        key = (plane, index)
        found = self._kept.pop(key, None)
        if found is None:
            found = self._compute(plane, self.tiles[index])
        self._kept[key] = found
        while self.n_bytes > self.budget and len(self._kept) > 1:
            self._kept.popitem(last=False)
        return found

    def rows(self, plane: Plane, coords: npt.NDArray[np.int32]) -> Tensor:
        """Return the `(n, d)` features at `(n, 2)` pixel coordinates."""
        where = torch.from_numpy(coords).long()
        owner = (where[:, 0] // self._size) * self._columns + where[:, 1] // self._size
        out = torch.empty(len(where), self.descriptor.n_features, device=self.device)
        for index in owner.unique().tolist():
            mine = torch.nonzero(owner == index)[:, 0]
            inner = self.tiles[index].inner
            local = where[mine] - torch.tensor([inner[0].start, inner[1].start])
            tile = self.tile(plane, index)
            out[mine.to(self.device)] = tile[:, local[:, 0], local[:, 1]].T
        return out

    @property
    def n_bytes(self) -> int:
        """Bytes kept now."""
        return sum(t.nelement() * t.element_size() for t in self._kept.values())

    def _compute(self, plane: Plane, tile: Tile) -> Tensor:
        region = read_region(self.source, tile.outer, plane=plane, device=self.device)
        return self.descriptor(region)[(slice(None), *tile.crop)].contiguous()


def grid(source: ImageSource, *, size: int, halo: int) -> tuple[Tile, ...]:
    """Return the tiles of an image, row by row."""
    config = TileConfig(size=size, halo=halo)
    return tuple(iter_tiles((source.height, source.width), config))


def read_region(
    source: ImageSource,
    where: Sequence[slice],
    *,
    plane: Plane,
    device: torch.device,
) -> Tensor:
    """Return a region of `source` as a `(c, h, w)` float32 tensor on `device`."""
    block = source.read(where[0], where[1], plane=plane)
    if not block.flags.writeable:  # torch warns about read-only memory
        block = block.copy()
    return torch.from_numpy(block).to(device)


def sample_tiles(tiles: Sequence[Tile], n: int) -> Iterator[int]:
    """Yield the indices of at most `n` tiles, spread evenly over the image."""
    step = max(1.0, len(tiles) / n)
    yield from (int(i * step) for i in range(min(n, len(tiles))))


def sample_regions(
    source: ImageSource, *, device: torch.device, plane: Plane = ()
) -> Callable[[], Iterator[Tensor]]:
    """Return what gives sample regions of an image, the same ones at each call.

    The whole image where it is small, else crops on a regular grid.
    """
    if source.height * source.width <= _WHOLE:
        crops: Sequence[Tile] = grid(source, size=_WHOLE, halo=0)
    else:
        tiles = grid(source, size=_CROP, halo=0)
        crops = [tiles[i] for i in sample_tiles(tiles, _N_CROPS)]
    return lambda: (
        read_region(source, c.inner, plane=plane, device=device) for c in crops
    )

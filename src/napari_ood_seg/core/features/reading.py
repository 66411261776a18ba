"""Pixels of an image as tensors: a region, samples of all, where it is exposed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch

from napari_ood_seg.core.config import TileConfig
from napari_ood_seg.core.data.tiling import Tile, count_tiles, iter_tiles, nth_tile
from napari_ood_seg.core.features.exposure import Exposure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence, Sized

    from torch import Tensor

    from napari_ood_seg.core.data.source import ImageSource

    Plane = tuple[int, ...]

_CROP: Final = 192
_N_CROPS: Final = 9
_WHOLE: Final = _N_CROPS * _CROP**2
"""Images of no more pixels are sampled whole: the crops of larger ones have as many."""

_STRIP: Final = 64
"""Rows at a time where a whole plane is looked at."""


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
    turned = any(step < 0 for step in block.strides)
    if turned or not block.flags.writeable:  # torch takes neither without complaint
        block = block.copy(order="C" if turned else "K")
    return torch.from_numpy(block).to(device)


def sample_tiles(tiles: Sized, n: int) -> Iterator[int]:
    """Yield the indices of at most `n` tiles, spread evenly over the image."""
    step = max(1.0, len(tiles) / n)
    yield from (int(i * step) for i in range(min(n, len(tiles))))


def is_sampled_whole(source: ImageSource) -> bool:
    """Whether `sample_regions` gives an image as a whole."""
    return source.height * source.width <= _WHOLE


def sample_regions(
    source: ImageSource, *, device: torch.device, plane: Plane = ()
) -> Callable[[], Iterator[Tensor]]:
    """Return what gives sample regions of an image, the same ones at each call.

    The whole image where it is small, else crops on a regular grid.
    """
    if is_sampled_whole(source):
        crops: Sequence[Tile] = grid(source, size=_WHOLE, halo=0)
    else:
        shape, config = (source.height, source.width), TileConfig(size=_CROP, halo=0)
        tiles = range(count_tiles(shape, config))  # of a slide there are too many
        crops = [nth_tile(shape, config, i) for i in sample_tiles(tiles, _N_CROPS)]
    return lambda: (
        read_region(source, c.inner, plane=plane, device=device) for c in crops
    )


def exposure_masks(
    source: ImageSource, *, device: torch.device, plane: Plane = ()
) -> tuple[Tensor, Tensor]:
    """Return where a plane has highlights, and where it is under-exposed.

    Both `(h, w)` bool, whatever the settings say; see `Exposure`. Rows are read some
    at a time.

    Raises
    ------
    ImageError
        If no pixel of the image is finite.
    """
    exposure = Exposure.fit(sample_regions(source, device=device, plane=plane)())
    glare, dark = [], []
    for top in range(0, source.height, _STRIP):
        rows = slice(top, min(top + _STRIP, source.height))
        where = (rows, slice(0, source.width))
        x = read_region(source, where, plane=plane, device=device)
        glare.append(exposure.glare(x))
        dark.append(exposure.dark(x))
    return torch.cat(glare), torch.cat(dark)

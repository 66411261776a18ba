"""Pixels of an image as tensors: a region, samples of all, where it is exposed."""

from __future__ import annotations

import math
from functools import cache
from itertools import pairwise, product
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from napari_ood_seg.core.config import TileConfig
from napari_ood_seg.core.data.tiling import Tile, iter_tiles
from napari_ood_seg.core.features.exposure import Exposure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from napari_ood_seg.core.data.source import ImageSource

    Plane = tuple[int, ...]

_CROP: Final = 96
"""Edge of a crop; crops start at multiples of it."""

_N_CROPS: Final = 36
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


def is_sampled_whole(source: ImageSource) -> bool:
    """Whether `sample_regions` gives an image as a whole."""
    return source.height * source.width <= _WHOLE


def sample_regions(
    source: ImageSource, *, device: torch.device, plane: Plane = ()
) -> Callable[[], tuple[Tensor, ...]]:
    """Return what gives sample regions of an image; they are read at the first call.

    The whole image where it is small, else crops from all over it.
    """

    @cache
    def regions() -> tuple[Tensor, ...]:
        shape = (source.height, source.width)
        whole = [(slice(0, shape[0]), slice(0, shape[1]))]
        crops = whole if is_sampled_whole(source) else spread_crops(shape)
        return tuple(read_region(source, c, plane=plane, device=device) for c in crops)

    return regions


def spread_crops(shape: tuple[int, int]) -> list[tuple[slice, slice]]:
    """Return crops of a large image, one at a random place in each cell of a grid.

    The same ones for each image of a shape. Random, as what an image shows may lie on
    a grid as well, such as the cores of a tissue microarray.
    """
    blocks = [max(1, n // _CROP) for n in shape]
    n_rows = _clip(round(math.sqrt(_N_CROPS * blocks[0] / blocks[1])), blocks[0])
    n_columns = _clip(_N_CROPS // n_rows, blocks[1])
    n_rows = _clip(_N_CROPS // n_columns, blocks[0])
    cells = [
        pairwise(np.linspace(0, n, k + 1, dtype=int))
        for n, k in zip(blocks, (n_rows, n_columns), strict=True)
    ]
    rng = np.random.default_rng(0)
    return [
        (_crop(rng.integers(*ys), shape[0]), _crop(rng.integers(*xs), shape[1]))
        for ys, xs in product(*cells)
    ]


def _clip(n: int, most: int) -> int:
    return min(max(n, 1), most)


def _crop(block: int, n: int) -> slice:
    start = int(block) * _CROP
    return slice(start, min(start + _CROP, n))


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

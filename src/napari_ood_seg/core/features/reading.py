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
    Region = tuple[slice, ...]

_CROP: Final = 96
_N_CROPS: Final = 36
_WHOLE: Final = 2 * _N_CROPS * _CROP**2
"""Images of no more pixels are sampled whole: crops would show less than half of them,
and leave out tissue that is rare."""

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


def spread_crops(
    shape: tuple[int, int], *, n: int = _N_CROPS, edge: int = _CROP
) -> list[Region]:
    """Return up to `n` square crops, one at a random place in each cell of a grid.

    Random, as what an image shows may lie on a grid as well, such as the cores of a
    tissue microarray; but the same ones for each image of a shape.
    """
    height, width = shape
    most = [max(size // edge, 1) for size in shape]
    n_rows = min(max(round(math.sqrt(n * height / width)), 1), most[0], n)
    n_columns = min(n // n_rows, most[1])
    n_rows = min(n // n_columns, most[0])
    rng = np.random.default_rng(0)
    cuts = (
        np.linspace(0, size, k + 1)
        for size, k in zip(shape, (n_rows, n_columns), strict=True)
    )
    return [
        tuple(_somewhere(*span, edge, rng) for span in cell)
        for cell in product(*map(pairwise, cuts))
    ]


def _somewhere(low: float, high: float, edge: int, rng: np.random.Generator) -> slice:
    """Return a random span of a length, or what there is of it, between two places."""
    start = int(rng.uniform(low, max(high - edge, low)))
    return slice(start, min(start + edge, math.ceil(high)))


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

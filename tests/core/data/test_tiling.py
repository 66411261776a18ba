from __future__ import annotations

import numpy as np
import pytest

from napari_ood_seg.core.config import TileConfig
from napari_ood_seg.core.data.tiling import iter_tiles


@pytest.mark.parametrize("shape", [(1,), (7,), (5, 9), (3, 4, 5)], ids=str)
@pytest.mark.parametrize("size", [1, 3, 64])
def test_inner_parts_cover_the_image_exactly_once(
    shape: tuple[int, ...], size: int
) -> None:
    hits = np.zeros(shape, int)
    for tile in iter_tiles(shape, TileConfig(size=size, halo=2)):
        hits[tile.inner] += 1
    assert (hits == 1).all()


@pytest.mark.parametrize("halo", [0, 1, 5])
def test_crop_of_outer_is_inner(halo: int) -> None:
    image = np.arange(35).reshape(5, 7)
    for tile in iter_tiles(image.shape, TileConfig(size=3, halo=halo)):
        np.testing.assert_array_equal(image[tile.outer][tile.crop], image[tile.inner])

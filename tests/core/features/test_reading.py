from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_ood_seg.core.config import TileConfig
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.data.tiling import iter_tiles
from napari_ood_seg.core.features.reading import (
    exposure_masks,
    read_region,
    sample_regions,
    sample_tiles,
)
from tests.contracts.scenes import CPU, exposed_badly


def test_read_only_and_flipped_memory() -> None:
    array = np.random.default_rng(0).random((6, 8), np.float32)
    region = (slice(1, 5), slice(0, 8))
    flipped = read_region(
        ImageSource.from_array(array[::-1, ::-1]), region, plane=(), device=CPU
    )
    np.testing.assert_array_equal(flipped[0], array[::-1, ::-1][1:5])
    array.flags.writeable = False
    read = read_region(ImageSource.from_array(array), region, plane=(), device=CPU)
    np.testing.assert_array_equal(read[0], array[1:5])


@pytest.mark.parametrize(
    ("n_tiles", "n"), [(1, 16), (5, 16), (16, 16), (17, 16), (1000, 16)]
)
def test_sampled_tiles_are_spread(n_tiles: int, n: int) -> None:
    tiles = tuple(iter_tiles((n_tiles,), TileConfig(size=1, halo=0)))
    chosen = list(sample_tiles(tiles, n))
    assert len(chosen) == len(set(chosen)) == min(n_tiles, n)
    assert chosen[0] == 0
    assert max(np.diff([*chosen, n_tiles])) <= -(-n_tiles // n) + 1


@pytest.mark.parametrize("shape", [(30, 40), (1030, 700)], ids=["small", "large"])
def test_sample_regions_are_the_same_each_time(
    shape: tuple[int, int], rng: np.random.Generator
) -> None:
    image = rng.random(shape, np.float32)
    regions = sample_regions(ImageSource.from_array(image), device=CPU)
    first, second = list(regions()), list(regions())
    assert len(first) == (1 if shape == (30, 40) else 9)
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a, b)
    if len(first) == 1:
        np.testing.assert_array_equal(first[0][0], image)


def test_masks_of_an_image() -> None:
    source, bad = exposed_badly()
    glare, dark = exposure_masks(source, device=CPU)
    np.testing.assert_array_equal((glare | dark).numpy(), bad)
    assert dark.nonzero().tolist() == [[40, 50]]

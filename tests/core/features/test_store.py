from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_ood_seg.core.config import FilterConfig, TileConfig
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.data.tiling import iter_tiles
from napari_ood_seg.core.features.descriptor import Descriptor
from napari_ood_seg.core.features.store import (
    FeatureStore,
    read_region,
    sample_regions,
    sample_tiles,
)
from tests.contracts.scenes import CPU, SHAPE, three_textures

if TYPE_CHECKING:
    from torch import Tensor

CONFIG = FilterConfig(sigmas=(1.0, 4.0), n_features=6)


@pytest.fixture(scope="module")
def source() -> ImageSource:
    return ImageSource.from_array(three_textures())


@pytest.fixture(scope="module")
def descriptor(source: ImageSource) -> Descriptor:
    return Descriptor.fit(CONFIG, sample_regions(source, device=CPU))


@pytest.fixture(scope="module")
def whole(source: ImageSource, descriptor: Descriptor) -> Tensor:
    region = (slice(0, SHAPE[0]), slice(0, SHAPE[1]))
    return descriptor(read_region(source, region, plane=(), device=CPU))


@pytest.mark.parametrize("size", [8, 20, 32, 33, 64, 512])
def test_tiles_equal_the_whole(
    source: ImageSource, descriptor: Descriptor, whole: Tensor, size: int
) -> None:
    """Also where the size is no multiple of the coarsest scale."""
    store = FeatureStore(source, descriptor, device=CPU, size=size)
    hits = np.zeros(SHAPE, int)
    for i, tile in enumerate(store.tiles):
        hits[tile.inner] += 1
        torch.testing.assert_close(
            store.tile((), i), whole[(slice(None), *tile.inner)], rtol=1e-4, atol=1e-4
        )
    assert (hits == 1).all()


@pytest.mark.parametrize("size", [16, 20, 512])
def test_rows_are_the_features_at_the_pixels(
    source: ImageSource,
    descriptor: Descriptor,
    whole: Tensor,
    size: int,
    rng: np.random.Generator,
) -> None:
    store = FeatureStore(source, descriptor, device=CPU, size=size)
    corners = np.array([[0, 0], [63, 95], [0, 95], [63, 0], [15, 16], [16, 15]])
    coords = np.vstack([corners, rng.integers(0, SHAPE, (50, 2))]).astype(np.int32)
    expected = whole[:, coords[:, 0], coords[:, 1]].T
    torch.testing.assert_close(store.rows((), coords), expected, rtol=1e-4, atol=1e-4)
    none = np.zeros((0, 2), np.int32)
    assert store.rows((), none).shape == (0, 6)


def test_a_tile_is_computed_once_and_the_oldest_is_dropped(
    source: ImageSource, descriptor: Descriptor
) -> None:
    tile_bytes = 6 * 16 * 16 * 4
    store = FeatureStore(source, descriptor, device=CPU, size=16, budget=2 * tile_bytes)
    first, second = store.tile((), 0), store.tile((), 1)
    assert store.tile((), 0) is first  # now 1 is the oldest
    store.tile((), 2)
    assert store.n_bytes == 2 * tile_bytes
    assert store.tile((), 0) is first
    again = store.tile((), 1)
    assert again is not second
    assert torch.equal(again, second)


def test_a_tile_beyond_the_budget_is_kept_alone(
    source: ImageSource, descriptor: Descriptor
) -> None:
    store = FeatureStore(source, descriptor, device=CPU, size=16, budget=1)
    kept = store.tile((), 3)
    assert store.tile((), 3) is kept
    store.tile((), 4)
    assert store.n_bytes == kept.nelement() * 4


def test_planes_are_kept_apart() -> None:
    stack = np.stack([three_textures(seed=i)[..., 0] for i in range(2)])
    source = ImageSource.from_array(stack, axes="ZYX")
    descriptor = Descriptor.fit(CONFIG, sample_regions(source, device=CPU))
    store = FeatureStore(source, descriptor, device=CPU)
    assert not torch.equal(store.tile((0,), 0), store.tile((1,), 0))
    alone = FeatureStore(
        ImageSource.from_array(stack[1], axes="YX"), descriptor, device=CPU
    )
    assert torch.equal(store.tile((1,), 0), alone.tile((), 0))


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
    assert len(first) == (1 if shape == (30, 40) else 16)
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a, b)
    if len(first) == 1:
        np.testing.assert_array_equal(first[0][0], image)

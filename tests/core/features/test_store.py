from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_ood_seg.core.config import FilterConfig
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.features.backbone_files import load_backbone
from napari_ood_seg.core.features.descriptor import Descriptor
from napari_ood_seg.core.features.reading import read_region, sample_regions
from napari_ood_seg.core.features.store import FeatureStore, tile_edge
from tests.contracts.scenes import CPU, SHAPE, exposed_badly, three_textures
from tests.core.features import backbones

if TYPE_CHECKING:
    from pathlib import Path

    from torch import Tensor

CONFIG = FilterConfig(sigmas=(1.0, 4.0), n_features=6)


@pytest.fixture(scope="module")
def source() -> ImageSource:
    return ImageSource.from_array(three_textures())


@pytest.fixture(scope="module")
def descriptor(source: ImageSource) -> Descriptor:
    return Descriptor.fit(CONFIG, sample_regions(source, device=CPU))


@pytest.fixture(scope="module")
def whole(source: ImageSource, descriptor: Descriptor) -> tuple[Tensor, ...]:
    region = (slice(0, SHAPE[0]), slice(0, SHAPE[1]))
    return descriptor(read_region(source, region, plane=(), device=CPU))


@pytest.mark.parametrize("margin", [0, 3, 16])
@pytest.mark.parametrize("size", [8, 20, 32, 33, 64, 512])
def test_tiles_equal_the_whole(
    source: ImageSource,
    descriptor: Descriptor,
    whole: tuple[Tensor, ...],
    size: int,
    margin: int,
) -> None:
    """Also where size or margin is no multiple of the coarsest scale."""
    store = FeatureStore(source, descriptor, device=CPU, size=size, margin=margin)
    hits = np.zeros(SHAPE, int)
    for i, tile in enumerate(store.tiles):
        found = store.tile((), i)
        hits[tile.inner] += 1
        for axis in (0, 1):
            start = found.origin[axis] + found.crop[axis].start
            assert start == tile.inner[axis].start
            assert found.origin[axis] + found.crop[axis].stop == tile.inner[axis].stop
            stop = min(tile.inner[axis].stop + margin, SHAPE[axis])
            assert found.origin[axis] <= max(tile.inner[axis].start - margin, 0)
            assert found.origin[axis] + found.size[axis] >= stop
        for z, expected, f in zip(found.levels, whole, store.factors, strict=True):
            h, w = (-(-n // f) for n in found.size)
            top, left = (n // f for n in found.origin)
            torch.testing.assert_close(
                z, expected[:, top : top + h, left : left + w], rtol=1e-4, atol=1e-4
            )
    assert (hits == 1).all()


@pytest.mark.parametrize("margin", [0, 8])
@pytest.mark.parametrize("size", [16, 20, 512])
def test_rows_are_the_features_at_the_cells(
    source: ImageSource,
    descriptor: Descriptor,
    whole: tuple[Tensor, ...],
    size: int,
    margin: int,
) -> None:
    store = FeatureStore(source, descriptor, device=CPU, size=size, margin=margin)
    for level, expected in enumerate(whole):
        h, w = expected.shape[1:]
        cells = torch.cartesian_prod(torch.arange(h), torch.arange(w)).flip(0)
        torch.testing.assert_close(
            store.rows((), level, cells),
            expected[:, cells[:, 0], cells[:, 1]].T,
            rtol=1e-4,
            atol=1e-4,
        )
        assert store.rows((), level, cells[:0]).shape == (0, 6)


def test_a_tile_is_computed_once_and_the_oldest_is_dropped(
    source: ImageSource, descriptor: Descriptor
) -> None:
    tile_bytes = (6 * (16 * 16 + 8 * 8) + 16 * 16) * 4  # two levels and the guide
    store = FeatureStore(source, descriptor, device=CPU, size=16, budget=2 * tile_bytes)
    first, second = store.tile((), 0), store.tile((), 1)
    assert store.tile((), 0) is first  # now 1 is the oldest
    store.tile((), 2)
    assert store.n_bytes == 2 * tile_bytes
    assert store.tile((), 0) is first
    again = store.tile((), 1)
    assert again is not second
    for a, b in zip(again.levels, second.levels, strict=True):
        assert torch.equal(a, b)


def test_a_tile_beyond_the_budget_is_kept_alone(
    source: ImageSource, descriptor: Descriptor
) -> None:
    store = FeatureStore(source, descriptor, device=CPU, size=16, budget=1)
    kept = store.tile((), 3)
    assert store.tile((), 3) is kept
    store.tile((), 4)
    assert store.n_bytes == kept.n_bytes


def test_planes_are_kept_apart() -> None:
    stack = np.stack([three_textures(seed=i)[..., 0] for i in range(2)])
    source = ImageSource.from_array(stack, axes="ZYX")
    descriptor = Descriptor.fit(CONFIG, sample_regions(source, device=CPU))
    store = FeatureStore(source, descriptor, device=CPU)
    second = ImageSource.from_array(stack[1], axes="YX")
    alone = FeatureStore(second, descriptor, device=CPU)
    for level in range(2):
        other = store.tile((1,), 0).levels[level]
        assert not torch.equal(store.tile((0,), 0).levels[level], other)
        assert torch.equal(other, alone.tile((), 0).levels[level])


def test_pixels_that_are_not_finite_are_marked(descriptor: Descriptor) -> None:
    image = three_textures()
    image[3, 20, 1], image[40, 90] = np.nan, np.inf
    store = FeatureStore(
        ImageSource.from_array(image), descriptor, device=CPU, size=32, margin=8
    )
    marks = np.zeros(SHAPE, bool)
    for i, tile in enumerate(store.tiles):
        invalid = store.tile((), i).invalid
        if invalid is not None:
            marks[tile.inner] = invalid.numpy()
        else:
            assert np.isfinite(image[tile.inner]).all()
    np.testing.assert_array_equal(marks, ~np.isfinite(image).all(2))


@pytest.mark.parametrize("kind", ["dinov2", "convnext"])
def test_tiles_equal_the_whole_with_an_encoder_that_sees_windows(
    kind: str, tmp_path: Path, rng: np.random.Generator
) -> None:
    backbones.save(kind, tmp_path)
    coarse = np.kron(rng.uniform(size=(16, 14, 3)), np.ones((40, 40, 1)))
    pixels = (coarse + 0.1 * rng.normal(size=coarse.shape))[:601, :523]
    source = ImageSource.from_array(pixels.astype(np.float32))
    descriptor = Descriptor.fit(
        CONFIG,
        sample_regions(source, device=CPU),
        encoder=load_backbone(tmp_path, name=kind),
    )
    region = (slice(0, 601), slice(0, 523))
    whole = descriptor(read_region(source, region, plane=(), device=CPU))
    store = FeatureStore(source, descriptor, device=CPU, size=96, margin=16)
    for i in range(0, len(store.tiles), 5):
        tile = store.tile((), i)
        top, left = tile.origin
        for z, all_of_it, f in zip(tile.levels, whole, store.factors, strict=True):
            rows, columns = z.shape[1:]
            there = all_of_it[:, top // f :, left // f :][:, :rows, :columns]
            torch.testing.assert_close(z, there, rtol=0, atol=2e-4)


@pytest.mark.parametrize("size", [16, 64])
def test_badly_exposed_pixels_are_invalid_where_that_is_asked_for(size: int) -> None:
    source, bad = exposed_badly()
    regions = sample_regions(source, device=CPU)
    pixels = torch.cartesian_prod(torch.arange(SHAPE[0]), torch.arange(SHAPE[1]))
    for wanted in (False, True):
        config = FilterConfig(sigmas=(1.0, 4.0), exposed_only=wanted)
        store = FeatureStore(
            source, Descriptor.fit(config, regions), device=CPU, size=size, margin=4
        )
        found = store.usable((), pixels).view(SHAPE).numpy()
        np.testing.assert_array_equal(found, ~bad if wanted else np.ones(SHAPE, bool))
        adapted = store.descriptor.adapted(regions)
        assert adapted.exposure == store.descriptor.exposure


def test_valid_features_are_those_of_the_blocks_that_are_mostly_usable() -> None:
    source, bad = exposed_badly()
    config = FilterConfig(sigmas=(1.0, 4.0), exposed_only=True)
    descriptor = Descriptor.fit(config, sample_regions(source, device=CPU))
    store = FeatureStore(source, descriptor, device=CPU, size=32, margin=4)
    for index, tile in enumerate(store.tiles):
        inner = store.tile((), index)
        mine = bad[tile.inner]
        for z, level, f in zip(inner.valid(), inner.levels, inner.factors, strict=True):
            rows, columns = (slice(s.start // f, -(-s.stop // f)) for s in inner.crop)
            h, w = mine.shape
            blocks = mine.reshape(h // f, f, w // f, f).mean((1, 3))
            if not mine.any():  # with context, as ever
                torch.testing.assert_close(z, level.flatten(1))
            else:
                expected = level[:, rows, columns][:, torch.from_numpy(blocks <= 0.5)]
                torch.testing.assert_close(z, expected)


@pytest.mark.parametrize(
    ("shape", "edge"),
    [
        ((480, 512), 512),
        ((480, 640), 640),
        ((600, 500), 608),
        ((768, 768), 768),
        ((480, 769), 512),
    ],
)
def test_an_image_little_larger_than_a_tile_is_one(
    shape: tuple[int, int], edge: int
) -> None:
    image = ImageSource.from_array(np.zeros(shape, np.uint8))
    assert tile_edge(image, 512) == edge


def test_a_tile_that_was_used_lately_stays(
    source: ImageSource, descriptor: Descriptor
) -> None:
    store = FeatureStore(source, descriptor, device=CPU, size=16)
    first, second = store.tile((), 0), store.tile((), 1)
    assert store.tile((), 0) is first
    store.budget = second.n_bytes
    store.tile((), 2)
    assert not store.has((), 0)
    assert store.has((), 2)

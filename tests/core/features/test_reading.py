from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.features.reading import (
    exposure_masks,
    read_region,
    sample_regions,
    spread_crops,
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
    "shape",
    [(820, 820), (1728, 1728), (700, 2000), (64, 9000), (9000, 90), (90_000, 90_000)],
    ids=str,
)
def test_crops_lie_all_over_an_image(shape: tuple[int, int]) -> None:
    """Also where nine divides the tiles of a row: once all were on the left."""
    crops = spread_crops(shape)
    assert crops == spread_crops(shape)
    assert len({(rows.start, columns.start) for rows, columns in crops}) == len(crops)
    assert 33 <= len(crops) <= 36
    for axis, n in enumerate(shape):
        spans = [crop[axis] for crop in crops]
        assert all(0 <= s.start < s.stop <= n for s in spans)
        assert {s.stop - s.start for s in spans} <= {64, 90, 96}
        if n >= 5 * 192:  # some in each fifth, about as many in each half
            middles = np.array([(s.start + s.stop) / 2 / n for s in spans])
            assert (np.histogram(middles, 5, (0, 1))[0] > 0).all()
            assert 0.3 < (middles < 0.5).mean() < 0.7


@pytest.mark.parametrize("shape", [(30, 40), (800, 800), (1030, 700)], ids=str)
def test_sample_regions_are_the_same_each_time(
    shape: tuple[int, int], rng: np.random.Generator
) -> None:
    image = rng.random(shape, np.float32)
    source = ImageSource.from_array(image)
    first, second = (sample_regions(source, device=CPU)() for _ in range(2))
    assert len(first) == (35 if shape == (1030, 700) else 1)
    for a, b in zip(first, second, strict=True):
        assert torch.equal(a, b)
    if len(first) == 1:
        np.testing.assert_array_equal(first[0][0], image)


def test_masks_of_an_image() -> None:
    source, bad = exposed_badly()
    glare, dark = exposure_masks(source, device=CPU)
    np.testing.assert_array_equal((glare | dark).numpy(), bad)
    assert dark.nonzero().tolist() == [[40, 50]]

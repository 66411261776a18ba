from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy import ndimage as ndi

from napari_ood_seg.core.features.pyramid import Footprint, merge, reach, thinned

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

SIZES = [(37, 50), (16, 16), (3, 5), (1, 9), (1, 1)]
FACTORS = (1, 1, 2, 4, 8)


def maps(
    size: tuple[int, int], factors: tuple[int, ...], k: int = 2
) -> list[torch.Tensor]:
    rng = np.random.default_rng(0)
    shapes = [(k, -(-size[0] // f), -(-size[1] // f)) for f in factors]
    return [torch.from_numpy(rng.normal(size=s)) for s in shapes]


def bilinear(x: Floats, factor: int, size: tuple[int, int]) -> Floats:
    """Sample `x` at the pixel centres, beyond the outermost centres as there."""
    at = [(np.arange(n) + 0.5) / factor - 0.5 for n in size]
    grid = np.meshgrid(*at, indexing="ij")
    out: Floats = ndi.map_coordinates(x, grid, order=1, mode="nearest")
    return out


@pytest.mark.parametrize("smoothing", [0.0, 0.7, 2.0])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_merge_equals_scipy(size: tuple[int, int], smoothing: float) -> None:
    levels = maps(size, FACTORS)
    got = merge(levels, FACTORS, size, smoothing=smoothing)
    for i in range(2):
        enlarged = [
            bilinear(m[i].numpy(), f, size)
            for m, f in zip(levels, FACTORS, strict=True)
        ]
        expected = np.mean(enlarged, axis=0)
        if smoothing > 0:
            radius = max(1, int(np.ceil(3 * smoothing)))
            expected = ndi.gaussian_filter(
                expected, smoothing, mode="mirror", radius=radius
            )
        np.testing.assert_allclose(got[i], expected, atol=1e-6)


@pytest.mark.parametrize("smoothing", [0.0, 0.7, 2.0])
@pytest.mark.parametrize("factor", [1, 2, 8])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_footprint_equals_the_merged_map_at_every_pixel(
    size: tuple[int, int], factor: int, smoothing: float
) -> None:
    (level,) = maps(size, (factor,), k=1)
    whole = merge([level], (factor,), size, smoothing=smoothing)[0]
    pixels = torch.cartesian_prod(torch.arange(size[0]), torch.arange(size[1]))
    footprint = Footprint.of(pixels, size, factor, smoothing=smoothing)
    values = level[0, footprint.cells[:, 0], footprint.cells[:, 1]]
    torch.testing.assert_close(footprint(values), whole.flatten(), rtol=0, atol=1e-6)
    sums = footprint.weights.sum(1)
    torch.testing.assert_close(sums, torch.ones_like(sums))
    assert len(footprint.cells.unique(dim=0)) == len(footprint.cells)


def test_footprint_of_one_pixel_is_small() -> None:
    footprint = Footprint.of(torch.tensor([[20, 30]]), (64, 64), 8, smoothing=2.0)
    assert len(footprint.cells) <= 16


@pytest.mark.parametrize("smoothing", [0.0, 0.7, 2.0, 10.0])
@pytest.mark.parametrize("factors", [(1,), (1, 2, 8)])
def test_nothing_beyond_the_reach_matters(
    factors: tuple[int, ...], smoothing: float
) -> None:
    n = reach(factors, smoothing)
    assert all(n % f == 0 for f in factors)
    size = (1, 4 * n)
    levels = maps(size, factors, k=1)
    changed = [m.clone() for m in levels]
    for m, f in zip(changed, factors, strict=True):
        m[..., : n // f] += 5
    before = merge(levels, factors, size, smoothing=smoothing)[0, 0]
    after = merge(changed, factors, size, smoothing=smoothing)[0, 0]
    assert torch.equal(before[2 * n :], after[2 * n :])
    assert not torch.equal(before[: n + 1], after[: n + 1])


def test_constants_stay() -> None:
    levels = [torch.full_like(m, 3.0) for m in maps((9, 11), FACTORS)]
    merged = merge(levels, FACTORS, (9, 11), smoothing=2.0)
    torch.testing.assert_close(merged, torch.full_like(merged, 3.0))


@pytest.mark.parametrize("stride", [1, 2, 4, 8])
@pytest.mark.parametrize("factor", [1, 2, 4])
@pytest.mark.parametrize("size", [(16, 24), (13, 9), (1, 2)])
def test_thinned_takes_the_middle_of_every_stride(
    size: tuple[int, int], factor: int, stride: int
) -> None:
    cells = [-(-n // factor) for n in size]
    z = torch.arange(float(np.prod(cells))).reshape(1, *cells)
    found = thinned(z, factor, size, stride)
    if factor >= stride:
        assert found is z
        return
    index = [
        np.minimum((np.arange(-(-n // stride)) * stride + stride // 2) // factor, m - 1)
        for n, m in zip(size, cells, strict=True)
    ]
    np.testing.assert_array_equal(found[0], z[0].numpy()[np.ix_(*index)])

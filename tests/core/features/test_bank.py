from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from scipy import ndimage as ndi
from skimage import feature

from napari_ood_seg.core.config import FILTER_KINDS, FilterConfig
from napari_ood_seg.core.features import filters
from napari_ood_seg.core.features.bank import FilterBank, scales

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

skimage_feature: Any = feature  # untyped
SIGMA = 2.0
INSIDE = (slice(20, 76), slice(20, 76))


def one(kind: str, x: Floats) -> Floats:
    """Return the features of one kind at `SIGMA`, `(n, h, w)`."""
    config = FilterConfig(sigmas=(SIGMA,), kinds=(kind,), halve_from=3.0)
    bank = FilterBank(config, len(x))
    (found,) = bank(torch.from_numpy(x))
    out: Floats = found.numpy()
    return out


def blur(x: Floats) -> Floats:
    """Blur along rows and columns with the kernel cut where ours is."""
    return np.stack([ndi.gaussian_filter(c, SIGMA, mode="mirror", radius=6) for c in x])


@pytest.fixture
def noise(rng: np.random.Generator) -> Floats:
    return rng.normal(size=(2, 33, 41))


@pytest.fixture
def waves() -> Floats:
    """Return a smooth image: derivative filters of any kind agree on it."""
    y, x = np.mgrid[0:96, 0:96] / 96
    out: Floats = np.sin(3 * y + 5 * x) + 2 * np.cos(4 * x - 2 * y) + 3 * x * y
    return out[None]


def test_colour_is_the_blurred_channels(noise: Floats) -> None:
    np.testing.assert_allclose(one("colour", noise), blur(noise), atol=1e-6)


def test_deviation_is_the_local_standard_deviation(noise: Floats) -> None:
    variance = blur(noise**2) - blur(noise) ** 2
    expected = np.log(np.sqrt(variance.clip(0)) + 0.01)
    np.testing.assert_allclose(one("deviation", noise), expected, atol=1e-5)


def test_gradient_is_of_the_first_channel(noise: Floats) -> None:
    first = blur(noise)[0]
    dy, dx = (
        ndi.correlate1d(first, [-0.5, 0, 0.5], axis=a, mode="mirror") for a in (0, 1)
    )
    expected = np.log(np.hypot(dy, dx) * SIGMA + 0.01)
    np.testing.assert_allclose(one("gradient", noise)[0], expected, atol=1e-5)


def test_hessian_equals_skimage_inside(waves: Floats) -> None:
    matrix = skimage_feature.hessian_matrix(
        waves[0],
        SIGMA,
        mode="mirror",
        order="rc",
        use_gaussian_derivatives=False,
    )
    values = (
        skimage_feature.hessian_matrix_eigvals(matrix) * SIGMA**2
    )  # the larger first
    got = one("hessian", waves)
    curvatures = np.sign(got) * got**2
    tolerance = 0.01 * np.abs(values).max()
    for i in range(2):
        np.testing.assert_allclose(
            curvatures[i][INSIDE], values[i][INSIDE], atol=tolerance
        )


def test_structure_equals_skimage_inside(waves: Floats) -> None:
    smooth = blur(waves)[0]
    matrix = skimage_feature.structure_tensor(smooth, SIGMA, mode="mirror", order="rc")
    ramp = skimage_feature.structure_tensor(
        np.mgrid[0:21, 0:21][0] * 1.0, SIGMA, order="rc"
    )[0][10, 10]
    values = (
        skimage_feature.structure_tensor_eigenvalues(matrix) / ramp
    )  # of unit slope: 1
    expected = np.log(np.sqrt(values.clip(0)) * SIGMA + 0.01)
    got = one("structure", waves)
    for i in range(2):
        np.testing.assert_allclose(got[i][INSIDE], expected[i][INSIDE], atol=0.02)


def test_structure_of_an_edge_has_one_direction() -> None:
    edge = np.repeat([0.0, 1.0], 20)[None, None, :].repeat(40, 1)
    large, small = one("structure", edge)
    assert large[20, 20] > small[20, 20] + 1
    assert small[20, 20] == pytest.approx(np.log(0.01), abs=1e-3)


@pytest.mark.parametrize("kinds", [FILTER_KINDS, ("hessian",), ("colour", "structure")])
@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("sigmas", [(1.0,), (0.7, 3.0, 12.0)])
def test_number_of_features(
    kinds: tuple[str, ...], n_channels: int, sigmas: tuple[float, ...]
) -> None:
    bank = FilterBank(FilterConfig(sigmas=sigmas, kinds=kinds), n_channels)
    found = bank(torch.rand(n_channels, 9, 13))
    assert len(found) == len(bank.factors) == len(sigmas)
    for z, f in zip(found, bank.factors, strict=True):
        assert z.shape == (bank.n_features, -(-9 // f), -(-13 // f))


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 2), (3, 5)], ids=str)
def test_tiny_images_have_finite_features(size: tuple[int, int]) -> None:
    bank = FilterBank(FilterConfig(), 1)
    assert all(torch.isfinite(z).all() for z in bank(torch.rand(1, *size)))


@pytest.mark.parametrize("halve_from", [2.0, 3.0])
def test_scales_have_the_right_blur(halve_from: float) -> None:
    sigmas = (1.0, 1.9, 2.0, 2.9, 3.0, 16.0, 100.0)
    for sigma, scale in zip(sigmas, scales(sigmas, halve_from), strict=True):
        assert scale.sigma * scale.factor == pytest.approx(sigma)
        assert scale.sigma < halve_from
        assert scale.factor == 1 or scale.sigma >= halve_from / 2


@pytest.mark.parametrize("sigma", [4.0, 8.0])
def test_coarse_scales_are_nearly_the_fine_blur(
    sigma: float, rng: np.random.Generator
) -> None:
    """And not shifted, not even by two pixels."""
    x = rng.normal(size=(1, 256, 256))
    bank = FilterBank(FilterConfig(sigmas=(sigma,), kinds=("colour",)), 1)
    assert bank.stride > 1
    (coarse,) = bank(torch.from_numpy(x))
    got = filters.enlarge(coarse, bank.stride, (256, 256))[0].numpy()
    blurred = ndi.gaussian_filter(x[0], sigma, mode="mirror")[32:-32, 32:-32].ravel()

    def likeness(shift: int) -> float:
        part = got[32:-32, 32 + shift : 256 - 32 + shift].ravel()
        return float(np.corrcoef(part, blurred)[0, 1])

    assert likeness(0) > 0.95
    assert likeness(0) > max(likeness(-2), likeness(2))


BANKS = [(1.0,), (2.0, 4.0), (1.0, 2.0, 4.0, 8.0, 16.0)]


@pytest.mark.parametrize("sigmas", BANKS, ids=str)
def test_tiles_with_halo_equal_the_whole(sigmas: tuple[float, ...]) -> None:
    bank = FilterBank(FilterConfig(sigmas=sigmas), 2)
    size, halo = 4 * bank.stride, bank.halo
    h, w = 2 * halo + size + 5, halo + 2 * size + 3
    x = torch.rand(2, h, w, generator=torch.Generator().manual_seed(1))
    whole = bank(x)
    places = list(product(range(0, h, size), range(0, w, size)))
    for top, left in places[:: max(1, len(places) // 12)]:
        t, le = max(top - halo, 0), max(left - halo, 0)
        parts = bank(x[:, t : top + size + halo, le : left + size + halo])
        for part, expected, f in zip(parts, whole, bank.factors, strict=True):
            rows = slice(top // f, (top + size) // f)
            columns = slice(left // f, (left + size) // f)
            n_rows, n_columns = expected[0, rows, columns].shape
            got = part[:, (top - t) // f :, (left - le) // f :]
            torch.testing.assert_close(
                got[:, :n_rows, :n_columns],
                expected[:, rows, columns],
                rtol=1e-5,
                atol=1e-5,
            )


@pytest.mark.parametrize("sigmas", BANKS, ids=str)
def test_nothing_beyond_the_halo_changes_a_feature(sigmas: tuple[float, ...]) -> None:
    bank = FilterBank(FilterConfig(sigmas=sigmas), 1)
    n = 2 * bank.halo + bank.stride + 2
    x = torch.rand(1, 9, n, generator=torch.Generator().manual_seed(1))
    changed = x.clone()
    changed[..., 0] += 5
    reaches = []
    for before, after, f in zip(bank(x), bank(changed), bank.factors, strict=True):
        differs = (before != after).any(0).any(0)
        reaches.append(int(torch.nonzero(differs).max()) * f)
    assert 0 < max(reaches) < bank.halo


def test_rotating_the_image_rotates_the_features(noise: Floats) -> None:
    """At the finest level nothing depends on the direction."""
    bank = FilterBank(FilterConfig(sigmas=(1.0, 2.0), halve_from=3.0), 2)
    x = torch.from_numpy(noise).float()
    for turned, plain in zip(bank(x.rot90(1, (1, 2))), bank(x), strict=True):
        torch.testing.assert_close(turned, plain.rot90(1, (1, 2)), rtol=1e-3, atol=1e-3)

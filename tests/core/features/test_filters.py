from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy import ndimage as ndi

from napari_ood_seg.core.features import filters

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

SIZES = [(40, 31), (5, 3), (1, 7), (7, 1), (1, 1), (2, 2)]
sizes = pytest.mark.parametrize("size", SIZES, ids=str)


def image(size: tuple[int, int], seed: int = 0) -> Floats:
    out: Floats = np.random.default_rng(seed).normal(size=size)
    return out


def tensor(x: Floats) -> torch.Tensor:
    return torch.from_numpy(x)[None]


@pytest.mark.parametrize("sigma", [0.4, 1.0, 2.7])
@sizes
def test_blur_equals_scipy(size: tuple[int, int], sigma: float) -> None:
    x = image(size)
    radius = filters.kernel_radius(sigma)
    expected = ndi.gaussian_filter(x, sigma, mode="mirror", radius=radius)
    np.testing.assert_allclose(
        filters.gaussian_blur(tensor(x), sigma)[0], expected, atol=1e-6
    )


def test_blur_keeps_channels_apart() -> None:
    x = torch.from_numpy(np.stack([image((9, 9), 1), image((9, 9), 2)]))
    both = filters.gaussian_blur(x, 1.0)
    for i in range(2):
        torch.testing.assert_close(
            both[i : i + 1], filters.gaussian_blur(x[i : i + 1], 1)
        )


@pytest.mark.parametrize("sigma", [0.3, 1.0, 5.0])
def test_kernel_is_normalised_symmetric_and_reaches_three_sigma(sigma: float) -> None:
    k = filters.gaussian_kernel(sigma)
    assert float(k.double().sum()) == pytest.approx(1, abs=1e-6)
    assert torch.equal(k, k.flip(0))
    assert len(k) == 2 * max(1, int(np.ceil(3 * sigma))) + 1


@pytest.mark.parametrize("radius", [0, 1, 2, 9])
@sizes
def test_padding_equals_numpy(size: tuple[int, int], radius: int) -> None:
    x = image(size)
    np.testing.assert_array_equal(
        filters.reflect_pad(tensor(x), radius)[0], np.pad(x, radius, mode="reflect")
    )


@sizes
def test_gradient_equals_scipy(size: tuple[int, int]) -> None:
    x = image(size)
    dy, dx = filters.gradient(tensor(x))
    for axis, got in enumerate((dy, dx)):
        expected = ndi.correlate1d(x, [-0.5, 0, 0.5], axis=axis, mode="mirror")
        np.testing.assert_allclose(got[0], expected, atol=1e-12)


@sizes
def test_hessian_equals_scipy(size: tuple[int, int]) -> None:
    x = image(size)
    yy, yx, xx = filters.hessian(tensor(x))

    def along(a: Floats, k: list[float], axis: int) -> Floats:
        out: Floats = ndi.correlate1d(a, k, axis=axis, mode="mirror")
        return out

    np.testing.assert_allclose(yy[0], along(x, [1, -2, 1], 0), atol=1e-12)
    np.testing.assert_allclose(xx[0], along(x, [1, -2, 1], 1), atol=1e-12)
    cross = along(along(x, [-0.5, 0, 0.5], 0), [-0.5, 0, 0.5], 1)
    np.testing.assert_allclose(yx[0], cross, atol=1e-12)


def test_eigenvalues_equal_numpy(rng: np.random.Generator) -> None:
    a, b, c = torch.from_numpy(rng.normal(size=(3, 50)))
    large, small = filters.symmetric_eigenvalues(a, b, c)
    matrices = torch.stack([torch.stack([a, b], 1), torch.stack([b, c], 1)], 1)
    expected = np.linalg.eigvalsh(matrices.numpy())
    np.testing.assert_allclose(small, expected[:, 0], atol=1e-12)
    np.testing.assert_allclose(large, expected[:, 1], atol=1e-12)


@pytest.mark.parametrize("size", [(8, 6), (7, 6), (8, 5), (1, 1), (3, 3)], ids=str)
def test_halve_is_the_block_mean(size: tuple[int, int]) -> None:
    x = image(size)
    h, w = size
    even = np.pad(x, ((0, h % 2), (0, w % 2)), mode="edge")
    expected = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2).mean((1, 3))
    np.testing.assert_allclose(filters.halve(tensor(x))[0], expected, atol=1e-12)


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
def test_enlarging_a_halved_ramp_gives_the_ramp(factor: int) -> None:
    """Pixel centres line up: no shift by half a pixel."""
    rows, columns = np.mgrid[0:61, 0:45]
    ramp = 0.5 * rows - 2.0 * columns
    small, left = tensor(ramp), factor
    while left > 1:
        small, left = filters.halve(small), left // 2
    big = filters.enlarge(small, factor, (61, 45))[0]
    assert big.shape == (61, 45)
    inside = (slice(factor, -2 * factor), slice(factor, -2 * factor))
    np.testing.assert_allclose(big[inside], ramp[inside], atol=1e-9)


def test_box_mean_equals_scipy(rng: np.random.Generator) -> None:
    x = rng.normal(size=(2, 13, 17)).astype(np.float32)
    expected = np.stack([ndi.uniform_filter(c, 5, mode="mirror") for c in x])
    found = filters.box_mean(torch.from_numpy(x), 2).numpy()
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_guided_filter_equals_a_line_fitted_in_every_square(
    rng: np.random.Generator,
) -> None:
    """The definition: per square a ridge line, then the mean of all lines."""
    x, guide = rng.normal(size=(2, 9, 8))
    radius, noise = 1, 0.5
    padded_x, padded_g = (np.pad(a, 2 * radius, mode="reflect") for a in (x, guide))
    h, w = x.shape
    lines = np.zeros((h + 2 * radius, w + 2 * radius, 2))
    for r in range(lines.shape[0]):
        for c in range(lines.shape[1]):
            square = np.s_[r : r + 2 * radius + 1, c : c + 2 * radius + 1]
            g, y = padded_g[square].ravel(), padded_x[square].ravel()
            a = np.cov(g, y, bias=True)[0, 1] / (g.var() + noise**2)
            lines[r, c] = a, y.mean() - a * g.mean()
    expected = np.zeros((h, w))
    for r in range(h):
        for c in range(w):
            a, b = lines[r : r + 2 * radius + 1, c : c + 2 * radius + 1].mean((0, 1))
            expected[r, c] = a * guide[r, c] + b
    found = filters.guided_filter(
        torch.from_numpy(x[None]), torch.from_numpy(guide[None]), radius, noise
    )
    np.testing.assert_allclose(found[0, 1:-1, 1:-1], expected[1:-1, 1:-1], atol=1e-10)


def test_guided_filter_keeps_an_edge_that_a_blur_would_not() -> None:
    step = torch.zeros(1, 20, 20)
    step[:, :, 10:] = 1.0
    guided = filters.guided_filter(step, 10 * step, 3, 0.3)
    blurred = filters.box_mean(step, 3)
    assert (guided - step).abs().max() < 0.01
    assert (blurred - step).abs().max() > 0.4

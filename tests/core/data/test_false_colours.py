from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy import linalg
from sklearn.decomposition import PCA

from napari_ood_seg.core.data.false_colours import (
    bands_picture,
    mnf_picture,
    nir_picture,
    noise_axes,
    pca_picture,
    principal_axes,
    stretched,
)
from napari_ood_seg.core.errors import ImageError
from tests.contracts.scenes import three_textures

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[Any]


def cube(n: int = 12) -> Floats:
    return three_textures(n, seed=0).transpose(2, 0, 1).astype(np.float64)


def test_principal_axes_are_those_of_a_second_implementation() -> None:
    x = cube()
    pca = PCA().fit(x.reshape(len(x), -1).T)
    for got, want in zip(principal_axes(x).T[:6], pca.components_, strict=False):
        np.testing.assert_allclose(got * np.sign(got @ want), want, atol=1e-6)


def test_noise_axes_solve_the_generalised_eigenproblem() -> None:
    x = cube()
    total = np.cov(x.reshape(len(x), -1), bias=True)
    steps = np.diff(x, axis=2).reshape(len(x), -1)
    noise = np.cov(steps, bias=True) / 2
    wanted = linalg.eigh(total, noise, eigvals_only=True)[::-1]
    axes = noise_axes(x)
    np.testing.assert_allclose(axes.T @ noise @ axes, np.eye(len(x)), atol=1e-8)
    np.testing.assert_allclose(axes.T @ total @ axes, np.diag(wanted), atol=1e-6)


def test_least_noise_finds_a_weak_signal_under_strong_noise() -> None:
    rng = np.random.default_rng(0)
    signal = np.sin(np.linspace(0, 6, 48))[None, :] * np.ones((40, 1))
    loud = 20 * rng.standard_normal((5, 40, 48))
    x = loud.copy()
    x[0] = signal + 0.1 * rng.standard_normal((40, 48))

    def likeness(picture: Floats) -> float:
        first = picture[..., 0].astype(float)
        return abs(float(np.corrcoef(first.ravel(), signal.ravel())[0, 1]))

    assert likeness(mnf_picture(x)) > 0.98
    assert likeness(pca_picture(x)) < 0.2


def test_a_stretch_ignores_what_is_not_finite_and_a_few_outliers() -> None:
    x = np.random.default_rng(0).random((1, 40, 50))
    low, high = np.quantile(np.delete(x.ravel(), [7, 8]), (0.01, 0.99))
    x[0, 0, 7:9] = np.nan, np.inf
    found = stretched(x)
    expected = 255 * ((x[0] - low) / (high - low)).clip(0, 1)
    expected[0, 7:9] = 0
    np.testing.assert_allclose(found[..., 0], expected, atol=0.51)
    x[0, 5, 5] = 1e9
    assert found.mean() == pytest.approx(stretched(x).mean(), abs=1)


def test_nothing_to_stretch_is_black() -> None:
    x = np.stack([np.full((4, 5), np.nan), np.full((4, 5), 3.0)])
    assert stretched(x).max() == 0


def test_three_bands_are_shown_in_the_order_asked_for() -> None:
    x = cube()
    np.testing.assert_array_equal(bands_picture(x, (5, 0, 5)), stretched(x[[5, 0, 5]]))
    for wrong in ((1, 2), (0, 1, 12), (-1, 0, 1)):
        with pytest.raises(ImageError, match="give three from 0 to 11"):
            bands_picture(x, wrong)


def test_near_infrared_shows_the_nearest_bands() -> None:
    x = cube()
    nm = tuple(600.0 + 30 * i for i in range(12))
    np.testing.assert_array_equal(nir_picture(x, nm), stretched(x[[8, 5, 2]]))
    with pytest.raises(ImageError, match="no band is near 850 and 750 nm"):
        nir_picture(x, tuple(400.0 + 20 * i for i in range(12)))


@pytest.mark.parametrize("make", [pca_picture, mnf_picture])
@pytest.mark.parametrize("n", [1, 2])
def test_fewer_channels_than_colours(make: Any, n: int) -> None:
    found = make(cube(n))
    assert found.shape == (64, 96, 3)
    np.testing.assert_array_equal(found[..., 2], found[..., n - 1])
    x = np.full((3, 4, 5), np.nan)
    with pytest.raises(ImageError, match="no two finite pixels"):
        make(x)

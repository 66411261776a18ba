from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
from scipy.signal import savgol_filter
from scipy.spatial import ConvexHull
from scipy.stats import zscore

from napari_ood_seg.core.features.spectral import (
    NORMALISATIONS,
    continuum_removed,
    derivative,
    l1,
    snv,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

savgol: Any = savgol_filter  # stubs without the keyword
FLOOR = 1e-9


def spectra(n_bands: int = 30, n: int = 40) -> torch.Tensor:
    rng = np.random.default_rng(0)
    smooth = np.cumsum(rng.normal(size=(n_bands, n)), axis=0)
    return torch.from_numpy(smooth - smooth.min(0) + 0.2)


def test_l1_is_division_by_the_sum() -> None:
    x = spectra()
    shares = x.numpy() / x.numpy().sum(0)
    np.testing.assert_allclose(l1(x).numpy(), shares * len(x))


def test_snv_is_the_z_score_of_a_spectrum() -> None:
    x = spectra()
    np.testing.assert_allclose(snv(x).numpy(), zscore(x.numpy(), axis=0, ddof=1))
    torch.testing.assert_close(snv(3 * x + 5), snv(x))


@pytest.mark.parametrize(("n_bands", "window"), [(30, 7), (30, 11), (7, 7), (9, 5)])
def test_derivative_is_that_of_scipy(n_bands: int, window: int) -> None:
    x = spectra(n_bands)
    expected = savgol(x.numpy(), window, 2, deriv=1, axis=0)
    np.testing.assert_allclose(derivative(x, window=window).numpy(), expected)


@pytest.mark.parametrize("n_bands", [2, 3, 4, 6, 50])
def test_derivative_of_a_line_is_its_slope(n_bands: int) -> None:
    line = 0.25 * torch.arange(n_bands, dtype=torch.float64)[:, None] + 3
    expected = torch.full_like(line, 0.25)
    torch.testing.assert_close(derivative(line), expected)


def hull_of_scipy(spectrum: Floats, at: Floats) -> Floats:
    """Return the continuum by Qhull: corners below the spectrum close the hull."""
    low = spectrum.min() - 1
    points = np.stack([at, spectrum], 1)
    closed = np.concatenate([points, [[at[0], low], [at[-1], low]]])
    corners = sorted(i for i in ConvexHull(closed).vertices if i < len(at))
    return np.interp(at, at[corners], spectrum[corners])


@pytest.mark.parametrize("even", [True, False], ids=["even", "uneven"])
def test_the_continuum_is_the_convex_hull(even: bool) -> None:
    x = spectra()
    steps = np.random.default_rng(1).uniform(1, 5, len(x))
    at = np.arange(30.0) if even else np.cumsum(steps)
    found = continuum_removed(x, positions=None if even else at.tolist()).numpy()
    for got, spectrum in zip(found.T, x.numpy().T, strict=True):
        np.testing.assert_allclose(got, spectrum / hull_of_scipy(spectrum, at))


def test_what_the_continuum_leaves() -> None:
    left = continuum_removed(spectra())
    assert left.max() <= 1 + 1e-12
    torch.testing.assert_close(left[[0, -1]], torch.ones_like(left[[0, -1]]))
    dip = torch.tensor([2.0, 2.0, 1.0, 2.0, 2.0])
    torch.testing.assert_close(continuum_removed(dip), dip / 2)
    bump = torch.tensor([1.0, 4.0, 1.0])
    torch.testing.assert_close(continuum_removed(bump), torch.ones(3))


def test_values_that_are_not_finite_do_not_stop_the_continuum() -> None:
    x = spectra(12, 5)
    clean = continuum_removed(x)
    x[4, 2] = torch.nan
    x[:, 3] = torch.inf
    found = continuum_removed(x)
    torch.testing.assert_close(found[:, [0, 1, 4]], clean[:, [0, 1, 4]])


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_pixel_by_pixel_is_the_same_as_all_at_once(name: str) -> None:
    x = spectra(n=60).view(30, 6, 10)
    whole = NORMALISATIONS[name](x, FLOOR)
    assert whole.shape == x.shape
    for i in range(6):
        torch.testing.assert_close(NORMALISATIONS[name](x[:, i], FLOOR), whole[:, i])
    alone = NORMALISATIONS[name](x[:, 2, 3], FLOOR)
    torch.testing.assert_close(alone, whole[:, 2, 3])


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_illumination_cancels_unless_nothing_is_done(name: str) -> None:
    x = spectra()
    shade = torch.linspace(0.5, 2, 40)
    same = torch.allclose(
        NORMALISATIONS[name](x * shade, FLOOR), NORMALISATIONS[name](x, FLOOR)
    )
    assert same == (name != "none")


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_darkness_is_finite(name: str) -> None:
    assert torch.isfinite(NORMALISATIONS[name](torch.zeros(9, 4), FLOOR)).all()

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial.distance import cdist
from sklearn.preprocessing import normalize

from napari_ood_seg.core.ood.functional import (
    inverse_factor,
    inverse_factors,
    squared_mahalanobis,
    unit,
)


def spd(d: int, rng: np.random.Generator) -> torch.Tensor:
    half = torch.from_numpy(rng.normal(size=(d, d + 2)))
    return half @ half.T + 0.1 * torch.eye(d)


def test_unit_equals_sklearn(rng: np.random.Generator) -> None:
    z = rng.normal(size=(20, 7))
    np.testing.assert_allclose(unit(torch.from_numpy(z)), normalize(z), rtol=1e-12)


def test_unit_of_zero_is_zero() -> None:
    assert torch.equal(unit(torch.zeros(2, 3)), torch.zeros(2, 3))


@pytest.mark.parametrize("d", [1, 5, 40])
def test_inverse_factor(d: int, rng: np.random.Generator) -> None:
    covariance = spd(d, rng)
    a = inverse_factor(covariance)
    torch.testing.assert_close(a.T @ a, torch.linalg.inv(covariance))


@pytest.mark.parametrize(
    "covariance",
    [torch.zeros(3, 3), torch.ones(3, 3), torch.diag(torch.tensor([1.0, 0, -1e-14]))],
    ids=["zero", "rank 1", "slightly negative"],
)
def test_inverse_factor_of_a_singular_matrix_is_finite(
    covariance: torch.Tensor,
) -> None:
    assert torch.isfinite(inverse_factor(covariance.double())).all()


@pytest.mark.parametrize("d", [1, 5, 40])
def test_squared_mahalanobis_equals_scipy(d: int, rng: np.random.Generator) -> None:
    z, means = rng.normal(size=(30, d)), rng.normal(3, 2, size=(4, d))
    covariances = [spd(d, rng) for _ in means]
    factors = torch.stack([inverse_factor(c) for c in covariances])
    got = squared_mahalanobis(torch.from_numpy(z), torch.from_numpy(means), factors)
    for i, inverse in enumerate(map(np.linalg.inv, covariances)):
        expected = cdist(z, means[i : i + 1], "mahalanobis", VI=inverse)[:, 0] ** 2
        np.testing.assert_allclose(got[:, i], expected, rtol=1e-9)


def test_distance_to_itself_is_not_negative(rng: np.random.Generator) -> None:
    z = torch.from_numpy(rng.normal(1e3, 1, size=(50, 8))).float()
    found = squared_mahalanobis(z, z, torch.eye(8).expand(50, -1, -1))
    assert (found >= 0).all()
    assert found.diagonal().max() < 1e-3


def test_inverse_factors_of_many_are_those_of_each() -> None:
    rng = np.random.default_rng(0)
    root = torch.from_numpy(rng.normal(size=(2, 3, 4, 4)))
    covariances = root @ root.mT
    found = inverse_factors(covariances)
    eye = torch.eye(4, dtype=torch.float64).expand(2, 3, 4, 4)
    torch.testing.assert_close(found.mT @ found @ covariances, eye)
    covariances[1, 2] = 0.0  # one that cannot be inverted spoils no other
    spoilt = inverse_factors(covariances)
    torch.testing.assert_close(spoilt[0], found[0])
    torch.testing.assert_close(spoilt[1, 2], inverse_factor(covariances[1, 2]))

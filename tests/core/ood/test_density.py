from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from scipy.stats import multivariate_normal
from sklearn.mixture import GaussianMixture as Peer

from napari_ood_seg.core.ood.density import (
    GaussianMixture,
    Mixture,
    Shape,
    first_shares,
    fit_mixture,
    log_density,
)
from tests.contracts.detector import draw, two_classes
from tests.core.ood.uneven import Floats, Scene, as_array

SHAPES: list[Shape] = ["diagonal", "tied"]


def peer_of(mixture: Mixture) -> Peer:
    """Return scikit-learn's mixture with the same parameters."""
    diagonal = mixture.roots.ndim == 2
    peer = Peer(len(mixture.means), covariance_type="diag" if diagonal else "full")
    peer.weights_ = np.exp(as_array(mixture.log_weights))
    peer.means_ = as_array(mixture.means)
    roots = as_array(mixture.roots)
    peer.precisions_cholesky_ = roots if diagonal else roots.transpose(0, 2, 1)
    return peer


def blobs(d: int = 3) -> torch.Tensor:
    parts = [
        draw(n, d, at=a, seed=n) * (1 + i)
        for i, (n, a) in enumerate(((150, -6.0), (250, 6.0)))
    ]
    return torch.cat(parts).double()


def fitted(
    z: torch.Tensor,
    n: int,
    shape: Shape,
    floor: float = 1e-6,
    iterations: int = 100,
) -> Mixture:
    start = first_shares(z, n, torch.Generator().manual_seed(0))
    return fit_mixture(z, start, shape, floor=floor, iterations=iterations)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("n", [1, 2, 4])
def test_density_equals_sklearn(n: int, shape: Shape) -> None:
    mixture = fitted(blobs(), n, shape)
    x = 4 * draw(60, 3, seed=5).double()
    expected = peer_of(mixture).score_samples(as_array(x))
    got = log_density(x, mixture).logsumexp(1)
    np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_one_component_is_the_maximum_likelihood(shape: Shape) -> None:
    z, x = blobs(), draw(20, 3, seed=7).double()
    covariance = np.cov(z.T.numpy(), bias=True)
    if shape == "diagonal":
        covariance = np.diag(np.diag(covariance))
    expected = multivariate_normal(z.mean(0).numpy(), covariance).logpdf(x.numpy())
    got = log_density(x, fitted(z, 1, shape, floor=0.0))[:, 0]
    np.testing.assert_allclose(got, expected, rtol=1e-6)


@pytest.mark.parametrize("shape", SHAPES)
def test_fit_is_as_likely_as_that_of_sklearn(shape: Shape) -> None:
    z = blobs()
    kind = "diag" if shape == "diagonal" else "tied"
    peer = Peer(2, covariance_type=kind, random_state=0, tol=1e-6, max_iter=500)
    best = peer.fit(z.numpy()).score(z.numpy())
    own = float(log_density(z, fitted(z, 2, shape)).logsumexp(1).mean())
    assert own == pytest.approx(best, abs=1e-3)


@pytest.mark.parametrize("shape", SHAPES)
def test_components_are_found(shape: Shape) -> None:
    mixture = fitted(blobs(), 2, shape)
    order = mixture.means[:, 0].argsort()
    np.testing.assert_allclose(
        mixture.log_weights[order].exp(), [0.375, 0.625], atol=1e-3
    )
    assert mixture.means[order[0], 0] == pytest.approx(-6, abs=0.5)
    assert mixture.means[order[1], 0] == pytest.approx(12, abs=0.5)


@pytest.mark.parametrize("shape", SHAPES)
def test_score_is_minus_the_mean_density_of_the_classes(shape: Shape) -> None:
    scene = Scene()
    detector = GaussianMixture(components=2, shape=shape).fit(scene.pixels)
    t = {k: v.double() for k, v in detector.tensors().items()}
    assert len(t["means"]) == 1 + 2 + 2  # 12 pixels are enough for one
    assert float(t["log_weights"].exp().sum()) == pytest.approx(1, abs=1e-5)
    classes: list[Floats] = []
    for rows in ([0], [1, 2], [3, 4]):
        part = Mixture(
            t["log_weights"][rows] + np.log(3), t["means"][rows], t["roots"][rows]
        )
        classes.append(peer_of(part).score_samples(scene.points))
    expected = -(logsumexp(classes, axis=0) - np.log(3))
    np.testing.assert_allclose(detector.score(scene.x), expected, rtol=1e-3, atol=1e-3)


def test_seed_decides_and_nothing_else() -> None:
    before = torch.get_rng_state()
    a = GaussianMixture(seed=1).fit(two_classes())
    b = GaussianMixture(seed=1).fit(two_classes())
    assert torch.equal(a.tensors()["means"], b.tensors()["means"])
    assert torch.equal(torch.get_rng_state(), before)


def test_likelihood_never_falls() -> None:
    """More rounds of expectation-maximisation are never worse."""
    z = draw(300, 4, seed=2).double()
    totals = []
    for rounds in range(1, 12):
        mixture = fitted(z, 3, "diagonal", floor=0.0, iterations=rounds)
        totals.append(float(log_density(z, mixture).logsumexp(1).mean()))
    assert (np.diff(totals) > -1e-9).all()

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize

from napari_ood_seg.core.ood.functional import guidance, neighbour_distances
from napari_ood_seg.core.ood.neighbours import (
    CombinedNeighbourPatterns,
    DeepNeighbourPatterns,
    NearestNeighbourGuidance,
)
from tests.contracts.detector import draw
from tests.core.ood.uneven import SIZES, Floats, Scene, as_array

SCENE = Scene()
X = SCENE.points


def nearest(x: Floats, bank: Floats, k: int) -> Floats:
    found, _ = (
        NearestNeighbors(n_neighbors=k, algorithm="kd_tree").fit(bank).kneighbors(x)
    )
    out: Floats = found
    return out


@pytest.mark.parametrize("k", [1, 3, 10])
def test_dnp_equals_sklearn(k: int) -> None:
    got = DeepNeighbourPatterns(k=k).fit(SCENE.pixels).score(SCENE.x)
    expected = nearest(X, SCENE.rows, k).mean(1)
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-3)


def test_dnp_of_a_bank_smaller_than_k_takes_all() -> None:
    got = neighbour_distances(SCENE.x, SCENE.x[:2], 9)
    assert got.shape == (50, 2)


def test_cdnp_is_the_sum_of_both_on_their_ranges() -> None:
    detector = CombinedNeighbourPatterns(head=SCENE.head).fit(SCENE.pixels)
    energies = -logsumexp(SCENE.logits(SCENE.rest), axis=1)
    span = energies.max() - energies.min()
    far = (
        nearest(X, SCENE.rows, 3).mean(1)
        / nearest(SCENE.rest, SCENE.rows, 3).mean(1).max()
    )
    own = (-logsumexp(SCENE.logits(X), axis=1) - energies.min()) / span
    np.testing.assert_allclose(detector.score(SCENE.x), far + own, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("k", [1, 10])
def test_nnguide_equals_loops(k: int) -> None:
    detector = NearestNeighbourGuidance(head=SCENE.head, k=k).fit(SCENE.pixels)
    bank, confident = normalize(SCENE.rows), logsumexp(SCENE.logits(SCENE.rows), axis=1)
    expected = []
    for z, f in zip(normalize(X), SCENE.logits(X), strict=True):
        products = sorted(confident[i] * (z @ bank[i]) for i in range(len(bank)))
        expected.append(-logsumexp(f) * np.mean(products[-k:]))
    np.testing.assert_allclose(detector.score(SCENE.x), expected, rtol=1e-3, atol=1e-3)


def test_guidance_ignores_length() -> None:
    z, bank = draw(20, 4), draw(30, 4, seed=1)
    torch.testing.assert_close(guidance(9 * z, bank, 3), guidance(z, bank, 3))


@pytest.mark.parametrize(
    "make", [DeepNeighbourPatterns, CombinedNeighbourPatterns, NearestNeighbourGuidance]
)
def test_bank_has_as_many_of_each_class(make: type[DeepNeighbourPatterns]) -> None:
    bank = make(per_class=20).fit(SCENE.pixels).tensors()["bank"]
    assert len(bank) == sum(min(n, 20) for n in SIZES)


def test_split_in_chunks_changes_nothing() -> None:
    x = draw(40_000, 2)
    bank = draw(10, 2, seed=2)
    torch.testing.assert_close(
        neighbour_distances(x, bank, 2)[20_000:20_020],
        neighbour_distances(x[20_000:20_020], bank, 2),
        rtol=1e-3,
        atol=1e-3,
    )
    assert as_array(guidance(x, bank, 2)).shape == (40_000,)

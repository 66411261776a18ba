from __future__ import annotations

import numpy as np
import torch

from napari_ood_seg.core.ood.distance import Mahalanobis, NearestNeighbour
from napari_ood_seg.core.ood.ensemble import Ensemble, standardisation
from tests.contracts.detector import draw, two_classes


def test_standardisation_weighs_classes_alike() -> None:
    a, b = draw(20, 2, at=1, seed=1), draw(900, 2, at=5, seed=2)
    centre, scale = standardisation([[a[:5], a[5:]], [b], []])
    x, y = a.double().numpy(), b.double().numpy()
    mean = (x.mean(0) + y.mean(0)) / 2
    spread = np.sqrt((((x - mean) ** 2).mean(0) + ((y - mean) ** 2).mean(0)) / 2)
    np.testing.assert_allclose(centre, mean, rtol=1e-6)
    np.testing.assert_allclose(scale, spread, rtol=1e-6)


def test_standardisation_of_equal_scores_is_finite() -> None:
    _, scale = standardisation([[torch.ones(4, 3)]])
    assert (scale > 0).all()


def made() -> Ensemble:
    pixels = two_classes()
    members = {
        "a": Mahalanobis().fit(pixels),
        "a/b": NearestNeighbour().fit(pixels),  # a name that contains the separator
    }
    return Ensemble(members, torch.tensor([1.0, -2.0]), torch.tensor([0.5, 4.0]))


def test_score_is_the_standardised_mean() -> None:
    ensemble, x = made(), draw(30, 6)
    first, second = (m.score(x) for m in ensemble.members.values())
    expected = ((first - 1) / 0.5 + (second + 2) / 4) / 2
    torch.testing.assert_close(ensemble.score(x), expected)
    assert ensemble.score(x).shape == (30,)


def test_round_trip() -> None:
    ensemble, x = made(), draw(30, 6)
    unfitted = {"a": Mahalanobis(), "a/b": NearestNeighbour()}
    again = Ensemble.restored(unfitted, ensemble.tensors())
    assert torch.equal(again.score(x), ensemble.score(x))

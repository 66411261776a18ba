from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_ood_seg.core.ood.distance import Mahalanobis, NearestNeighbour
from napari_ood_seg.core.ood.ensemble import Ensemble, select, standardisation
from tests.contracts.detector import draw, two_classes

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_ood_seg.core.ood.base import PixelDetector


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


MAKERS: dict[str, Callable[[], PixelDetector]] = {
    "a": Mahalanobis,
    "a/0": NearestNeighbour,  # a name that looks like a level of the other
}
LEVELS = [two_classes(), two_classes(apart=3.0)]


def made() -> Ensemble:
    ensemble = Ensemble.fit(MAKERS, LEVELS)
    ensemble.centre = torch.tensor([1.0, -2.0])
    ensemble.scale = torch.tensor([0.5, 4.0])
    return ensemble


def test_every_detector_is_fitted_to_every_scale() -> None:
    ensemble, x = made(), draw(30, 6)
    for level, pixels in enumerate(LEVELS):
        columns = [make().fit(pixels).score(x) for make in MAKERS.values()]
        assert torch.equal(ensemble.score_level(level, x), torch.stack(columns, 1))


def test_combined_is_the_standardised_mean() -> None:
    scores = draw(30, 2)
    first, second = scores.T
    expected = ((first - 1) / 0.5 + (second + 2) / 4) / 2
    torch.testing.assert_close(made().combine(scores), expected)
    maps = scores.reshape(5, 6, 2)
    assert torch.equal(made().combine(maps), made().combine(scores).reshape(5, 6))


def test_one_detector_alone_is_not_changed() -> None:
    scores = draw(30, 1)
    ensemble = Ensemble.fit({"a": Mahalanobis}, LEVELS)
    assert torch.equal(ensemble.combine(scores), scores[:, 0])


def test_round_trip() -> None:
    ensemble, x = made(), draw(30, 6)
    stored = {k: v.clone() for k, v in ensemble.tensors().items()}
    again = Ensemble.restored(MAKERS, 2, stored)
    for level in range(2):
        assert torch.equal(again.score_level(level, x), ensemble.score_level(level, x))
    assert torch.equal(again.combine(draw(9, 2)), ensemble.combine(draw(9, 2)))


def test_select_takes_the_start_away() -> None:
    tensors = {"a/x": torch.zeros(1), "b/x": torch.ones(1), "a": torch.ones(2)}
    assert list(select(tensors, "a/")) == ["x"]

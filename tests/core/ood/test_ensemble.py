from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_ood_seg.core.features.pyramid import Footprint
from napari_ood_seg.core.ood.distance import (
    Mahalanobis,
    MahalanobisPlusPlus,
    NearestNeighbour,
)
from napari_ood_seg.core.ood.ensemble import Ensemble, select, standardisation
from napari_ood_seg.core.ood.shaping import Scale
from tests.contracts.detector import draw, two_classes

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_ood_seg.core.ood.base import PixelDetector


def test_standardisation_weighs_classes_alike() -> None:
    a, b = draw(2, 20, at=1, seed=1), draw(2, 900, at=5, seed=2)
    centre, scale = standardisation([[a[:, :5], a[:, 5:]], [b], []])
    x, y = a.double().numpy(), b.double().numpy()
    mean = (x.mean(1) + y.mean(1)) / 2
    off = [((v - mean[:, None]) ** 2).mean(1) for v in (x, y)]
    np.testing.assert_allclose(centre, mean, rtol=1e-6)
    np.testing.assert_allclose(scale, np.sqrt(sum(off) / 2), rtol=1e-6)


def test_standardisation_of_equal_evidence_is_finite() -> None:
    _, scale = standardisation([[torch.ones(3, 4)]])
    assert (scale > 0).all()


MAKERS: dict[str, Callable[[], PixelDetector]] = {
    "a": MahalanobisPlusPlus,
    "a/0": NearestNeighbour,  # a name that looks like a level of the other
}
LEVELS = [two_classes(), two_classes(apart=3.0)]
K = 2


def made() -> Ensemble:
    ensemble = Ensemble.fit(
        MAKERS, LEVELS, shrinkage=0.1, distance=0.25, ambiguity=0.75
    )
    return replace(
        ensemble,
        centre=torch.tensor([1.0, -2.0, 0.5, 0.0]),
        scale=torch.tensor([0.5, 4.0, 2.0, 0.1]),
    )


def test_columns_are_distances_and_scores_of_every_scale() -> None:
    ensemble, x = made(), draw(30, 6)
    for level, pixels in enumerate(LEVELS):
        logs = Mahalanobis(shrinkage=0.1).fit(pixels).distances(x).log()
        own = MahalanobisPlusPlus().fit(pixels).distances(x).log()
        nearest = NearestNeighbour().fit(pixels).score(x)
        expected = torch.cat([logs, own, nearest[:, None]], 1)
        torch.testing.assert_close(ensemble.columns(level, x), expected)


def test_evidence_of_a_hand_made_pixel() -> None:
    """Distances to two classes, scores for two classes, one score."""
    columns = torch.tensor([3.0, 1.0, 5.0, 10.0, 20.0])
    evidence = made().evidence(columns[:, None])
    assert evidence[:, 0].tolist() == [5.0, 20.0, 1.0, -5.0]


def test_without_scores_for_classes_the_classifier_tells_what_is_ambiguous() -> None:
    ensemble = Ensemble.fit({"a": NearestNeighbour}, LEVELS)
    evidence = ensemble.evidence(torch.tensor([3.0, 1.0, 7.0])[:, None])
    assert evidence[:, 0].tolist() == [7.0, 1.0, -2.0]


def test_one_class_is_never_ambiguous() -> None:
    one = two_classes().without({2})
    ensemble = Ensemble.fit({"a": Mahalanobis}, [one], ambiguity=1.0)
    x = draw(7, 6)
    columns = ensemble.columns(0, x).T
    assert columns.shape == (2, 7)
    assert ensemble.evidence(columns)[2].tolist() == [0.0] * 7
    assert torch.equal(ensemble.score(columns), columns[1])


def test_combined_is_the_weighted_sum_of_standardised_evidence() -> None:
    evidence = draw(4, 30)
    a, b, distance, ambiguity = evidence
    expected = (
        0.5 * (a - 1) / 0.5
        + 0.5 * (b + 2) / 4
        + 0.25 * (distance - 0.5) / 2
        + 0.75 * ambiguity / 0.1
    )
    torch.testing.assert_close(made().combine(evidence), expected)
    maps = evidence.reshape(4, 5, 6)
    torch.testing.assert_close(made().combine(maps), expected.reshape(5, 6))


def test_columns_at_pixels_average_cells_then_scales() -> None:
    """What is averaged are distances and scores, not features."""
    ensemble = made()
    pixels = torch.tensor([[3, 4], [9, 9]])
    levels = [
        (
            f := Footprint.of(pixels, (20, 20), factor, smoothing=1.0),
            draw(len(f.cells), 6),
        )
        for factor in (1, 4)
    ]
    expected = torch.zeros(2 * K + 1, 2)
    for level, (footprint, z) in enumerate(levels):
        columns = ensemble.columns(level, z)
        for i in range(2):
            used = columns[footprint.index[i]] * footprint.weights[i][:, None]
            expected[:, i] += used.sum(0) / 2
    torch.testing.assert_close(
        ensemble.columns_at(levels), expected, rtol=1e-4, atol=1e-4
    )


def test_standardised_by_held_out_evidence() -> None:
    groups = [[draw(4, 9, seed=1)], [draw(4, 5, seed=2)]]
    ensemble = made().standardised(groups)
    centre, scale = standardisation(groups)
    assert torch.equal(ensemble.centre, centre)
    assert torch.equal(ensemble.scale, scale)
    assert torch.equal(ensemble.weights, made().weights)


def test_round_trip() -> None:
    ensemble, x = made(), draw(30, 6)
    stored = {k: v.clone() for k, v in ensemble.tensors().items()}
    again = Ensemble.restored(MAKERS, 2, stored)
    for level in range(2):
        assert torch.equal(again.columns(level, x), ensemble.columns(level, x))
    assert torch.equal(again.combine(draw(4, 9)), ensemble.combine(draw(4, 9)))


@pytest.mark.parametrize("negative", [True, False])
def test_a_detector_that_does_not_suit_the_features_is_told(negative: bool) -> None:
    pixels = two_classes()
    if not negative:
        strokes = tuple(replace(s, features=s.features.abs()) for s in pixels.strokes)
        pixels = replace(pixels, strokes=strokes, unlabelled=pixels.unlabelled.abs())
    ensemble = Ensemble.fit({"scale": Scale, "a": Mahalanobis}, [pixels])
    assert len(ensemble.remarks([pixels])) == negative
    assert all("SCALE" in r for r in ensemble.remarks([pixels]))


def test_select_takes_the_start_away() -> None:
    tensors = {"a/x": torch.zeros(1), "b/x": torch.ones(1), "a": torch.ones(2)}
    assert list(select(tensors, "a/")) == ["x"]


def test_roles_split_classes_from_score() -> None:
    """Each kind of column is the mean over the scales that count for it."""
    plain = made()
    own = plain.with_roles(torch.tensor([[2.0, 0.0], [0.0, 2.0]]))
    features = [draw(7, LEVELS[0].unlabelled.shape[1], seed=i) for i in range(2)]
    first, second = (plain.columns(level, z) for level, z in enumerate(features))
    mean = torch.stack(
        [own.columns(level, z) for level, z in enumerate(features)]
    ).mean(0)
    torch.testing.assert_close(mean[:, :K], first[:, :K])
    torch.testing.assert_close(mean[:, K : 2 * K], second[:, :K])
    torch.testing.assert_close(mean[:, 2 * K :], second[:, K:])
    torch.testing.assert_close(own.score(mean.T), plain.score(second.T))
    one = replace(own, members={"a": own.members["a"]}).evidence_without(
        0, mean.T[: 3 * K]
    )
    same = replace(plain, members={"a": plain.members["a"]}).evidence_without(
        0, second.T[: 2 * K]
    )
    torch.testing.assert_close(one, same)


def test_roles_are_kept_and_old_files_have_none() -> None:
    own = made().with_roles(torch.tensor([[1.5, 0.0], [0.5, 2.0]]))
    tensors = own.tensors()
    assert torch.equal(Ensemble.restored(MAKERS, 2, tensors).roles, own.roles)
    del tensors["roles"]
    assert torch.equal(Ensemble.restored(MAKERS, 2, tensors).roles, torch.ones(2, 2))

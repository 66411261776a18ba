from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from sklearn import metrics as sk

from napari_ood_seg.core.evaluation import metrics

IDS = [1, 2, 7, 255]


def draw(seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.choice(IDS, 500, p=[0.5, 0.3, 0.15, 0.05])
    return truth, np.where(rng.random(500) < 0.6, truth, rng.choice(IDS, 500))


@pytest.mark.parametrize("seed", range(3))
def test_against_scikit_learn(seed: int) -> None:
    truth, found = draw(seed)
    weights = np.random.default_rng(seed).random(500)
    matrix = metrics.confusion(truth, found, IDS)
    np.testing.assert_array_equal(matrix, sk.confusion_matrix(truth, found, labels=IDS))
    np.testing.assert_allclose(
        metrics.confusion(truth, found, IDS, weights),
        sk.confusion_matrix(truth, found, labels=IDS, sample_weight=weights),
    )
    scores = metrics.class_scores(matrix)
    per_class = {"average": None, "labels": IDS}
    np.testing.assert_allclose(scores.iou, sk.jaccard_score(truth, found, **per_class))
    np.testing.assert_allclose(scores.dice, sk.f1_score(truth, found, **per_class))
    np.testing.assert_allclose(
        scores.sensitivity, sk.recall_score(truth, found, **per_class)
    )
    others = [sk.recall_score(truth != i, found != i) for i in IDS]
    np.testing.assert_allclose(scores.specificity, others)
    expected = sk.balanced_accuracy_score(truth, found)
    assert metrics.balanced_accuracy(matrix) == pytest.approx(expected)
    expected = sk.jaccard_score(truth, found, average="macro", labels=IDS)
    assert metrics.mean_iou(matrix) == pytest.approx(expected)


def test_ids_in_any_order_and_images_of_any_shape() -> None:
    truth, found = draw(0)
    order = [255, 1, 7, 2]
    np.testing.assert_array_equal(
        metrics.confusion(truth.reshape(20, 25), found.reshape(20, 25), order),
        sk.confusion_matrix(truth, found, labels=order),
    )


@pytest.mark.parametrize("strange", [0, 3, 256])
def test_a_strange_value(strange: int) -> None:
    with pytest.raises(ValueError, match=f"value {strange} is none of"):
        metrics.confusion([1, strange], [1, 1], IDS)


def test_a_class_that_is_not_there_is_left_out() -> None:
    """It counts where it is found wrongly: against the classes that are there."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = metrics.class_scores([[2, 0, 2], [0, 4, 0], [0, 0, 0]])
        assert np.isnan(scores.iou[2])
        assert np.isnan(scores.dice[2])
        assert np.isnan(scores.sensitivity[2])
        assert scores.specificity[2] == 0.75
        assert metrics.mean_iou([[2, 0, 2], [0, 4, 0], [0, 0, 0]]) == 0.75
        assert math.isnan(metrics.mean_iou(np.zeros((2, 2))))
        assert np.isnan(metrics.class_scores([[3]]).specificity[0])


@pytest.mark.parametrize("seed", range(3))
def test_reliability_is_the_share_that_labels_keep(seed: int) -> None:
    rng = np.random.default_rng(seed)
    typicality = rng.integers(0, 101, 300).astype(np.float32) / 100
    weights = rng.random(300)
    curve = metrics.reliability_curve(typicality, weights)
    kept = [
        weights[typicality >= np.float32(1 - asked) - 1e-6].sum() / weights.sum()
        for asked in curve.x
    ]
    np.testing.assert_allclose(curve.y, kept, atol=1e-12)
    deviation = np.abs(curve.x - kept).max()
    assert metrics.max_deviation(curve) == pytest.approx(deviation)


def test_a_kept_promise_is_the_diagonal() -> None:
    curve = metrics.reliability_curve(np.random.default_rng(0).random(100_000))
    assert metrics.max_deviation(curve) < 0.01
    assert (curve.x[0], curve.x[-1], curve.y[-1]) == (0, 1, 1)


def test_no_pixel_promises_nothing() -> None:
    curve = metrics.reliability_curve([])
    assert len(curve.x) == 0
    assert math.isnan(metrics.max_deviation(curve))
    assert math.isnan(metrics.mean_of([]))

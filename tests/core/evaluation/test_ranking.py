from __future__ import annotations

import math
import warnings
from typing import TYPE_CHECKING

import numpy as np
import pytest
from sklearn import metrics as sk

from napari_ood_seg.core.evaluation import ranking
from napari_ood_seg.core.evaluation.ranking import Curve

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Data = tuple[Floats, npt.NDArray[np.bool_], Floats | None]


def draw(kind: str, seed: int = 0) -> Data:
    """Return random scores, kinds and weights; ``ties`` has 6 distinct scores."""
    rng = np.random.default_rng(seed)
    positive = rng.random(400) < 0.3
    scores = rng.normal(size=400) + positive
    if kind == "ties":
        scores = np.round(scores)
    weights = rng.random(400) + 0.01 if kind == "weights" else None
    return scores, positive, weights


KINDS = pytest.mark.parametrize("kind", ["plain", "ties", "weights"])
SEEDS = pytest.mark.parametrize("seed", range(3))


@KINDS
@SEEDS
class TestAgainstScikitLearn:
    def test_auroc(self, kind: str, seed: int) -> None:
        s, y, w = draw(kind, seed)
        expected = sk.roc_auc_score(y, s, sample_weight=w)
        assert ranking.auroc(s, y, w) == pytest.approx(expected, abs=1e-12)

    def test_average_precision(self, kind: str, seed: int) -> None:
        s, y, w = draw(kind, seed)
        expected = sk.average_precision_score(y, s, sample_weight=w)
        assert ranking.average_precision(s, y, w) == pytest.approx(expected, abs=1e-12)

    def test_fpr_at_tpr(self, kind: str, seed: int) -> None:
        s, y, w = draw(kind, seed)
        fpr, tpr, _ = sk.roc_curve(y, s, sample_weight=w, drop_intermediate=False)
        for wanted in (0.5, 0.8, 0.95):
            expected = fpr[np.argmax(tpr >= wanted)]
            found = ranking.fpr_at_tpr(s, y, w, tpr=wanted)
            assert found == pytest.approx(expected, abs=1e-12)

    def test_curves(self, kind: str, seed: int) -> None:
        s, y, w = draw(kind, seed)
        fpr, tpr, _ = sk.roc_curve(y, s, sample_weight=w, drop_intermediate=False)
        curve = ranking.roc_curve(s, y, w, n_points=1000)
        np.testing.assert_allclose(curve.x, fpr, atol=1e-12)
        np.testing.assert_allclose(curve.y, tpr, atol=1e-12)
        precision, recall, _ = sk.precision_recall_curve(y, s, sample_weight=w)
        best = {r: p for p, r in zip(precision, recall, strict=True) if r > 0}
        curve = ranking.pr_curve(s, y, w, n_points=1000)
        np.testing.assert_allclose(curve.x, sorted(best), atol=1e-12)
        np.testing.assert_allclose(curve.y, [best[r] for r in sorted(best)], atol=1e-12)


def test_all_scores_equal_is_guessing() -> None:
    s, y = np.zeros(10), np.arange(10) < 4
    assert ranking.auroc(s, y) == 0.5
    assert ranking.average_precision(s, y) == 0.4
    assert ranking.fpr_at_tpr(s, y) == 1.0


@KINDS
def test_permuting_pixels_changes_nothing(kind: str) -> None:
    s, y, w = draw(kind)
    p = np.random.default_rng(1).permutation(len(s))
    moved = (s[p], y[p], None if w is None else w[p])
    for measure in (ranking.auroc, ranking.average_precision, ranking.fpr_at_tpr):
        assert measure(*moved) == pytest.approx(measure(s, y, w), abs=1e-12)


def test_reversing_the_score_mirrors_the_auroc() -> None:
    s, y, w = draw("ties")
    assert ranking.auroc(-s, y, w) == pytest.approx(1 - ranking.auroc(s, y, w))


def test_whole_weights_are_repeats() -> None:
    s, y, _ = draw("ties")
    times = np.random.default_rng(2).integers(0, 4, len(s))
    again = (s.repeat(times), y.repeat(times))
    for measure in (ranking.auroc, ranking.average_precision, ranking.fpr_at_tpr):
        assert measure(s, y, times) == pytest.approx(measure(*again), abs=1e-12)


@pytest.mark.parametrize("positive", [[], [True, True], [False, False]], ids=str)
@pytest.mark.parametrize(
    "measure", [ranking.auroc, ranking.average_precision, ranking.fpr_at_tpr]
)
def test_one_kind_of_pixel_is_not_a_number(
    measure: Callable[..., float], positive: list[bool]
) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scores = np.arange(len(positive))
        assert math.isnan(measure(scores, positive))
        assert len(ranking.roc_curve(scores, positive).x) == 0
        assert len(ranking.pr_curve(scores, positive).x) == 0


def test_one_kind_without_weight_counts_as_missing() -> None:
    assert math.isnan(ranking.auroc([1.0, 0.0], [True, False], [1.0, 0.0]))


def test_infinite_scores_rank_first_and_last() -> None:
    assert ranking.auroc([np.inf, 0.0, -np.inf], [True, False, False]) == 1.0


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="not numbers"):
        ranking.auroc([np.nan, 1.0], [True, False])
    with pytest.raises(ValueError, match="got 2, 1 and 2"):
        ranking.auroc([0.0, 1.0], [True])


def test_share_above_a_threshold() -> None:
    s, y, w = [1.0, 2.0, 3.0, 9.0], [True, True, True, False], [1.0, 1.0, 2.0, 5.0]
    assert ranking.tpr_at_threshold(s, y, 2.0) == 1 / 3
    assert ranking.tpr_at_threshold(s, y, 2.0, w) == 0.5
    assert math.isnan(ranking.tpr_at_threshold(s, [False] * 4, 2.0))


def test_long_curves_are_thinned_and_keep_their_ends_and_area() -> None:
    rng = np.random.default_rng(0)
    y = rng.random(20_000) < 0.3
    s = rng.normal(size=20_000) + y
    roc, pr = ranking.roc_curve(s, y), ranking.pr_curve(s, y)
    assert 150 < len(roc.x) <= 202
    assert 150 < len(pr.x) <= 202
    assert (roc.x[0], roc.y[0], roc.x[-1], roc.y[-1]) == (0, 0, 1, 1)
    assert (np.diff(roc.x) >= 0).all()
    assert (np.diff(roc.y) >= 0).all()
    area = (np.diff(roc.x) * (roc.y[1:] + roc.y[:-1])).sum() / 2
    assert area == pytest.approx(ranking.auroc(s, y), abs=2e-3)
    assert pr.x[-1] == 1
    assert (np.diff(pr.x) > 0).all()


def test_the_mean_of_curves_has_the_mean_area() -> None:
    data = [draw("plain", seed) for seed in range(4)]
    curve = ranking.mean_curve([ranking.roc_curve(*d, n_points=500) for d in data])
    area = (np.diff(curve.x) * (curve.y[1:] + curve.y[:-1])).sum() / 2
    mean = np.mean([ranking.auroc(*d) for d in data])
    assert area == pytest.approx(mean, abs=3e-3)


def test_the_mean_of_no_curve_is_empty() -> None:
    nothing = Curve(x=np.zeros(0), y=np.zeros(0))
    assert len(ranking.mean_curve([]).x) == 0
    assert len(ranking.mean_curve([nothing]).x) == 0
    one = Curve(x=np.array([0.0, 1.0]), y=np.array([0.5, 0.5]))
    assert (ranking.mean_curve([one, nothing]).y == 0.5).all()

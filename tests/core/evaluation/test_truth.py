from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn import metrics as sk

from napari_ood_seg.core.data.palette import UNKNOWN_COLOR
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.errors import ImageError
from napari_ood_seg.core.evaluation.truth import against_truth, unpainted
from napari_ood_seg.core.types import UNKNOWN, ClassInfo, Prediction

CLASSES = [ClassInfo(id=i, name=n, color="#123456") for i, n in ((1, "a"), (4, "b"))]
SHAPE = (30, 40)


def draw(seed: int = 0) -> tuple[Prediction, np.ndarray]:
    """Return a prediction that is often right, and the truth; 0 does not count."""
    rng = np.random.default_rng(seed)
    truth = rng.choice([0, 1, 4, 7, 200], SHAPE, p=[0.2, 0.3, 0.3, 0.1, 0.1])
    right = rng.random(SHAPE) < 0.8
    classes = np.where(right & np.isin(truth, [1, 4]), truth, rng.choice([1, 4], SHAPE))
    score = (rng.normal(size=SHAPE) + 1.5 * (truth > 4)).astype(np.float32)
    typicality = (1 - (score - score.min()) / np.ptp(score)).astype(np.float32)
    prediction = Prediction(
        classes=classes.astype(np.uint8), score=score, typicality=typicality
    )
    return prediction, truth


@pytest.mark.parametrize("seed", range(3))
def test_against_scikit_learn(seed: int) -> None:
    prediction, truth = draw(seed)
    report = against_truth(prediction, truth, classes=CLASSES, keep=0.6)
    use = truth > 0
    t = np.where(np.isin(truth, [1, 4]), truth, UNKNOWN)[use]
    p, best = prediction.labels(keep=0.6)[use], prediction.classes[use]
    known, score = t != UNKNOWN, prediction.score[use]
    ids = [1, 4, UNKNOWN]
    assert (report.n_known, report.n_unknown) == (known.sum(), (~known).sum())
    assert report.answers == tuple(ids)
    np.testing.assert_array_equal(
        report.confusion, sk.confusion_matrix(t, p, labels=ids)
    )
    expected = {
        "miou": sk.jaccard_score(t[known], best[known], average="macro"),
        "dice": sk.f1_score(t[known], best[known], average="macro"),
        "balanced_accuracy": sk.balanced_accuracy_score(t[known], best[known]),
        "open_miou": sk.jaccard_score(t, p, average="macro"),
        "open_balanced_accuracy": sk.balanced_accuracy_score(t, p),
        "auroc": sk.roc_auc_score(~known, score),
        "ap": sk.average_precision_score(~known, score),
        "tpr": (p[~known] == UNKNOWN).mean(),
        "kept": (p[known] != UNKNOWN).mean(),
    }
    for name, value in expected.items():
        assert getattr(report, name) == pytest.approx(value, abs=1e-12), name
    fpr, tpr, _ = sk.roc_curve(~known, score, drop_intermediate=False)
    assert report.fpr95 == pytest.approx(fpr[np.argmax(tpr >= 0.95)])
    recall = sk.recall_score(t, p, labels=ids, average=None)
    assert [c.sensitivity for c in report.classes] == pytest.approx(recall)
    assert [c.name for c in report.classes] == ["a", "b", "unknown"]
    assert report.classes[-1].color == UNKNOWN_COLOR


def test_the_reliability_goes_through_what_is_kept() -> None:
    prediction, truth = draw()
    for keep in (0.5, 0.8, 0.95):
        report = against_truth(prediction, truth, classes=CLASSES, keep=keep)
        at = np.searchsorted(report.reliability.x, keep - 1e-9)
        assert report.reliability.y[at] == pytest.approx(report.kept, abs=1e-3)


def test_images_are_pooled() -> None:
    pairs = [draw(seed) for seed in range(2)]
    apart = against_truth(
        [p for p, _ in pairs], [t for _, t in pairs], classes=CLASSES, keep=0.7
    )
    whole = Prediction(
        **{
            name: np.concatenate([getattr(p, name) for p, _ in pairs])
            for name in ("classes", "score", "typicality")
        }
    )
    truth = np.concatenate([t for _, t in pairs])
    together = against_truth(whole, truth, classes=CLASSES, keep=0.7)
    assert apart.to_dict() == together.to_dict()


def test_labels_only_give_no_ranking() -> None:
    prediction, truth = draw()
    full = against_truth(prediction, truth, classes=CLASSES, keep=0.7)
    labels = prediction.labels(keep=0.7)
    report = against_truth(labels, truth, classes=CLASSES, keep=0.7)
    for name in ("auroc", "ap", "fpr95", "max_deviation"):
        assert math.isnan(getattr(report, name))
    for name in ("open_miou", "open_balanced_accuracy", "tpr", "kept", "confusion"):
        assert getattr(report, name) == getattr(full, name)
    assert report.miou < full.miou  # unknown is a wrong answer there
    assert len(report.roc.x) == len(report.reliability.x) == 0


def test_a_truth_without_the_unknown() -> None:
    prediction, truth = draw()
    truth = np.where(truth > 4, 0, truth)
    report = against_truth(prediction, truth, classes=CLASSES)
    assert report.n_unknown == 0
    assert math.isnan(report.auroc)
    assert math.isnan(report.tpr)
    assert [c.id for c in report.classes] == [1, 4]
    assert 0 < report.open_miou < 1
    assert report.to_dict()["auroc"] is None


def test_a_truth_of_the_unknown_only() -> None:
    prediction, _ = draw()
    report = against_truth(prediction, np.full(SHAPE, 9), classes=CLASSES)
    assert report.n_known == 0
    assert math.isnan(report.miou)
    assert math.isnan(report.kept)
    assert report.open_miou == report.tpr


def test_what_is_ignored_can_be_chosen() -> None:
    prediction, truth = draw()
    report = against_truth(prediction, truth, classes=CLASSES, ignore=(0, 7))
    assert report.n_unknown == (truth == 200).sum()
    report = against_truth(prediction, truth, classes=CLASSES, ignore=())
    assert report.n_unknown == np.isin(truth, [0, 7, 200]).sum()


def test_painted_pixels_do_not_count() -> None:
    truth = np.full((2, 3), 4)
    scribbles = Scribbles((2, 3)).add(1, [(0, 0)]).add(4, [(1, 1)], plane=(0,))
    assert unpainted(truth, scribbles).tolist() == [[0, 4, 4], [4, 4, 4]]
    assert unpainted(truth, scribbles, plane=(0,)).tolist() == [[4, 4, 4], [4, 0, 4]]


def test_errors() -> None:
    prediction, truth = draw()
    with pytest.raises(ImageError, match=r"shape \(9, 40\) but the prediction"):
        against_truth(prediction, truth[:9], classes=CLASSES)
    with pytest.raises(ImageError, match="1 predictions but 2 truths"):
        against_truth([prediction], [truth, truth], classes=CLASSES)
    with pytest.raises(ImageError, match="no other value than 0"):
        against_truth(prediction, np.zeros_like(truth), classes=CLASSES)

"""Judge predictions by dense ground truth."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from napari_ood_seg.core.data.palette import UNKNOWN_COLOR
from napari_ood_seg.core.errors import ImageError
from napari_ood_seg.core.evaluation import metrics, ranking
from napari_ood_seg.core.evaluation.report import ClassTruth, TruthReport
from napari_ood_seg.core.types import UNKNOWN, UNLABELLED, ClassInfo, Prediction

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from napari_ood_seg.core.data.scribbles import Scribbles

    Ints = npt.NDArray[np.integer]
    Predicted = Prediction | Ints


def against_truth(
    predictions: Predicted | Sequence[Predicted],
    truths: Ints | Sequence[Ints],
    *,
    classes: Sequence[ClassInfo],
    keep: float = 0.95,
    ignore: Sequence[int] = (UNLABELLED,),
) -> TruthReport:
    """Return how well predictions agree with the truth; pixels of all images pooled.

    Parameters
    ----------
    predictions
        Of one image or of several, from one model. Label images, with `UNKNOWN`
        where a pixel is like none of the classes, give no ranking.
    truths
        `(h, w)` whole numbers each: class ids, and any other values for what is none
        of the classes.
    classes
        Those that the model knows.
    keep
        Share of the scribbles taken to be typical: the user's threshold.
    ignore
        Values of the truth that are not counted.

    Raises
    ------
    ImageError
        If truth and prediction differ in size or number, or nothing counts.

    Examples
    --------
    >>> truth, labels = np.array([[1, 1, 2, 7, 0]]), np.array([[1, 255, 2, 255, 1]])
    >>> infos = [ClassInfo(id=i, name=str(i), color="#000000") for i in (1, 2)]
    >>> report = against_truth(labels, truth, classes=infos)
    >>> report.kept, report.tpr, round(report.open_miou, 3)
    (0.6666666666666666, 1.0, 0.667)
    """
    ids = sorted(c.id for c in classes)
    pooled = _pooled(_listed(predictions), _listed(truths), keep, ignore)
    known = np.isin(pooled.truth, ids)
    truth = np.where(known, pooled.truth, UNKNOWN)
    answers = [*ids, UNKNOWN]
    opened = metrics.confusion(truth, pooled.labels, answers)
    closed = metrics.confusion(truth[known], pooled.classes[known], answers)
    scores = metrics.class_scores(closed)
    rejected = pooled.labels == UNKNOWN
    is_scored = len(pooled.score) > 0
    ranked = (pooled.score, ~known if is_scored else known[:0])
    return TruthReport(
        classes=_classes(opened, classes, answers),
        keep=keep,
        n_known=int(known.sum()),
        n_unknown=int((~known).sum()),
        miou=metrics.mean_of(scores.iou),
        dice=metrics.mean_of(scores.dice),
        balanced_accuracy=metrics.mean_of(scores.sensitivity),
        open_miou=metrics.mean_iou(opened),
        open_balanced_accuracy=metrics.balanced_accuracy(opened),
        auroc=ranking.auroc(*ranked),
        ap=ranking.average_precision(*ranked),
        fpr95=ranking.fpr_at_tpr(*ranked),
        tpr=ranking.weighted_share(rejected[~known]),
        kept=ranking.weighted_share(~rejected[known]),
        answers=tuple(answers),
        confusion=tuple(tuple(row) for row in opened.tolist()),
        reliability=metrics.reliability_curve(
            pooled.typicality[known] if is_scored else []
        ),
        roc=ranking.roc_curve(*ranked),
        pr=ranking.pr_curve(*ranked),
    )


def unpainted(
    truth: Ints, scribbles: Scribbles, *, plane: tuple[int, ...] = ()
) -> Ints:
    """Return the truth without painted pixels: a model was fitted on those.

    Examples
    --------
    >>> from napari_ood_seg.core.data.scribbles import Scribbles
    >>> unpainted(np.array([[3, 3]]), Scribbles((1, 2)).add(3, [(0, 1)])).tolist()
    [[3, 0]]
    """
    return np.where(scribbles.to_labels(plane=plane) == UNLABELLED, truth, UNLABELLED)


class _Pooled(NamedTuple):
    """The counted pixels of all images, `(n,)` each; the last two may be empty."""

    truth: Ints
    classes: Ints
    labels: Ints
    score: npt.NDArray[np.float32]
    typicality: npt.NDArray[np.float32]


def _pooled(
    predictions: Sequence[Predicted],
    truths: Sequence[Ints],
    keep: float,
    ignore: Sequence[int],
) -> _Pooled:
    if len(predictions) != len(truths):
        raise ImageError(
            f"there are {len(predictions)} predictions but {len(truths)} truths: give "
            "one for each, in the same order"
        )
    parts = [
        _counted(p, t, keep, ignore) for p, t in zip(predictions, truths, strict=True)
    ]
    pooled = _Pooled(*(np.concatenate(column) for column in zip(*parts, strict=True)))
    if len(pooled.truth) == 0:
        raise ImageError(
            f"the truth has no other value than {', '.join(map(str, ignore))}, which "
            "is not counted: check the file"
        )
    return pooled


def _counted(
    predicted: Predicted, truth: Ints, keep: float, ignore: Sequence[int]
) -> _Pooled:
    truth = np.asarray(truth)
    full = predicted if isinstance(predicted, Prediction) else None
    labels = np.asarray(predicted) if full is None else full.labels(keep=keep)
    if truth.shape != labels.shape:
        raise ImageError(
            f"the truth has shape {truth.shape} but the prediction {labels.shape}: use "
            "the truth of this image"
        )
    counts = ~np.isin(truth, ignore)
    none = np.zeros(0, np.float32)
    return _Pooled(
        truth=truth[counts],
        classes=(labels if full is None else full.classes)[counts],
        labels=labels[counts],
        score=none if full is None else full.score[counts],
        typicality=none if full is None else full.typicality[counts],
    )


def _listed(values: Any) -> Sequence[Any]:  # noqa: ANN401 - as of `against_truth`
    return values if isinstance(values, list | tuple) else [values]


def _classes(
    matrix: npt.NDArray[np.float64],
    classes: Sequence[ClassInfo],
    answers: Sequence[int],
) -> tuple[ClassTruth, ...]:
    infos = {c.id: (c.name, c.color) for c in classes}
    infos[UNKNOWN] = ("unknown", UNKNOWN_COLOR)
    found = metrics.class_scores(matrix)
    sizes = matrix.sum(1)
    return tuple(
        ClassTruth(
            id=class_id,
            name=infos[class_id][0],
            color=infos[class_id][1],
            n_pixels=int(sizes[i]),
            iou=float(found.iou[i]),
            dice=float(found.dice[i]),
            sensitivity=float(found.sensitivity[i]),
            specificity=float(found.specificity[i]),
        )
        for i, class_id in enumerate(answers)
        if class_id != UNKNOWN or sizes[i] > 0
    )

"""How well a score tells OOD from known pixels: ROC, precision and recall.

Conventions: OOD is the positive kind, a higher score means more OOD, and pixels of
equal score stand or fall together. A measure that is not defined because all pixels
are of one kind is NaN. Weights say how much each pixel counts; all the same if not
given.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Curve:
    """Points to plot.

    Attributes
    ----------
    x, y
        `(n,)` each, in [0, 1]; x ascends.
    """

    x: Floats = field(repr=False)
    y: Floats = field(repr=False)


class Counts(NamedTuple):
    """What lies at or above each distinct score, the highest score first.

    Attributes
    ----------
    hits, alarms
        `(m,)` weight of the positive and of the negative pixels.
    """

    hits: Floats
    alarms: Floats

    @property
    def empty(self) -> bool:
        """Whether a kind of pixel is missing, so that nothing can be ranked."""
        return bool(self.hits.size == 0 or min(self.hits[-1], self.alarms[-1]) <= 0)

    @property
    def tpr(self) -> Floats:
        """`(m + 1,)` share of the positive pixels found, from 0 to 1."""
        return np.append(0.0, self.hits / self.hits[-1])

    @property
    def fpr(self) -> Floats:
        """`(m + 1,)` share of the negative pixels taken for positive, from 0 to 1."""
        return np.append(0.0, self.alarms / self.alarms[-1])

    @property
    def precision(self) -> Floats:
        """`(m,)` share of positive pixels among those found."""
        return self.hits / np.maximum(self.hits + self.alarms, np.finfo(float).tiny)


def counts(
    scores: npt.ArrayLike, positive: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> Counts:
    """Return the weight of both kinds of pixels at or above each distinct score.

    Parameters
    ----------
    scores
        `(n,)` finite or infinite; higher is more OOD.
    positive
        `(n,)` bool: whether a pixel is OOD.
    weights
        `(n,)`, not negative.

    Raises
    ------
    ValueError
        If a score is NaN or the lengths differ.

    Examples
    --------
    >>> found = counts([3.0, 1.0, 1.0, 0.0], [True, True, False, False])
    >>> found.hits.tolist(), found.alarms.tolist()
    ([1.0, 2.0, 2.0], [0.0, 1.0, 2.0])
    """
    s = np.asarray(scores, np.float64).ravel()
    is_positive = np.asarray(positive, bool).ravel()
    w = np.ones(len(s)) if weights is None else np.asarray(weights, np.float64).ravel()
    if not len(s) == len(is_positive) == len(w):
        raise ValueError(
            f"need one score, kind and weight per pixel, got {len(s)}, "
            f"{len(is_positive)} and {len(w)}"
        )
    if np.isnan(s).any():
        raise ValueError("some scores are not numbers")
    order = np.argsort(-s, kind="stable")
    s, is_positive, w = s[order], is_positive[order], w[order]
    last = np.append(s[1:] != s[:-1], True) if len(s) else np.zeros(0, bool)
    return Counts(
        np.cumsum(w * is_positive)[last],
        np.cumsum(w * ~is_positive)[last],
    )


def auroc(
    scores: npt.ArrayLike, positive: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> float:
    """Return the chance that an OOD pixel scores higher than a known one.

    Ties count half; 0.5 is guessing. Parameters as of `counts`.

    References
    ----------
    Fawcett, An introduction to ROC analysis, Pattern Recognition Letters 27, 2006.

    Examples
    --------
    >>> auroc([3.0, 1.0, 2.0, 0.0], [True, True, False, False])
    0.75
    """
    found = counts(scores, positive, weights)
    if found.empty:
        return float("nan")
    tpr, fpr = found.tpr, found.fpr
    return float((np.diff(fpr) * (tpr[1:] + tpr[:-1])).sum() / 2)


def average_precision(
    scores: npt.ArrayLike, positive: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> float:
    """Return the mean precision over the recall steps, not interpolated.

    Guessing gives the share of OOD pixels. Parameters as of `counts`. This is the
    `average_precision_score` of scikit-learn, and AUPR-OUT elsewhere.

    Examples
    --------
    >>> average_precision([3.0, 2.0, 1.0], [True, False, True]) == (1 + 2 / 3) / 2
    True
    """
    found = counts(scores, positive, weights)
    if found.empty:
        return float("nan")
    return float((np.diff(found.tpr) * found.precision).sum())


def fpr_at_tpr(
    scores: npt.ArrayLike,
    positive: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    tpr: float = 0.95,
) -> float:
    """Return the share of known pixels lost where a share `tpr` of OOD is found.

    OOD is positive, as in Fishyscapes, SegmentMeIfYouCan and OpenOOD; papers that
    take the known pixels for positive report another number under this name. It is
    the FPR at the highest threshold whose TPR reaches `tpr`, without interpolation.
    Parameters as of `counts`.

    Examples
    --------
    >>> fpr_at_tpr([4.0, 3.0, 2.0, 1.0], [True, False, True, False])
    0.5
    >>> fpr_at_tpr([4.0, 3.0, 2.0, 1.0], [True, False, True, False], tpr=0.5)
    0.0
    """
    found = counts(scores, positive, weights)
    if found.empty:
        return float("nan")
    reached = int(np.argmax(found.tpr >= tpr - 1e-12))
    return float(found.fpr[reached])


def tpr_at_threshold(
    scores: npt.ArrayLike,
    positive: npt.ArrayLike,
    threshold: float,
    weights: npt.ArrayLike | None = None,
) -> float:
    """Return the share of OOD pixels whose score lies above a threshold.

    Examples
    --------
    >>> tpr_at_threshold([3.0, 2.0, 1.0, 9.0], [True, True, True, False], 1.5)
    0.6666666666666666
    """
    is_positive = np.asarray(positive, bool).ravel()
    found = np.asarray(scores, np.float64).ravel()[is_positive] > threshold
    w = None if weights is None else np.asarray(weights, np.float64).ravel()
    return weighted_share(found, None if w is None else w[is_positive])


def weighted_share(
    values: npt.ArrayLike, weights: npt.ArrayLike | None = None
) -> float:
    """Return the weighted mean of `(n,)` values; NaN if nothing counts.

    Examples
    --------
    >>> weighted_share([True, False], [3, 1])
    0.75
    """
    v = np.asarray(values, np.float64).ravel()
    w = np.ones(len(v)) if weights is None else np.asarray(weights, np.float64).ravel()
    total = float(w.sum())
    return float((v * w).sum()) / total if total > 0 else float("nan")


def roc_curve(
    scores: npt.ArrayLike,
    positive: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    n_points: int = 201,
) -> Curve:
    """Return true (y) against false positive rate (x), from (0, 0) to (1, 1).

    Of a longer curve `n_points` points are kept, evenly spread along it. Empty if
    all pixels are of one kind. Parameters as of `counts`.

    Examples
    --------
    >>> curve = roc_curve([2.0, 1.0, 0.0], [True, False, True])
    >>> curve.x.tolist(), curve.y.tolist()
    ([0.0, 0.0, 1.0, 1.0], [0.0, 0.5, 0.5, 1.0])
    """
    found = counts(scores, positive, weights)
    if found.empty:
        return Curve(x=np.zeros(0), y=np.zeros(0))
    some = _spread(found.tpr + found.fpr, n_points)
    return Curve(x=found.fpr[some], y=found.tpr[some])


def pr_curve(
    scores: npt.ArrayLike,
    positive: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    n_points: int = 201,
) -> Curve:
    """Return precision (y) against recall (x), the highest threshold first.

    As `roc_curve`, but with one point for each recall, the one of highest precision,
    and none at recall 0, where precision is not defined.

    Examples
    --------
    >>> curve = pr_curve([2.0, 1.0, 0.0], [True, False, True])
    >>> curve.x.tolist(), curve.y.round(2).tolist()
    ([0.5, 1.0], [1.0, 0.67])
    """
    found = counts(scores, positive, weights)
    if found.empty:
        return Curve(x=np.zeros(0), y=np.zeros(0))
    rises = np.diff(found.tpr) > 0
    recall, precision = found.tpr[1:][rises], found.precision[rises]
    some = _spread(recall, n_points)
    return Curve(x=recall[some], y=precision[some])


def mean_curve(curves: Sequence[Curve], *, n_points: int = 201) -> Curve:
    """Return the mean height of curves over a regular grid; empty ones are left out.

    Where a curve rises straight up the upper end counts, and before its first point
    its first height.

    Examples
    --------
    >>> one = Curve(x=np.array([0.0, 1.0]), y=np.array([0.0, 1.0]))
    >>> two = Curve(x=np.array([0.0, 1.0]), y=np.array([1.0, 1.0]))
    >>> mean_curve([one, two], n_points=3).y.tolist()
    [0.5, 0.75, 1.0]
    """
    grid = np.linspace(0.0, 1.0, n_points)
    heights = [np.interp(grid, c.x, c.y) for c in curves if len(c.x)]
    if not heights:
        return Curve(x=np.zeros(0), y=np.zeros(0))
    return Curve(x=grid, y=np.mean(heights, axis=0))


def _spread(along: Floats, n: int) -> npt.NDArray[np.intp]:
    """Return at most `n` indices, ends included, evenly spread over rising values."""
    if len(along) <= n:
        return np.arange(len(along))
    wanted = np.linspace(along[0], along[-1], n)
    some = np.searchsorted(along, wanted, side="left")
    return np.unique(np.append(some, len(along) - 1).clip(0, len(along) - 1))

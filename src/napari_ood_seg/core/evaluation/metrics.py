"""How well classes are told apart, and whether a promise about them is kept.

The unknown is a class like any other. A measure that is not defined, for example the
sensitivity of a class that is not there, is NaN and left out of means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_ood_seg.core.evaluation.ranking import Curve

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def confusion(
    truth: npt.ArrayLike,
    found: npt.ArrayLike,
    ids: Sequence[int],
    weights: npt.ArrayLike | None = None,
) -> Floats:
    """Return `(k, k)` weights of pixels: rows are the truth, columns what was found.

    Parameters
    ----------
    truth, found
        `(n,)` or of any one shape, with values from `ids` only.
    ids
        The `k` values; `UNKNOWN` is one like any other.

    Raises
    ------
    ValueError
        If there is another value.

    Examples
    --------
    >>> confusion([1, 1, 2], [1, 255, 2], [1, 2, 255]).tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.0]]
    """
    k = len(ids)
    rows, columns = (_places(values, ids) for values in (truth, found))
    w = None if weights is None else np.asarray(weights, np.float64).ravel()
    flat = np.bincount(rows * k + columns, weights=w, minlength=k * k)
    return flat.reshape(k, k).astype(np.float64)


def _places(values: npt.ArrayLike, ids: Sequence[int]) -> npt.NDArray[np.intp]:
    flat = np.asarray(values).ravel()
    order = np.argsort(ids)
    ascending = np.asarray(ids)[order]
    at = np.searchsorted(ascending, flat).clip(max=len(ids) - 1)
    strange = flat[ascending[at] != flat]
    if len(strange):
        raise ValueError(f"value {strange[0]} is none of {list(ids)}")
    places: npt.NDArray[np.intp] = order[at]
    return places


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ClassScores:
    """How well each of `k` classes is found, each `(k,)` in [0, 1].

    NaN where not defined: everything but specificity for a class that is not there.

    Attributes
    ----------
    iou
        Intersection over union.
    dice
        Twice the intersection over the sum of the sizes; F1.
    sensitivity
        Share of the class that is found.
    specificity
        Share of everything else that is not taken for the class.
    """

    iou: Floats
    dice: Floats
    sensitivity: Floats
    specificity: Floats


def class_scores(matrix: npt.ArrayLike) -> ClassScores:
    """Return the scores of the classes of a `(k, k)` confusion matrix.

    Examples
    --------
    >>> scores = class_scores([[3, 1], [0, 4]])
    >>> scores.iou.tolist(), scores.sensitivity.tolist(), scores.specificity.tolist()
    ([0.75, 0.8], [0.75, 1.0], [1.0, 0.75])
    """
    m = np.asarray(matrix, np.float64)
    both, truth, found = m.diagonal(), m.sum(1), m.sum(0)
    there = truth > 0
    rest = m.sum() - truth
    return ClassScores(
        iou=_ratio(both, np.where(there, truth + found - both, 0)),
        dice=_ratio(2 * both, np.where(there, truth + found, 0)),
        sensitivity=_ratio(both, truth),
        specificity=_ratio(rest - (found - both), rest),
    )


def mean_iou(matrix: npt.ArrayLike) -> float:
    """Return the mean IoU of the classes that are there.

    Open-set mIoU is this with `UNKNOWN` as one of the classes.

    Examples
    --------
    >>> mean_iou([[3, 1, 0], [0, 4, 0], [0, 0, 0]])
    0.775
    """
    return mean_of(class_scores(matrix).iou)


def balanced_accuracy(matrix: npt.ArrayLike) -> float:
    """Return the mean sensitivity of the classes that are there.

    Examples
    --------
    >>> balanced_accuracy([[3, 1], [0, 4]])
    0.875
    """
    return mean_of(class_scores(matrix).sensitivity)


def reliability_curve(
    typicality: npt.ArrayLike,
    weights: npt.ArrayLike | None = None,
    *,
    n_points: int = 101,
) -> Curve:
    """Return the share of known pixels kept (y) for each share asked for (x).

    Asking for a share `keep` keeps what has typicality >= 1 - `keep`; the promise
    is a curve on the diagonal. Above it too much is kept, below it too little.
    Empty if there is no pixel.

    Parameters
    ----------
    typicality
        `(n,)` of pixels that are known to be of the classes, in [0, 1].

    Examples
    --------
    >>> curve = reliability_curve([0.0, 0.5, 1.0, 1.0], n_points=3)
    >>> curve.x.tolist(), curve.y.tolist()
    ([0.0, 0.5, 1.0], [0.5, 0.75, 1.0])
    """
    t = np.asarray(typicality, np.float64).ravel()
    w = np.ones(len(t)) if weights is None else np.asarray(weights, np.float64).ravel()
    if w.sum() <= 0:
        return Curve(x=np.zeros(0), y=np.zeros(0))
    order = np.argsort(t)
    below = np.append(0.0, np.cumsum(w[order])) / w.sum()
    asked = np.linspace(0.0, 1.0, n_points)
    at = np.searchsorted(t[order], 1.0 - asked - 1e-7, side="left")
    return Curve(x=asked, y=1.0 - below[at])


def max_deviation(curve: Curve) -> float:
    """Return how far a curve strays from the diagonal at most; NaN if it is empty.

    Examples
    --------
    >>> max_deviation(reliability_curve([0.0, 0.5, 1.0, 1.0], n_points=3))
    0.5
    """
    return float(np.abs(curve.x - curve.y).max()) if len(curve.x) else float("nan")


def mean_of(values: npt.ArrayLike) -> float:
    """Return the mean of what is not NaN; NaN if there is nothing.

    Examples
    --------
    >>> mean_of([1.0, float("nan"), 2.0])
    1.5
    """
    v = np.asarray(values, np.float64)
    v = v[~np.isnan(v)]
    return float(v.mean()) if v.size else float("nan")


def _ratio(part: Floats, whole: Floats) -> Floats:
    out = np.full(part.shape, np.nan)
    np.divide(part, whole, out=out, where=whole > 0)
    return out

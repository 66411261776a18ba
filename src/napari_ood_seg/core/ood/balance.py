"""How much each kind of evidence weighs, by the user's own classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    Strokes = Sequence[Tensor]
    """`(e, n)` evidence of each stroke."""

BALANCES: Final = (
    (1.0, 0.0, 0.0),
    (0.3, 1.0, 0.3),
    (0.5, 0.5, 1.0),
    (1.0, 0.15, 1.0),
)
"""Weights of the detectors together, of the distance and of the ambiguity."""

ADVANTAGE: Final = 0.07
"""Gain in AUROC below which the fixed weights stay."""


def auroc(known: Tensor, unknown: Tensor, w_known: Tensor, w_unknown: Tensor) -> float:
    """Return how often an unknown pixel scores above a known one; ties count half.

    Parameters
    ----------
    known, unknown
        `(n,)` and `(m,)` scores.
    w_known, w_unknown
        Their weights.

    Examples
    --------
    >>> one = torch.ones(2)
    >>> auroc(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 3.0]), one, one)
    0.875
    """
    ordered, order = known.sort()
    below = torch.cat([torch.zeros(1), w_known[order].cumsum(0)])
    lower = below[torch.searchsorted(ordered, unknown, side="left")]
    upper = below[torch.searchsorted(ordered, unknown, side="right")]
    wins = (w_unknown * (lower + upper) / 2).sum()
    return float(wins / (w_known.sum() * w_unknown.sum()))


def separation(
    weights: Tensor, held: Mapping[int, Strokes], lost: Mapping[int, Strokes]
) -> float:
    """Return the mean AUROC of lost classes against the others.

    Parameters
    ----------
    weights
        `(e,)` of the evidence.
    held
        Per class, the evidence of its strokes when they were held out.
    lost
        Per class, the evidence of its held-out strokes without the class.
    """
    found = []
    for class_id, strokes in lost.items():
        others = [s for i, s in held.items() if i != class_id]
        known, w_known = _weighed(weights, others)
        unknown, w_unknown = _weighed(weights, [strokes])
        found.append(auroc(known, unknown, w_known, w_unknown))
    return sum(found) / len(found)


def chosen_weights(
    fixed: Tensor,
    scale: Tensor,
    held: Mapping[int, Strokes],
    lost: Mapping[int, Strokes],
) -> Tensor:
    """Return the weights `(m + 2,)` that tell the user's own classes apart best.

    The fixed ones, unless one of `BALANCES` is better by more than `ADVANTAGE`.

    Parameters
    ----------
    fixed
        `(m + 2,)` weights of `m` detectors, the distance and the ambiguity.
    scale
        `(m + 2,)` spread of the evidence.
    held, lost
        See `separation`.
    """
    detectors = fixed[:-2] / fixed[:-2].sum()
    candidates = [
        torch.cat([share * detectors, torch.tensor([distance, ambiguity])])
        for share, distance, ambiguity in BALANCES
    ]
    gained = [separation(w / scale, held, lost) for w in candidates]
    best = max(range(len(candidates)), key=gained.__getitem__)
    least = separation(fixed / scale, held, lost) + ADVANTAGE
    return candidates[best] if gained[best] > least else fixed


def _weighed(weights: Tensor, classes: Sequence[Strokes]) -> tuple[Tensor, Tensor]:
    """Return scores and weights of all pixels: classes alike, and their strokes."""
    scores, shares = [], []
    for strokes in classes:
        for stroke in strokes:
            scores.append(weights @ stroke)
            n = stroke.shape[1]
            shares.append(torch.full((n,), 1.0 / (len(strokes) * max(n, 1))))
    return torch.cat(scores), torch.cat(shares)

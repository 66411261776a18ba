"""How much each kind of evidence weighs, by the user's own classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

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


def auroc(known: Tensor, unknown: Tensor, w_known: Tensor, w_unknown: Tensor) -> Tensor:
    """Return how often an unknown pixel scores above a known one; ties count half.

    Parameters
    ----------
    known, unknown
        `(b, n)` and `(b, m)` scores, of `b` ways to score.
    w_known, w_unknown
        `(n,)` and `(m,)` weights of the pixels.

    Returns
    -------
    `(b,)`.

    Examples
    --------
    >>> one = torch.ones(2)
    >>> auroc(torch.tensor([[1.0, 2.0]]), torch.tensor([[2.0, 3.0]]), one, one)
    tensor([0.8750])
    """
    ordered, order = known.sort(dim=1)
    below = F.pad(w_known[order].cumsum(1), (1, 0))
    lower = below.gather(1, torch.searchsorted(ordered, unknown, side="left"))
    upper = below.gather(1, torch.searchsorted(ordered, unknown, side="right"))
    wins = (w_unknown * (lower + upper) / 2).sum(1)
    return wins / (w_known.sum() * w_unknown.sum())


def separation(
    weights: Tensor, held: Mapping[int, Strokes], lost: Mapping[int, Strokes]
) -> Tensor:
    """Return the mean AUROC, `(b,)`, of lost classes against the others.

    Parameters
    ----------
    weights
        `(b, e)` of the evidence, `b` ways to weigh it.
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
    return torch.stack(found).mean(0)


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
    *gained, usual = separation(
        torch.stack([*candidates, fixed]) / scale, held, lost
    ).tolist()
    best = max(range(len(candidates)), key=gained.__getitem__)
    return candidates[best] if gained[best] > usual + ADVANTAGE else fixed


def _weighed(weights: Tensor, classes: Sequence[Strokes]) -> tuple[Tensor, Tensor]:
    """Return `(b, n)` scores and `(n,)` weights of all pixels.

    Classes weigh alike, and so do the strokes of a class.
    """
    strokes = [stroke for own in classes for stroke in own]
    sizes = torch.tensor([stroke.shape[1] for stroke in strokes])
    alike = torch.tensor([len(own) for own in classes for _ in own])
    shares = 1.0 / (alike * sizes.clamp_min(1))
    return weights @ torch.cat(strokes, dim=1), shares.repeat_interleave(sizes)

"""How much a trained network counts beside the filters, by strokes it never saw."""

from __future__ import annotations

import math
from statistics import stdev
from typing import TYPE_CHECKING, Final, NamedTuple

import torch
from scipy.special import stdtrit

from napari_ood_seg.core.training.crossfit import Probes, ensembles_without

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from torch import Tensor

    from napari_ood_seg.core.config import InstantConfig
    from napari_ood_seg.core.ood.base import TrainingPixels
    from napari_ood_seg.core.training.crossfit import Probe

SHARES: Final = (0.0, 0.25, 0.5, 0.75, 1.0)
"""How much the network may count for the classes; the filters count the rest."""

ADVANTAGE: Final = 0.01
"""Gain in accuracy below which the network counts nothing."""

_SURE: Final = 0.95
"""How sure a gain has to be."""


class Accuracy(NamedTuple):
    """How many held-out pixels get their class.

    Attributes
    ----------
    share
        Of the pixels, all classes alike, in [0, 1].
    margin
        Gain on the filters alone below which it may be chance, see `margin_of`.
    """

    share: float
    margin: float = 0.0


def roles(n_levels: int, n_network: int, share: float, for_score: float) -> Tensor:
    """Return the roles `(l, 2)` of scales, the last of which are the network's.

    Parameters
    ----------
    n_levels, n_network
        Of all scales, and of those of the network.
    share, for_score
        How much the network counts for the classes, and for the score, in [0, 1].

    Examples
    --------
    Two scales of filters and one of a network: the mean over all three is then half of
    that over the filters, and half the network.

    >>> roles(3, 1, 0.5, 0.0)
    tensor([[0.7500, 1.5000],
            [0.7500, 1.5000],
            [1.5000, 0.0000]])
    """
    n_filters = n_levels - n_network
    shares = torch.tensor([share, for_score])
    network = (shares * n_levels / n_network).expand(n_network, 2)
    filters = ((1 - shares) * n_levels / n_filters).expand(n_filters, 2)
    return torch.cat([filters, network])


def accuracies(
    levels: Sequence[TrainingPixels],
    probes: Sequence[Probe],
    config: InstantConfig,
    *,
    n_network: int,
    unseen: Collection[int],
) -> dict[float, Accuracy]:
    """Return the share of pixels that get their own class, for each of `SHARES`.

    All classes weigh the same. The pixels are those of strokes that neither the
    network nor the class Gaussians were fitted on.

    Parameters
    ----------
    levels, probes
        As for `crossfit`.
    n_network
        How many of the last scales are the network's.
    unseen
        Folds of strokes that the network was not trained on.
    """
    ids = levels[0].class_ids
    checked = [p for p in probes if p.group in unseen]
    if not checked:
        return dict.fromkeys(SHARES, Accuracy(0.0, math.inf))
    (ensemble,) = ensembles_without([set(unseen)], levels, config)
    together, n, k = Probes(checked), len(levels), len(ids)

    def distances(share: float) -> list[Tensor]:
        own = ensemble.with_roles(roles(n, n_network, share, share))
        return [columns[:k] for columns in together.columns(own)]

    found = list(zip(checked, distances(0.0), distances(1.0), strict=True))
    out: dict[float, Accuracy] = {}
    of_filters: list[float] = []
    for share in SHARES:
        right: dict[int, list[Tensor]] = {}
        of_strokes: list[float] = []
        for probe, filters, network in found:
            best = ((1 - share) * filters + share * network).argmin(0)
            own = (best == ids.index(probe.class_id)).float()
            right.setdefault(probe.class_id, []).append(own)
            of_strokes.append(float(own.mean()))
        of_filters = of_filters or of_strokes  # no share comes first
        gains = [a - b for a, b in zip(of_strokes, of_filters, strict=True)]
        means = [torch.cat(parts).mean() for parts in right.values()]
        out[share] = Accuracy(float(torch.stack(means).mean()), margin_of(gains))
    return out


def margin_of(gains: Sequence[float]) -> float:
    """Return how large the mean gain of strokes has to be not to be taken for chance.

    That of Student's test of pairs, one-sided: strokes are independent of each other,
    their pixels are not. One stroke says nothing.

    Examples
    --------
    >>> round(margin_of([0.1, 0.3, 0.2]), 3)  # 2.92 times 0.1 over the root of 3
    0.169
    >>> margin_of([0.4])
    inf
    """
    n = len(gains)
    if n < 2:
        return math.inf
    return float(stdtrit(n - 1, _SURE)) * stdev(gains) / math.sqrt(n)


def chosen_share(accuracy: Mapping[float, Accuracy]) -> float:
    """Return the share that is best by more than `ADVANTAGE` and its margin, else 0.

    Examples
    --------
    >>> def of(**shares: float) -> dict[float, Accuracy]:
    ...     return {0.0: Accuracy(0.9), 0.5: Accuracy(**shares)}
    >>> chosen_share(of(share=0.95)), chosen_share(of(share=0.905))
    (0.5, 0.0)
    >>> chosen_share(of(share=0.95, margin=0.1))
    0.0
    """
    best = max(accuracy, key=lambda share: accuracy[share].share)
    needed = max(ADVANTAGE, accuracy[best].margin)
    return best if accuracy[best].share > accuracy[0.0].share + needed else 0.0

"""What a network on scribbles minimises, as parts that processes may share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

from napari_ood_seg.core.training.patches import IGNORED

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Total = Callable[[Tensor], Tensor]
    """Sums a tensor over all processes; gradients do not pass."""


def alone(x: Tensor) -> Tensor:
    """Return `x`: the sum over the only process."""
    return x


def partial_cross_entropy(
    logits: Tensor, labels: Tensor, *, total: Total = alone
) -> Tensor:
    """Return the cross-entropy of the painted pixels, every class alike.

    Parameters
    ----------
    logits
        `(b, k, h, w)`.
    labels
        `(b, h, w)` class indices; `IGNORED` where nothing is painted.
    total
        Where the batch is shared out: what comes back is the part of this process.
        The parts of all sum to the loss of the whole batch, and so do their gradients.

    References
    ----------
    Tang et al., Normalized Cut Loss for Weakly-supervised CNN Segmentation, CVPR 2018,
    for partial cross-entropy.

    Examples
    --------
    Two pixels of class 0, one right and one undecided, and a sure one of class 1: the
    mean of log(2) / 2 and 0.

    >>> z = torch.tensor([[[[99.0, 0.0, 0.0, 5.0]], [[0.0, 0.0, 99.0, 5.0]]]])
    >>> y = torch.tensor([[[0, 0, 1, IGNORED]]])
    >>> round(float(partial_cross_entropy(z, y)), 4)
    0.1733
    """
    each = F.cross_entropy(logits, labels, ignore_index=IGNORED, reduction="none")
    return _balanced(each, labels, logits.shape[1], total)


def knownness(logits: Tensor) -> Tensor:
    """Return `(b, h, w)` scores of `(b, k, h, w)` logits; higher is more known.

    The log of the mean of `exp`: what cross-entropy leaves free, as it only compares
    the classes.

    Examples
    --------
    >>> knownness(torch.zeros(1, 3, 1, 1)).item()
    0.0
    """
    return torch.logsumexp(logits, 1) - math.log(logits.shape[1])


def known_risk(
    logits: Tensor,
    labels: Tensor,
    unlabelled: Tensor,
    *,
    prior: float,
    total: Total = alone,
) -> Tensor:
    """Return the non-negative PU risk of known against unknown, to descend on.

    That of `losses.pu.nnpu_risk` with `knownness` as the score, painted pixels as the
    positives, every class alike, and all pixels of other patches as the unlabelled.

    Parameters
    ----------
    logits, labels
        As for `partial_cross_entropy`; without paint the risk is 0.
    unlabelled
        `(n, k, h, w)` logits of patches from anywhere.
    prior
        Share of the unlabelled that is of the painted classes.
    total
        As for `partial_cross_entropy`.

    References
    ----------
    Kiryo et al., NeurIPS 2017; Liu et al., Energy-based Out-of-distribution
    Detection, NeurIPS 2020, for the score.
    """
    n_classes = logits.shape[1]
    known, anywhere = knownness(logits), knownness(unlabelled)
    as_positive = _balanced(torch.sigmoid(-known), labels, n_classes, total)
    as_negative = _balanced(torch.sigmoid(known), labels, n_classes, total)
    n = total(anywhere.new_tensor(float(anywhere.numel())))
    negative = torch.sigmoid(anywhere).sum() / n - prior * as_negative
    # which way to go is for all processes to say; each part is linear from there
    falls = total(negative.detach()) < 0
    return torch.where(falls, -negative, prior * as_positive + negative)


def _balanced(each: Tensor, labels: Tensor, n_classes: int, total: Total) -> Tensor:
    """Return this process's part of the mean over painted classes of their means."""
    painted = labels != IGNORED
    member = F.one_hot(labels[painted], n_classes).to(each)
    sums = (each[painted][:, None] * member).sum(0)
    counts = total(member.sum(0))
    n_painted = (counts > 0).sum().clamp_min(1)
    # nothing painted at all: zero, with gradients of zero
    return (sums / counts.clamp_min(1)).sum() / n_painted + 0.0 * each.sum()

"""Positive-unlabelled risks as pure functions of scores."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

if TYPE_CHECKING:
    from torch import Tensor


class PURisk(NamedTuple):
    """A PU risk and what to descend on.

    Attributes
    ----------
    value
        The estimate of the risk.
    objective
        What a training step minimises; differs from `value` where the estimated
        risk on the negatives went below zero.
    """

    value: Tensor
    objective: Tensor


def weighted_mean(x: Tensor, weights: Tensor | None) -> Tensor:
    """Return the mean of `x`, `(n,)`, under `weights` that need not sum to 1."""
    return x.mean() if weights is None else (x * weights).sum() / weights.sum()


def nnpu_risk(
    positive: Tensor,
    unlabelled: Tensor,
    *,
    prior: float,
    weights: Tensor | None = None,
) -> PURisk:
    """Return the non-negative PU risk with the sigmoid loss.

    With ``l(t) = sigmoid(-t)``: ``prior * E_P l(g) + max(0, E_U l(-g) - prior *
    E_P l(-g))``. Where the second term is negative, a step ascends it instead.

    Parameters
    ----------
    positive
        `(n,)` scores of labelled pixels; higher means more positive.
    unlabelled
        `(m,)` scores of unlabelled pixels.
    prior
        Share of positives among the unlabelled, in (0, 1).
    weights
        `(n,)` weights of the labelled pixels, for class balance.

    References
    ----------
    Kiryo et al., Positive-Unlabeled Learning with Non-Negative Risk Estimator,
    NeurIPS 2017, equation 6 and algorithm 1 (beta 0, gamma 1).

    Examples
    --------
    >>> zero = torch.zeros(4)
    >>> nnpu_risk(zero, zero, prior=0.5).value.item()
    0.5
    """
    on_positive = prior * weighted_mean(torch.sigmoid(-positive), weights)
    as_negative = prior * weighted_mean(torch.sigmoid(positive), weights)
    negative = torch.sigmoid(unlabelled).mean() - as_negative
    value = on_positive + negative.clamp_min(0)
    objective = torch.where(negative < 0, -negative, on_positive + negative)
    return PURisk(value, objective)


def upu_risk(
    positive: Tensor,
    unlabelled: Tensor,
    *,
    prior: float,
    weights: Tensor | None = None,
) -> Tensor:
    """Return the unbiased PU risk with the sigmoid loss; it may be negative.

    References
    ----------
    du Plessis et al., Convex Formulation for Learning from Positive and
    Unlabeled Data, ICML 2015.
    """
    on_positive = prior * weighted_mean(torch.sigmoid(-positive), weights)
    as_negative = prior * weighted_mean(torch.sigmoid(positive), weights)
    return on_positive + torch.sigmoid(unlabelled).mean() - as_negative


def logistic_pu_risk(
    positive: Tensor,
    unlabelled: Tensor,
    *,
    prior: float,
    weights: Tensor | None = None,
) -> PURisk:
    """Return the non-negative PU risk with the logistic loss ``softplus(-t)``."""
    on_positive = prior * weighted_mean(F.softplus(-positive), weights)
    as_negative = prior * weighted_mean(F.softplus(positive), weights)
    negative = F.softplus(unlabelled).mean() - as_negative
    value = on_positive + negative.clamp_min(0)
    objective = torch.where(negative < 0, -negative, on_positive + negative)
    return PURisk(value, objective)

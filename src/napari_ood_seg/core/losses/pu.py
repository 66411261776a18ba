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
        risk on the negatives, or the unknown, went below zero.
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


def one_vs_rest_risk(
    labelled: Tensor, classes: Tensor, unlabelled: Tensor, *, priors: Tensor
) -> PURisk:
    """Return the sum over classes of non-negative risks with labelled negatives.

    For class k, with `P_j` the pixels of class j and ``l(t) = sigmoid(-t)``:
    ``pi_k E_Pk l(g_k) + sum_{j != k} pi_j E_Pj l(-g_k) + max(0, E_U l(-g_k) -
    sum_j pi_j E_Pj l(-g_k))``. The last term is the risk on the unknown; where it is
    negative, a step ascends it instead.

    Parameters
    ----------
    labelled
        `(n, k)` scores of labelled pixels, at least one per class.
    classes
        `(n,)` their class indices.
    unlabelled
        `(m, k)` scores of unlabelled pixels.
    priors
        `(k,)` shares of the classes among the unlabelled; they sum to less than 1.

    References
    ----------
    Kiryo et al., NeurIPS 2017, for each class against the rest; the other labelled
    classes are used as the negatives that they are.

    Examples
    --------
    >>> rows, one = torch.zeros(2, 2), torch.tensor([0, 1])
    >>> priors = torch.tensor([0.25, 0.25])
    >>> one_vs_rest_risk(rows, one, rows, priors=priors).value.item()
    1.0
    """
    as_positive = class_means(torch.sigmoid(-labelled), classes, len(priors))
    as_negative = class_means(torch.sigmoid(labelled), classes, len(priors))
    all_negative = priors @ as_negative
    own = priors * as_positive.diagonal()
    others = all_negative - priors * as_negative.diagonal()
    unknown = torch.sigmoid(unlabelled).mean(0) - all_negative
    value = own + others + unknown.clamp_min(0)
    objective = torch.where(unknown < 0, -unknown, own + others + unknown)
    return PURisk(value.sum(), objective.sum())


def augmented_class_risk(
    labelled: Tensor,
    classes: Tensor,
    unlabelled: Tensor,
    *,
    priors: Tensor,
    penalty: float = 1.2,
    power: float = 1.0,
) -> PURisk:
    """Return the risk of telling apart the classes and one more, the unknown.

    With cross-entropy `l` and `theta E_L` taken as ``sum_k pi_k E_Pk``, so that the
    areas of the scribbles do not count: ``theta E_L l(f, y) + b`` with ``b = E_U l(f,
    k + 1) - theta E_L l(f, k + 1)``, plus ``penalty * (-b)^power`` where `b` is below
    zero.

    Parameters
    ----------
    labelled
        `(n, k + 1)` logits of labelled pixels, at least one per class; the last
        column is the unknown.
    classes
        `(n,)` class indices.
    unlabelled
        `(m, k + 1)` logits of unlabelled pixels.
    priors
        `(k,)` shares of the classes among the unlabelled; their sum is `theta`.

    References
    ----------
    Zhang et al., An Unbiased Risk Estimator for Learning with Augmented Classes
    (EULAC), NeurIPS 2020; Shu et al., A Generalized Unbiased Risk Estimator for
    Learning with Augmented Classes (GLAC-NRPR), AAAI 2023.

    Examples
    --------
    >>> rows = torch.zeros(4, 2)
    >>> risk = augmented_class_risk(
    ...     rows, torch.zeros(4, dtype=torch.int64), rows, priors=torch.tensor([0.5])
    ... )
    >>> risk.value.item()  # log 2: every pixel is as likely known as not
    0.6931471824645996
    """
    k = len(priors)
    known = -class_means(labelled.log_softmax(1), classes, k)
    supervised = (priors * known.diagonal()).sum()
    bracket = -unlabelled.log_softmax(1)[:, k].mean() - (priors * known[:, k]).sum()
    negative = (-bracket).clamp_min(0)
    risk = supervised + bracket + penalty * negative**power
    return PURisk(supervised + bracket, risk)


def taylor_log(x: Tensor, order: int = 2) -> Tensor:
    """Return the Taylor polynomial of `log x` about 1: `-sum_i (1 - x)^i / i`.

    Its slope is at most `order`, where that of `log x` has no bound.

    Examples
    --------
    >>> taylor_log(torch.tensor(0.5)).item()  # -(1/2 + 1/8)
    -0.625
    """
    gap = 1 - x
    terms = [gap**i / i for i in range(1, order + 1)]
    return -torch.stack(terms).sum(0)


def t_honecls_risk(
    positive: Tensor,
    unlabelled: Tensor,
    *,
    order: int = 2,
    weights: Tensor | None = None,
) -> Tensor:
    """Return the Taylor variational PU risk, which needs no class prior.

    ``-E_P log s(g) + T(E_U s(g))`` with the sigmoid `s` and `T` as `taylor_log`.
    The self-calibration of the paper, by a moving average of the network, is left
    out.

    Parameters
    ----------
    positive
        `(n,)` scores of labelled pixels; higher means more positive.
    unlabelled
        `(m,)` scores of unlabelled pixels.
    weights
        `(n,)` weights of the labelled pixels, for class balance.

    References
    ----------
    Zhao et al., Class Prior-Free Positive-Unlabeled Learning with Taylor Variational
    Loss for Hyperspectral Remote Sensing Imagery, ICCV 2023.

    Examples
    --------
    >>> zero = torch.zeros(4)  # log 2 - (1/2 + 1/8)
    >>> round(t_honecls_risk(zero, zero).item(), 4)
    0.0681
    """
    on_positive = weighted_mean(F.softplus(-positive), weights)
    return on_positive + taylor_log(torch.sigmoid(unlabelled).mean(), order)


def class_means(x: Tensor, classes: Tensor, k: int) -> Tensor:
    """Return the `(k, c)` means of the rows of `x`, `(n, c)`, of each of `k` classes.

    Examples
    --------
    >>> x = torch.tensor([[1.0], [3.0], [5.0]])
    >>> class_means(x, torch.tensor([0, 0, 1]), 2).tolist()
    [[2.0], [5.0]]
    """
    member = F.one_hot(classes, k).to(x)
    return (member / member.sum(0).clamp_min(1)).T @ x

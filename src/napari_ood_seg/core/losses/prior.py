"""How much of the unlabelled is of the labelled classes.

All estimates rest on irreducibility: somewhere, only labelled classes occur. Pixels
of an image are not independent, so the bounds behind `best_bin` are optimistic.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from torch import Tensor

    Scorer = Callable[[Tensor], Tensor]
    """From `(n, d)` features to `(n,)` scores; higher means more positive."""
    Trainer = Callable[[Tensor, Tensor], Scorer]
    """From positive and negative features to a scorer."""


def best_bin(
    positive: Tensor, unlabelled: Tensor, *, delta: float = 0.1, gamma: float = 0.01
) -> float:
    """Return the share of positives among the unlabelled (best bin estimation).

    With `q_P(c)` and `q_U(c)` the shares of scores of at least `c`, the estimate is
    ``q_U / q_P`` at the `c` where its upper bound ``q_U / q_P + (1 + gamma) / q_P *
    (sqrt(ln(4 / delta) / 2 n_U) + sqrt(ln(4 / delta) / 2 n_P))`` is smallest.

    Parameters
    ----------
    positive, unlabelled
        `(n,)` and `(m,)` scores of pixels that the classifier was not trained on;
        higher means more positive.
    delta
        How sure the bound is.

    References
    ----------
    Garg et al., Mixture Proportion Estimation and PU Learning: A Modern Approach,
    NeurIPS 2021, algorithm 1.

    Examples
    --------
    >>> best_bin(torch.ones(1000), torch.tensor([1.0, 0.0, 0.0, 0.0]).repeat(250))
    0.25
    """
    p = positive.detach().cpu().double().sort().values
    u = unlabelled.detach().cpu().double().sort().values
    thresholds = torch.cat([p, u]).unique()
    q_p = 1 - torch.searchsorted(p, thresholds).double() / len(p)
    q_u = 1 - torch.searchsorted(u, thresholds).double() / len(u)
    q_p, q_u = q_p[q_p > 0], q_u[q_p > 0]
    width = math.log(4 / delta) / 2
    slack = math.sqrt(width / len(u)) + math.sqrt(width / len(p))
    bound = (q_u + (1 + gamma) * slack) / q_p
    at = bound.argmin()
    return min(1.0, float(q_u[at] / q_p[at]))


def ted_n(
    positive: Tensor,
    unlabelled: Tensor,
    train: Trainer,
    *,
    rounds: int = 10,
    generator: torch.Generator,
) -> Generator[float]:
    """Yield estimates of the share of positives that a better classifier refines.

    Transform, estimate and discard: train positives against the unlabelled,
    estimate the share with `best_bin` on the half that was held out, drop that share
    of the unlabelled with the highest scores, and again. The last estimate is the
    best one; stopping early is not asking for the next.

    Parameters
    ----------
    positive, unlabelled
        `(n, d)` and `(m, d)` features; half of each is held out.
    train
        Returns a scorer trained on positives and negatives; `train_classifier` with
        its options bound is one.

    References
    ----------
    Garg et al., NeurIPS 2021, algorithms 2 and 3.
    """
    held_p, own_p = halves(positive, generator)
    held_u, own_u = halves(unlabelled, generator)
    negative = own_u
    for _ in range(rounds):
        score = train(own_p, negative)
        share = best_bin(score(held_p), score(held_u))
        yield share
        keep = max(1, round((1 - share) * len(own_u)))
        negative = own_u[score(own_u).argsort()[:keep]]


def train_classifier(
    positive: Tensor,
    negative: Tensor,
    *,
    hidden: int = 0,
    steps: int = 200,
    learning_rate: float = 0.05,
    seed: int = 0,
) -> Scorer:
    """Return the score of a small classifier; both sides weigh the same.

    Parameters
    ----------
    positive, negative
        `(n, d)` and `(m, d)` features.
    hidden
        Units of the hidden layer; 0 for a logistic regression.
    """
    generator = torch.Generator().manual_seed(seed)
    d = positive.shape[1]
    widths = [d, hidden, 1] if hidden > 0 else [d, 1]
    layers = []
    for n_in, n_out in pairwise(widths):
        weight = torch.randn(n_in, n_out, generator=generator) / math.sqrt(n_in)
        layers.append((weight.requires_grad_(), torch.zeros(n_out).requires_grad_()))

    def score(z: Tensor) -> Tensor:
        for weight, bias in layers[:-1]:
            z = torch.relu(z @ weight + bias)
        weight, bias = layers[-1]
        return (z @ weight + bias)[:, 0]

    optimiser = torch.optim.Adam(
        [p for layer in layers for p in layer], lr=learning_rate, weight_decay=1e-4
    )
    for _ in range(steps):
        loss = F.softplus(-score(positive)).mean() + F.softplus(score(negative)).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return torch.no_grad()(score)


def em_prior(
    probabilities: Tensor, trained_priors: Tensor, *, iterations: int = 200
) -> Tensor:
    """Return the `(k,)` class shares under which the probabilities are likeliest.

    Only where nothing is unknown: pixels of an unknown class are shared out among
    the known ones, and the estimate is wrong without any sign of it.

    Parameters
    ----------
    probabilities
        `(n, k)` class probabilities of the unlabelled.
    trained_priors
        `(k,)` class shares that the classifier was trained with.

    References
    ----------
    Saerens et al., Adjusting the Outputs of a Classifier to New a Priori
    Probabilities: A Simple Procedure, Neural Computation 2002.

    Examples
    --------
    >>> p = torch.tensor([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> em_prior(p, torch.tensor([0.5, 0.5])).tolist()
    [0.75, 0.25]
    """
    ratios = probabilities.double() / trained_priors.double()
    priors = trained_priors.double()
    for _ in range(iterations):
        joint = ratios * priors
        priors = (joint / joint.sum(1, keepdim=True).clamp_min(1e-300)).mean(0)
    return priors.to(probabilities)


def halves(z: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return two random halves of the rows of `z`; a single row is in both.

    Examples
    --------
    >>> a, b = halves(torch.arange(5), torch.Generator().manual_seed(0))
    >>> sorted(torch.cat([a, b]).tolist())
    [0, 1, 2, 3, 4]
    """
    if len(z) < 2:
        return z, z
    order = torch.randperm(len(z), generator=generator)
    at = len(z) // 2
    return z[order[:at]], z[order[at:]]

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_ood_seg.core.losses.pu import (
    PURisk,
    logistic_pu_risk,
    nnpu_risk,
    upu_risk,
    weighted_mean,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


def sigmoid_loss(t: Floats) -> Floats:
    out: Floats = 1 / (1 + np.exp(t))
    return out


def logistic_loss(t: Floats) -> Floats:
    out: Floats = np.log1p(np.exp(-t))
    return out


class Parts:
    """The three expectations of a PU risk, written down independently."""

    def __init__(
        self,
        loss: Callable[[Floats], Floats],
        positive: Floats,
        unlabelled: Floats,
        prior: float,
        weights: Floats | None,
    ) -> None:
        self.on_positive = prior * np.average(loss(positive), weights=weights)
        self.negative = loss(-unlabelled).mean() - prior * np.average(
            loss(-positive), weights=weights
        )


def case(
    seed: int, *, clamped: bool, weighted: bool
) -> tuple[Floats, Floats, Floats | None]:
    """Return scores; where `clamped`, the estimated negative risk is below zero."""
    rng = np.random.default_rng(seed)
    positive = rng.normal(3 if clamped else 0, 1, 40)
    unlabelled = rng.normal(-4 if clamped else 0.5, 1, 60)
    return positive, unlabelled, rng.random(40) if weighted else None


@pytest.mark.parametrize("prior", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("clamped", [False, True])
@pytest.mark.parametrize(
    ("risk", "loss"),
    [(nnpu_risk, sigmoid_loss), (logistic_pu_risk, logistic_loss)],
    ids=["sigmoid", "logistic"],
)
def test_non_negative_risk_equals_numpy(
    risk: Callable[..., PURisk],
    loss: Callable[[Floats], Floats],
    clamped: bool,
    weighted: bool,
    prior: float,
) -> None:
    p, u, w = case(1, clamped=clamped, weighted=weighted)
    got = risk(
        torch.from_numpy(p),
        torch.from_numpy(u),
        prior=prior,
        weights=None if w is None else torch.from_numpy(w),
    )
    parts = Parts(loss, p, u, prior, w)
    assert (parts.negative < 0) == clamped
    value = parts.on_positive + max(0.0, parts.negative)
    objective = -parts.negative if clamped else parts.on_positive + parts.negative
    assert float(got.value) == pytest.approx(value, rel=1e-12)
    assert float(got.objective) == pytest.approx(objective, rel=1e-12)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("clamped", [False, True])
def test_unbiased_risk_equals_numpy_and_may_be_negative(
    clamped: bool, weighted: bool
) -> None:
    p, u, w = case(2, clamped=clamped, weighted=weighted)
    got = upu_risk(
        torch.from_numpy(p),
        torch.from_numpy(u),
        prior=0.6,
        weights=None if w is None else torch.from_numpy(w),
    )
    parts = Parts(sigmoid_loss, p, u, 0.6, w)
    assert float(got) == pytest.approx(parts.on_positive + parts.negative, rel=1e-12)
    assert (float(got) < 0) == clamped


def test_unbiased_risk_is_the_risk_where_the_labels_are_known() -> None:
    """With all positives of the unlabelled in hand, it is the supervised risk."""
    rng = np.random.default_rng(3)
    positive, negative = rng.normal(1, 1, 30), rng.normal(-1, 1, 70)
    unlabelled = np.concatenate([positive, negative])
    got = upu_risk(torch.from_numpy(positive), torch.from_numpy(unlabelled), prior=0.3)
    supervised = np.concatenate(
        [sigmoid_loss(positive), sigmoid_loss(-negative)]
    ).mean()
    assert float(got) == pytest.approx(supervised, rel=1e-12)


@pytest.mark.parametrize("clamped", [False, True])
def test_a_step_raises_the_negative_risk_where_it_is_below_zero(clamped: bool) -> None:
    p, u, _ = case(4, clamped=clamped, weighted=False)
    scores = torch.from_numpy(u).requires_grad_()
    objective = nnpu_risk(torch.from_numpy(p), scores, prior=0.5).objective
    (slope,) = torch.autograd.grad(objective, scores)
    assert bool((slope < 0).all()) == clamped


def test_risk_falls_when_the_right_ones_move() -> None:
    p, u = torch.zeros(10), torch.zeros(10)
    start = nnpu_risk(p, u, prior=0.5).value
    assert nnpu_risk(p + 1, u, prior=0.5).value < start
    assert upu_risk(p, u - 1, prior=0.5) < upu_risk(p, u, prior=0.5)


def test_weights_need_not_sum_to_one() -> None:
    x, w = torch.tensor([1.0, 2.0, 6.0]), torch.tensor([1.0, 1.0, 2.0])
    assert float(weighted_mean(x, w)) == float(weighted_mean(x, 10 * w)) == 3.75
    assert float(weighted_mean(x, None)) == 3

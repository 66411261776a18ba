"""Risks over several classes and an unknown, and the one that needs no prior."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import expit, log_softmax

from napari_ood_seg.core.losses.pu import (
    augmented_class_risk,
    class_means,
    nnpu_risk,
    one_vs_rest_risk,
    t_honecls_risk,
    taylor_log,
    upu_risk,
)

PRIORS = np.array([0.2, 0.1, 0.3])
SIZES = (5, 40, 15)
CLASSES = np.repeat([0, 1, 2], SIZES)


def outputs(
    columns: int, seed: int, *, sure: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return float64 outputs of labelled and of unlabelled pixels.

    Where `sure` is large, the labelled are claimed by their class, and the unlabelled
    by all: the estimated risk on the unknown is then negative.
    """
    rng = np.random.default_rng(seed)
    labelled = rng.normal(size=(sum(SIZES), columns))
    labelled[np.arange(len(labelled)), CLASSES % columns] += sure
    unlabelled = rng.normal(size=(70, columns))
    return torch.from_numpy(labelled), torch.from_numpy(unlabelled)


LABELS = torch.from_numpy(CLASSES)
PI = torch.from_numpy(PRIORS)


# ------------------------------------------------------------------- one versus rest


@pytest.mark.parametrize("shift", [0.0, -6.0])
def test_one_vs_rest_equals_numpy(shift: float) -> None:
    g, u = outputs(3, 1, sure=3.0)
    u = u + shift
    value, objective = 0.0, 0.0
    for k in range(3):
        own = PRIORS[k] * expit(-g.numpy()[k == CLASSES, k]).mean()
        per_class = [
            PRIORS[j] * expit(g.numpy()[j == CLASSES, k]).mean() for j in range(3)
        ]
        others = sum(per_class) - per_class[k]
        unknown = expit(u.numpy()[:, k]).mean() - sum(per_class)
        assert (unknown < 0) == (shift < 0)
        value += own + others + max(0.0, unknown)
        objective += -unknown if unknown < 0 else own + others + unknown
    got = one_vs_rest_risk(g, LABELS, u, priors=PI)
    assert float(got.value) == pytest.approx(value, rel=1e-12)
    assert float(got.objective) == pytest.approx(objective, rel=1e-12)


def test_one_vs_rest_of_one_class_is_nnpu() -> None:
    g, u = outputs(1, 2)
    for shift in (0.0, -9.0):
        one = one_vs_rest_risk(
            g,
            torch.zeros(60, dtype=torch.int64),
            u + shift,
            priors=torch.tensor([0.4], dtype=torch.float64),
        )
        same = nnpu_risk(g[:, 0], u[:, 0] + shift, prior=0.4)
        torch.testing.assert_close(one.value, same.value)
        torch.testing.assert_close(one.objective, same.objective)


def test_one_vs_rest_is_unbiased() -> None:
    """With a sample that has the priors, it is the risk with all labels known."""
    rng = np.random.default_rng(3)
    sizes = np.array([20, 10, 30, 40])  # the last is the unknown
    truth = np.repeat(np.arange(4), sizes)
    g = rng.normal(size=(100, 3))
    g[truth < 3, truth[truth < 3]] -= 3  # so that no estimate is below zero
    signs = np.where(truth[:, None] == np.arange(3), 1, -1)
    supervised = expit(-signs * g).mean(0).sum()
    known = torch.from_numpy(g[truth < 3])
    labels = torch.from_numpy(truth[truth < 3])
    got = one_vs_rest_risk(
        known, labels, torch.from_numpy(g), priors=torch.from_numpy(sizes[:3] / 100)
    )
    assert float(got.value) == pytest.approx(supervised, rel=1e-12)
    assert float(got.objective) == pytest.approx(supervised, rel=1e-12)


def test_one_vs_rest_steps_up_where_the_unknown_has_negative_risk() -> None:
    g, u = outputs(3, 4, sure=3.0)
    for shift, negative in ((0.0, False), (-6.0, True)):
        rest = (u + shift).requires_grad_()
        objective = one_vs_rest_risk(g, LABELS, rest, priors=PI).objective
        (slope,) = torch.autograd.grad(objective, rest)
        assert bool((slope < 0).all()) == negative
        assert bool((slope > 0).all()) != negative


# ------------------------------------------------------------------- augmented class


def parts(g: torch.Tensor, u: torch.Tensor) -> tuple[float, float]:
    """Return the supervised term and the bracket, by loops over the classes."""
    ce, ce_u = -log_softmax(g.numpy(), axis=1), -log_softmax(u.numpy(), axis=1)
    supervised = sum(PRIORS[k] * ce[k == CLASSES, k].mean() for k in range(3))
    known = sum(PRIORS[k] * ce[k == CLASSES, 3].mean() for k in range(3))
    return supervised, ce_u[:, 3].mean() - known


@pytest.mark.parametrize("power", [1.0, 2.0])
@pytest.mark.parametrize("shift", [0.0, 4.0])
def test_augmented_equals_numpy(shift: float, power: float) -> None:
    g, u = outputs(4, 5)
    u[:, 3] += shift
    supervised, bracket = parts(g, u)
    assert (bracket < 0) == (shift > 0)
    got = augmented_class_risk(g, LABELS, u, priors=PI, penalty=1.2, power=power)
    extra = 1.2 * max(0.0, -bracket) ** power
    assert float(got.value) == pytest.approx(supervised + bracket, rel=1e-12)
    assert float(got.objective) == pytest.approx(
        supervised + bracket + extra, rel=1e-12
    )


def test_augmented_is_unbiased() -> None:
    rng = np.random.default_rng(6)
    truth = np.repeat(np.arange(4), [20, 10, 30, 40])
    f = rng.normal(size=(100, 4))
    supervised = -log_softmax(f, axis=1)[np.arange(100), truth].mean()
    got = augmented_class_risk(
        torch.from_numpy(f[truth < 3]),
        torch.from_numpy(truth[truth < 3]),
        torch.from_numpy(f),
        priors=torch.tensor([0.2, 0.1, 0.3], dtype=torch.float64),
    )
    assert float(got.value) == pytest.approx(supervised, rel=1e-12)


def test_augmented_is_unbiased_on_fresh_samples() -> None:
    """Labelled and unlabelled drawn apart, with scribbles of unlike areas."""
    rng = np.random.default_rng(7)
    centres = 2 * rng.normal(size=(4, 4))

    def draw(sizes: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
        labels = np.repeat(np.arange(len(sizes)), sizes)
        f = centres[labels] + rng.normal(size=(len(labels), 4))
        return torch.from_numpy(f), torch.from_numpy(labels)

    f, labels = draw([90_000, 2_000, 30_000])
    u, truth = draw([40_000, 20_000, 60_000, 80_000])
    supervised = torch.nn.functional.cross_entropy(u, truth)
    got = augmented_class_risk(f, labels, u, priors=PI)
    assert float(got.value) == pytest.approx(float(supervised), abs=0.02)


def test_augmented_without_unknown_is_supervised() -> None:
    """At theta 1, unlabelled pixels that look like the labelled ones cancel."""
    f = torch.from_numpy(np.random.default_rng(8).normal(size=(60, 4)))
    priors = torch.tensor(SIZES, dtype=torch.float64) / 60
    got = augmented_class_risk(f, LABELS, f, priors=priors)
    supervised = torch.nn.functional.cross_entropy(f, LABELS)
    torch.testing.assert_close(got.value, supervised)
    torch.testing.assert_close(got.objective, supervised)


def test_augmented_of_no_known_share_is_all_unknown() -> None:
    g, u = outputs(4, 9)
    got = augmented_class_risk(g, LABELS, u, priors=torch.zeros(3).double())
    torch.testing.assert_close(got.value, -u.log_softmax(1)[:, 3].mean())


def test_augmented_penalty_turns_the_slope() -> None:
    """Penalty 1.2: where the bracket is negative, a step raises it, slowly."""
    g, u = outputs(4, 10)
    slopes = []
    for shift in (0.0, 4.0):
        rest = u.clone()
        rest[:, 3] += shift
        rest.requires_grad_()
        objective = augmented_class_risk(g, LABELS, rest, priors=PI).objective
        (slope,) = torch.autograd.grad(objective, rest)
        slopes.append(slope[:, 3])
    assert (slopes[0] < 0).all()
    assert (slopes[1] > 0).all()


# ----------------------------------------------------------------------- T-HOneCls


@pytest.mark.parametrize("order", [1, 2, 5])
def test_taylor_equals_horner(order: int) -> None:
    x = torch.linspace(0.01, 1, 20).double()
    expected = torch.zeros_like(x)
    for i in range(order, 0, -1):
        expected = (1 - x) * (expected + 1 / i)
    torch.testing.assert_close(taylor_log(x, order), -expected)


def test_taylor_becomes_the_logarithm() -> None:
    x = torch.linspace(0.05, 1, 20).double()
    gaps = [(taylor_log(x, o) - x.log()).abs().max() for o in (1, 5, 50, 500)]
    assert gaps == sorted(gaps, reverse=True)
    torch.testing.assert_close(taylor_log(x, 500), x.log())


def test_taylor_slope_is_bounded() -> None:
    x = torch.tensor(1e-8, dtype=torch.float64, requires_grad=True)
    (slope,) = torch.autograd.grad(taylor_log(x, 2), x)
    assert float(slope) == pytest.approx(2)


@pytest.mark.parametrize("weighted", [False, True])
def test_t_honecls_equals_numpy(weighted: bool) -> None:
    rng = np.random.default_rng(11)
    p, u, w = rng.normal(size=30), rng.normal(size=50), rng.random(30)
    rest = 1 - expit(u).mean()
    expected = -np.average(np.log(expit(p)), weights=w if weighted else None)
    expected -= rest + rest**2 / 2
    got = t_honecls_risk(
        torch.from_numpy(p),
        torch.from_numpy(u),
        weights=torch.from_numpy(w) if weighted else None,
    )
    assert float(got) == pytest.approx(expected, rel=1e-12)


def test_t_honecls_of_high_order_is_the_variational_risk() -> None:
    """VPU: the logarithm of the mean on the unlabelled, less the mean logarithm."""
    p, u = outputs(1, 12)
    got = t_honecls_risk(p[:, 0], u[:, 0], order=400)
    expected = u.sigmoid().mean().log() - p.sigmoid().log().mean()
    torch.testing.assert_close(got, expected)


def test_variational_risk_is_least_at_the_posterior() -> None:
    """At the true share of positives in each bin, the VPU slope is zero."""
    positive, negative = np.array([40.0, 30, 20, 10]), np.array([0.0, 10, 40, 150])
    shares = torch.from_numpy(positive / (positive + negative)).clamp(1e-9, 1 - 1e-9)
    g = shares.logit().requires_grad_()
    at_p = torch.arange(4).repeat_interleave(torch.from_numpy(positive).long())
    total = torch.from_numpy(positive + negative).long()
    at_u = torch.arange(4).repeat_interleave(total)
    (slope,) = torch.autograd.grad(t_honecls_risk(g[at_p], g[at_u], order=2000), g)
    assert float(slope.abs().max()) < 1e-6


# ---------------------------------------------------------------------------- nnPU


@pytest.mark.parametrize("prior", [0.1, 0.4])
def test_nnpu_is_upu_where_the_bracket_is_not_negative(prior: float) -> None:
    p, u = outputs(1, 13)
    unbiased = upu_risk(p[:, 0], u[:, 0], prior=prior)
    clipped = nnpu_risk(p[:, 0], u[:, 0], prior=prior)
    torch.testing.assert_close(clipped.value, unbiased)
    torch.testing.assert_close(clipped.objective, unbiased)


def test_upu_is_unbiased_on_fresh_samples() -> None:
    rng = np.random.default_rng(14)
    p = torch.from_numpy(rng.normal(1, 1, 200_000))
    truth = rng.random(200_000) < 0.3
    u = torch.from_numpy(np.where(truth, 1, -1) + rng.normal(size=200_000))
    supervised = expit(np.where(truth, -1, 1) * u.numpy()).mean()
    assert float(upu_risk(p, u, prior=0.3)) == pytest.approx(supervised, abs=5e-3)


def test_class_means_of_an_absent_class_are_zero() -> None:
    means = class_means(torch.ones(2, 3), torch.tensor([0, 2]), 3)
    assert means.tolist() == [[1, 1, 1], [0, 0, 0], [1, 1, 1]]

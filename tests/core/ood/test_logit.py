"""Scores of logits against scipy and plain loops, and what must not change them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy import optimize, special, stats

from napari_ood_seg.core.ood import confidence, logit
from napari_ood_seg.core.ood.head import LinearHead
from tests.contracts.detector import draw
from tests.core.ood.uneven import Scene, as_array

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_ood_seg.core.ood.base import PixelDetector
    from tests.core.ood.uneven import Floats


def softmax(logits: Floats) -> Floats:
    out: Floats = special.softmax(logits, axis=1)
    return out


def gen(p: Floats, gamma: float, top: int) -> Floats:
    rows = [sorted(row, reverse=True)[:top] for row in p]
    return np.array([sum((q * (1 - q)) ** gamma for q in row) for row in rows])


LOGITS = 2 * draw(60, 5, seed=3).double()
F = as_array(LOGITS)
P = softmax(F)


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (confidence.softmax_doubt(LOGITS).exp(), 1 - P.max(1)),
        (confidence.softmax_doubt(LOGITS, 3).exp(), 1 - softmax(F / 3).max(1)),
        (confidence.energy(LOGITS), -special.logsumexp(F, axis=1)),
        (confidence.energy(LOGITS, 4), -4 * special.logsumexp(F / 4, axis=1)),
        (confidence.entropy(LOGITS), stats.entropy(P, axis=1)),
        (confidence.generalised_entropy(LOGITS), gen(P, 0.1, 5)),
        (confidence.generalised_entropy(LOGITS, gamma=0.5, top=2), gen(P, 0.5, 2)),
        (confidence.generalised_entropy(LOGITS, top=99), gen(P, 0.1, 5)),
        (confidence.doctor(LOGITS), 1 / (P**2).sum(1) - 1),
        (confidence.log_complement(LOGITS).exp(), 1 - P),
    ],
    ids=[
        "msp",
        "msp T=3",
        "energy",
        "energy T=4",
        "entropy",
        "gen",
        "gen top 2",
        "gen top all",
        "doctor",
        "complement",
    ],
)
def test_formula_equals_scipy(got: torch.Tensor, expected: Floats) -> None:
    np.testing.assert_allclose(got, expected, rtol=1e-9)


def test_kl_matching_equals_scipy() -> None:
    templates = softmax(np.random.default_rng(0).normal(size=(4, 5)))
    got = confidence.kl_matching(LOGITS, torch.from_numpy(np.log(templates)))
    expected = [min(stats.entropy(p, d) for d in templates) for p in P]
    np.testing.assert_allclose(got, expected, rtol=1e-9)


SHIFTLESS: list[Callable[[torch.Tensor], torch.Tensor]] = [
    confidence.softmax_doubt,
    confidence.entropy,
    confidence.generalised_entropy,
    confidence.doctor,
]


@pytest.mark.parametrize("score", SHIFTLESS)
def test_softmax_scores_ignore_what_all_classes_share(
    score: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    shift = 50 * draw(60, 1, seed=8).double()
    torch.testing.assert_close(score(LOGITS + shift), score(LOGITS))


@pytest.mark.parametrize("score", SHIFTLESS)
def test_sure_pixels_in_float32_are_told_apart(
    score: Callable[[torch.Tensor], torch.Tensor],
) -> None:
    """`1 - max p` is zero in float32 from a gap of 17 on."""
    gaps = torch.arange(20.0, 40.0)
    scores = score(torch.stack([gaps, torch.zeros(20)], dim=1))
    assert (scores.diff() < 0).all()


# --------------------------------------------------------------------- detectors

SCENE = Scene()
F_X = SCENE.logits(SCENE.points)
F_ROWS = SCENE.logits(SCENE.rows)


def scored(detector: PixelDetector) -> Floats:
    return as_array(detector.fit(SCENE.pixels).score(SCENE.x))


def own(make: Callable[..., PixelDetector], **options: float) -> Floats:
    return scored(make(head=SCENE.head, **options))


@pytest.mark.parametrize(
    ("got", "expected"),
    [
        (own(logit.MaximumSoftmax), np.log(1 - softmax(F_X).max(1))),
        (
            own(logit.MaximumSoftmax, temperature=5.0),
            np.log(1 - softmax(F_X / 5).max(1)),
        ),
        (own(logit.MaxLogit), -F_X.max(1)),
        (own(logit.Energy), -special.logsumexp(F_X, axis=1)),
        (
            own(logit.Energy, temperature=2.0),
            -2 * special.logsumexp(F_X / 2, axis=1),
        ),
        (own(logit.Entropy), stats.entropy(softmax(F_X), axis=1)),
        (own(logit.GeneralisedEntropy, gamma=0.3), gen(softmax(F_X), 0.3, 3)),
        (own(logit.Doctor), 1 / (softmax(F_X) ** 2).sum(1) - 1),
    ],
    ids=["msp", "msp T", "max logit", "energy", "energy T", "entropy", "gen", "doctor"],
)
def test_detector_equals_scipy(got: Floats, expected: Floats) -> None:
    np.testing.assert_allclose(got, expected, rtol=2e-3, atol=1e-4)


def test_energy_at_low_temperature_is_max_logit() -> None:
    np.testing.assert_allclose(
        own(logit.Energy, temperature=1e-3), own(logit.MaxLogit), rtol=1e-3, atol=1e-3
    )


def test_kl_matching_learns_the_mean_of_each_predicted_class() -> None:
    p_rows = softmax(F_ROWS)
    templates = [p_rows[F_ROWS.argmax(1) == k].mean(0) for k in range(3)]
    expected = [min(stats.entropy(p, d) for d in templates) for p in softmax(F_X)]
    np.testing.assert_allclose(own(logit.KLMatching), expected, rtol=1e-3, atol=1e-5)


def test_standardised_max_logit_equals_loops() -> None:
    predicted, best = F_ROWS.argmax(1), F_ROWS.max(1)
    expected = []
    for f in F_X:
        same = best[predicted == f.argmax()]
        expected.append(-(f.max() - same.mean()) / same.std())
    np.testing.assert_allclose(
        own(logit.StandardisedMaxLogit), expected, rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize(("scale", "shift"), [(7.0, 0.0), (1.0, -30.0), (0.1, 4.0)])
def test_standardised_max_logit_ignores_scale_and_shift(
    scale: float, shift: float
) -> None:
    head = LinearHead(scale * SCENE.head.weight, scale * SCENE.head.bias + shift)
    moved = scored(logit.StandardisedMaxLogit(head=head))
    np.testing.assert_allclose(
        moved, own(logit.StandardisedMaxLogit), rtol=1e-3, atol=1e-3
    )


def test_standardised_max_logit_ignores_scale_and_shift_of_one_class() -> None:
    """As long as the same class is predicted."""
    logits = torch.tensor([[5.0, 1.0], [4.0, 0.0], [1.0, 3.0], [0.0, 2.5]])
    mean, std = torch.tensor([4.5, 2.75]), torch.tensor([0.5, 0.25])
    a, b = torch.tensor([2.0, 1.1]), torch.tensor([1.0, 0.3])
    moved = a * logits + b
    assert torch.equal(moved.argmax(1), logits.argmax(1))
    torch.testing.assert_close(
        confidence.standardised_max_logit(moved, a * mean + b, a * std),
        confidence.standardised_max_logit(logits, mean, std),
    )


def test_odin_equals_autograd() -> None:
    z = SCENE.x.double().requires_grad_()
    f = z @ SCENE.head.weight.double().T + SCENE.head.bias.double()
    loss = torch.nn.functional.cross_entropy(f / 10, f.argmax(1), reduction="sum")
    (slope,) = torch.autograd.grad(loss, z)
    moved = as_array((z - 0.05 * slope.sign()).detach())
    expected = np.log(1 - softmax(SCENE.logits(moved) / 10).max(1))
    got = own(logit.ODIN, temperature=10.0, step=0.05)
    np.testing.assert_allclose(got, expected, rtol=1e-3)


def test_odin_without_a_step_is_the_softmax() -> None:
    np.testing.assert_allclose(
        own(logit.ODIN, temperature=10.0, step=0.0),
        own(logit.MaximumSoftmax, temperature=10.0),
        rtol=1e-6,
    )


def test_odin_makes_the_predicted_class_likelier() -> None:
    assert (
        own(logit.ODIN, temperature=10.0, step=0.05)
        <= own(logit.MaximumSoftmax, temperature=10.0)
    ).all()


def test_temperature_is_where_scipy_finds_it() -> None:
    def loss(t: float) -> float:
        p = softmax(F_ROWS / t)[np.arange(len(F_ROWS)), SCENE.labels]
        return float(-(SCENE.weights * np.log(p)).sum())

    best = optimize.minimize_scalar(loss, bounds=(0.05, 20), method="bounded").x
    detector = logit.TemperatureScaling(head=SCENE.head).fit(SCENE.pixels)
    found = float(detector.tensors()["temperature"])
    assert found == pytest.approx(best, rel=1e-3)
    expected = np.log(1 - softmax(F_X / found).max(1))
    np.testing.assert_allclose(detector.score(SCENE.x), expected, rtol=1e-3, atol=1e-4)


def test_temperature_of_calibrated_logits_is_one() -> None:
    rng = np.random.default_rng(0)
    f = rng.normal(0, 2, size=(20_000, 3))
    drawn = np.array([rng.choice(3, p=p) for p in softmax(f)])
    found = logit.best_temperature(
        torch.from_numpy(3 * f), torch.from_numpy(drawn), torch.full((20_000,), 1 / 2e4)
    )
    assert float(found) == pytest.approx(3, rel=0.05)

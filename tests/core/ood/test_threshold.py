from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from napari_ood_seg.core.ood.threshold import (
    HELD_OUT_SHARE,
    LEVELS,
    Calibration,
    conformal_quantiles,
    stroke_quantiles,
)
from tests.contracts.detector import draw

if TYPE_CHECKING:
    from napari_ood_seg.core.ood.threshold import Method


def normal(n: int, at: float = 0.0, seed: int = 0) -> torch.Tensor:
    return draw(n, 1, at=at, seed=seed)[:, 0]


GROUPS = [
    [normal(10, seed=1), normal(300, 1, seed=2)],
    [normal(5, 2, seed=3)],
    [normal(50, -1, seed=4), normal(7, 3, seed=5), normal(1, 0, seed=6)],
]
BY_CLASS = dict(enumerate(GROUPS, start=1))


def quantile(quantiles: torch.Tensor, share: float) -> float:
    return float(np.interp(share, LEVELS, quantiles))


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9, 0.95, 0.99])
def test_stroke_quantiles_solve_the_mixture(share: float) -> None:
    means, spreads = [], []
    for strokes in GROUPS:
        n, centres = len(strokes), [float(s.double().mean()) for s in strokes]
        within = np.mean([s.double().numpy().var() for s in strokes])
        between = np.var(centres, ddof=1) * (1 + 1 / n) if n > 1 else 0.0
        means.append(np.mean(centres))
        spreads.append(np.sqrt(within + between))

    def excess(x: float) -> float:
        return float(np.mean(stats.t.cdf(x, 3, means, spreads))) - share

    expected = optimize.brentq(excess, -90, 90)
    found = quantile(stroke_quantiles(GROUPS), share)
    assert found == pytest.approx(expected, abs=2e-2)


def test_a_new_stroke_keeps_its_share() -> None:
    """Four strokes, then one more of the same kind, over and over.

    At least as much as promised: strokes are counted as if pixels of one were alike.
    """
    rng = np.random.default_rng(0)
    kept = []
    for _ in range(300):
        centres = rng.normal(size=5) * 2.0
        strokes = [torch.from_numpy(c + rng.normal(size=40)) for c in centres]
        at = quantile(stroke_quantiles([strokes[:4]]), 0.95)
        kept.append(float((strokes[4] <= at).double().mean()))
    assert 0.94 < np.mean(kept) < 0.99


def test_strokes_of_equal_scores_have_finite_quantiles() -> None:
    q = stroke_quantiles([[torch.full((9,), 4.0)]])
    np.testing.assert_allclose(q, 4.0, atol=1e-6)


def test_a_stray_stroke_of_many_widens_the_tail() -> None:
    usual = [normal(200, seed=i) for i in range(7)]
    stray = [*usual, normal(200, at=5.0, seed=9)]
    assert quantile(stroke_quantiles([stray]), 0.95) > 1 + quantile(
        stroke_quantiles([usual]), 0.95
    )


def test_conformal_quantiles_weigh_classes_and_strokes_alike() -> None:
    classes = [
        [torch.full((3,), 1.0)],
        [torch.full((3000,), 2.0), torch.full((10,), 3.0)],
    ]
    q = conformal_quantiles(classes)
    shares = [quantile(q, p) for p in (0.2, 0.49, 0.6, 0.74, 0.8, 0.99)]
    assert shares == [1.0, 1.0, 2.0, 2.0, 3.0, 3.0]


def test_a_further_pixel_is_no_more_often_beyond_than_promised() -> None:
    """Split conformal prediction, exactly: the rank of one more pixel is uniform."""
    n = 99
    q = conformal_quantiles([[torch.arange(n).float()]])
    for share in (0.5, 0.9, 0.95):
        at = int((LEVELS - share).abs().argmin())
        beyond = sum(float(q[at]) < x for x in np.arange(n + 1) - 0.5) / (n + 1)
        assert beyond <= 1 - LEVELS[at] + 1e-9
        assert beyond > 1 - LEVELS[at] - 2 / n


def test_quantiles_lie_between_held_out_and_fitted_ones() -> None:
    fitted = {i: [s - 2.0 for s in strokes] for i, strokes in BY_CLASS.items()}
    calibration = Calibration.fit(BY_CLASS, fitted)
    own, held = stroke_quantiles(list(fitted.values())), stroke_quantiles(GROUPS)
    expected = HELD_OUT_SHARE * held + (1 - HELD_OUT_SHARE) * own
    np.testing.assert_allclose(calibration.quantiles[0], expected, atol=1e-5)
    assert calibration.n_strokes == 6


def test_with_nothing_held_out_the_fitted_ones_count() -> None:
    calibration = Calibration.fit({}, BY_CLASS)
    assert calibration.n_strokes == 0
    np.testing.assert_allclose(
        calibration.quantiles[0], stroke_quantiles(GROUPS), atol=1e-5
    )


@pytest.mark.parametrize("method", ["strokes", "pixels"])
def test_each_class_keeps_its_share(method: Method) -> None:
    groups = {
        c: [normal(400, at=5.0 * c, seed=10 * c + i) for i in range(12)] for c in (1, 2)
    }
    calibration = Calibration.fit(groups, groups, method=method, per_class=True)
    for index, c in enumerate((1, 2)):
        fresh = normal(4000, at=5.0 * c, seed=99 + c)
        best = torch.full((4000,), index)
        kept = (calibration.typicality(fresh, best) >= 0.05).float().mean()
        assert float(kept) == pytest.approx(0.95, abs=0.015)
    as_other = calibration.typicality(torch.tensor([10.0]), torch.tensor([0]))
    assert float(as_other) < 1e-3


def test_a_class_of_which_nothing_was_held_out_gets_the_common_quantiles() -> None:
    held = {1: [normal(50, seed=1)]}
    fitted = {1: [normal(50, seed=1)], 2: [normal(50, 3.0, seed=2)]}
    rows = Calibration.fit(held, fitted, per_class=True).quantiles
    common = Calibration.fit(held, fitted).quantiles[0]
    assert torch.equal(rows[1], common)
    assert not torch.equal(rows[0], common)


@pytest.mark.parametrize("keep", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_threshold_keeps_that_share(keep: float) -> None:
    held = {1: [normal(20_000)]}
    calibration = Calibration.fit(held, held, method="pixels")
    known = calibration.typicality(held[1][0]).numpy() >= np.float32(1 - keep)
    assert known.mean() == pytest.approx(keep, abs=2e-3)


def test_typicality_is_one_minus_the_distribution_function() -> None:
    held = {1: [normal(200_000)]}
    calibration = Calibration.fit(held, held)
    expected = stats.t.sf(np.linspace(-2.5, 2.5, 21), 2)  # the least freedom
    x = torch.linspace(-2.5, 2.5, 21)
    np.testing.assert_allclose(calibration.typicality(x), expected, atol=5e-3)


def test_ends_are_one_and_zero() -> None:
    calibration = Calibration.fit(BY_CLASS, BY_CLASS)
    assert calibration.typicality(torch.tensor([-1e9, 1e9])).tolist() == [1.0, 0.0]


@settings(max_examples=60, deadline=None)
@given(
    held=st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=40),
    x=st.lists(st.floats(-60, 60, width=32), min_size=2, max_size=20),
    counted=st.booleans(),
)
def test_typicality_falls_from_one_to_zero(
    held: list[float], x: list[float], counted: bool
) -> None:
    groups = {1: [torch.tensor(held)]}
    calibration = Calibration.fit(
        groups, groups, method="pixels" if counted else "strokes"
    )
    t = calibration.typicality(torch.tensor(sorted(x)))
    assert (t.diff() <= 1e-6).all()
    assert ((t >= 0) & (t <= 1)).all()


def test_empty_strokes_and_classes_do_not_count() -> None:
    empty = torch.zeros(0)
    spoilt = {i: [*strokes, empty] for i, strokes in BY_CLASS.items()} | {9: [empty]}
    clean = Calibration.fit(BY_CLASS, BY_CLASS)
    found = Calibration.fit(spoilt, spoilt)
    assert torch.equal(found.quantiles, clean.quantiles)
    assert found.n_strokes == clean.n_strokes


def test_shape_is_kept_and_nan_is_the_least_typical() -> None:
    calibration = Calibration.fit(BY_CLASS, BY_CLASS)
    x = torch.tensor([[0.0, float("nan")], [1.0, float("inf")]])
    t = calibration.typicality(x)
    assert t.shape == (2, 2)
    assert t.dtype == torch.float32
    assert t[0, 1] == 0
    assert torch.equal(t.T, calibration.typicality(x.T))

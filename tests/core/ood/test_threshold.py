from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_ood_seg.core.ood.threshold import Calibration
from tests.contracts.detector import draw


def normal(n: int, at: float = 0.0, seed: int = 0) -> torch.Tensor:
    return draw(n, 1, at=at, seed=seed)[:, 0]


def brute_typicality(groups: list[list[torch.Tensor]], score: float) -> float:
    """Return the mean over classes of the mean over strokes of `share >= score`."""
    return float(
        np.mean(
            [
                np.mean([(s.numpy() >= score).mean() for s in strokes])
                for strokes in groups
            ]
        )
    )


GROUPS = [
    [normal(10, seed=1), normal(300, 1, seed=2)],
    [normal(5, 2, seed=3)],
    [normal(50, -1, seed=4), normal(7, 3, seed=5), normal(1, 0, seed=6)],
]


def test_typicality_equals_brute_force() -> None:
    calibration = Calibration.fit(GROUPS, n_strokes=6)
    seen = torch.cat([s for strokes in GROUPS for s in strokes])
    x = torch.cat([seen, normal(50, seed=9), torch.tensor([-99.0, 99.0])])
    expected = [brute_typicality(GROUPS, float(v)) for v in x]
    np.testing.assert_allclose(calibration.typicality(x), expected, atol=1e-5)
    assert calibration.n_strokes == 6


def test_ends_are_exactly_one_and_nearly_zero() -> None:
    calibration = Calibration.fit(GROUPS, n_strokes=6)
    low, high = calibration.typicality(torch.tensor([-1e9, 1e9]))
    assert low == 1
    assert 0 <= high < 1e-5


@settings(max_examples=60, deadline=None)
@given(
    held=st.lists(st.floats(-50, 50, width=32), min_size=1, max_size=40),
    x=st.lists(st.floats(-60, 60, width=32), min_size=2, max_size=20),
)
def test_typicality_falls_from_one_to_zero(held: list[float], x: list[float]) -> None:
    calibration = Calibration.fit([[torch.tensor(held)]], n_strokes=1)
    t = calibration.typicality(torch.tensor(sorted(x)))
    assert (t.diff() <= 0).all()
    assert ((t >= 0) & (t <= 1)).all()


@pytest.mark.parametrize("keep", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_threshold_keeps_that_share_of_held_out_pixels(keep: float) -> None:
    held = normal(2000)
    calibration = Calibration.fit([[held]], n_strokes=1)
    at = calibration.threshold(keep)
    assert float((held <= at).float().mean()) == pytest.approx(keep, abs=1e-3)
    known = calibration.typicality(held).numpy() >= np.float32(1 - keep)
    assert known.mean() == pytest.approx(keep, abs=1e-3)


def test_threshold_is_the_smallest_that_keeps_enough() -> None:
    calibration = Calibration.fit([[torch.arange(1.0, 11.0)]], n_strokes=1)
    found = [calibration.threshold(k / 10) for k in range(1, 11)]
    assert found == list(range(1, 11))
    assert calibration.threshold(0.91) == 10
    assert calibration.threshold(1.0) == 10


def test_classes_weigh_the_same_however_many_pixels() -> None:
    few, many = torch.full((3,), 1.0), torch.full((3000,), 2.0)
    calibration = Calibration.fit([[few], [many]], n_strokes=2)
    t = calibration.typicality(torch.tensor([0.0, 1.5, 2.5]))
    torch.testing.assert_close(t, torch.tensor([1.0, 0.5, 0.0]), atol=1e-5, rtol=0)


def test_strokes_of_a_class_weigh_the_same() -> None:
    strokes = [torch.full((n,), float(i)) for i, n in enumerate((1, 10, 1000, 5))]
    calibration = Calibration.fit([strokes], n_strokes=4)
    t = calibration.typicality(torch.tensor([0.5, 1.5, 2.5]))
    torch.testing.assert_close(t, torch.tensor([0.75, 0.5, 0.25]), atol=1e-5, rtol=0)


def test_empty_strokes_and_classes_do_not_count() -> None:
    empty = torch.zeros(0)
    spoilt = Calibration.fit([*([*g, empty] for g in GROUPS), [empty], []], n_strokes=6)
    clean = Calibration.fit(GROUPS, n_strokes=6)
    assert torch.equal(spoilt.scores, clean.scores)
    assert torch.equal(spoilt.weights, clean.weights)


def test_shape_is_kept_and_nan_is_the_least_typical() -> None:
    calibration = Calibration.fit(GROUPS, n_strokes=6)
    x = torch.tensor([[0.0, float("nan")], [1.0, float("inf")]])
    t = calibration.typicality(x)
    assert t.shape == (2, 2)
    assert t.dtype == torch.float32
    assert t[0, 1] < 1e-5
    assert torch.equal(t.T, calibration.typicality(x.T))

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.covariance import EmpiricalCovariance

from napari_ood_seg.core.moments import Moments


def rows(n: int, d: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.randn(n, d, generator=torch.Generator().manual_seed(seed)) * 3 + 5


def assert_equal_bits(a: Moments, b: Moments) -> None:
    assert a.n == b.n
    assert torch.equal(a.total, b.total)
    assert torch.equal(a.outer, b.outer)


def test_equal_sklearn() -> None:
    z = rows(100)
    moments, expected = Moments.of(z), EmpiricalCovariance().fit(z.double().numpy())
    np.testing.assert_allclose(moments.mean, expected.location_, rtol=1e-12)
    np.testing.assert_allclose(moments.covariance, expected.covariance_, rtol=1e-9)
    np.testing.assert_allclose(moments.scatter, 100 * expected.covariance_, rtol=1e-9)


def test_always_float64_on_the_cpu_and_detached() -> None:
    moments = Moments.of(rows(5).half().requires_grad_())
    for tensor in (moments.total, moments.outer):
        assert tensor.dtype == torch.float64
        assert not tensor.requires_grad


@settings(max_examples=40, deadline=None)
@given(
    whole=st.lists(st.integers(-1000, 1000), min_size=2, max_size=60),
    cut=st.integers(0, 60),
)
def test_moments_of_a_union_are_the_sum(whole: list[int], cut: int) -> None:
    z = torch.tensor(whole, dtype=torch.float64).repeat(2, 1).T * 0.5
    union = Moments.of(z[:cut]) + Moments.of(z[cut:])
    assert_equal_bits(union, Moments.of(z))  # halves of integers: no rounding


def test_sum_of_those_that_exist_has_no_drift() -> None:
    parts = [Moments.of(rows(7, seed=i)) for i in range(6)]
    kept = parts[:3] + parts[4:]
    assert_equal_bits(Moments.sum(kept, 4), Moments.sum(list(kept), 4))
    by_hand = parts[0] + parts[1] + parts[2] + parts[4] + parts[5]
    assert_equal_bits(Moments.sum(kept, 4), Moments.zeros(4) + by_hand)


def test_nothing() -> None:
    nothing = Moments.sum([], 3)
    assert_equal_bits(nothing, Moments.zeros(3))
    assert_equal_bits(nothing, Moments.of(torch.zeros(0, 3)))
    assert torch.equal(nothing.mean, torch.zeros(3, dtype=torch.float64))
    assert torch.equal(nothing.covariance, torch.zeros(3, 3, dtype=torch.float64))


@pytest.mark.parametrize("weight", [0.25, 4.0])
def test_scaling_changes_the_weight_only(weight: float) -> None:
    moments = Moments.of(rows(9))
    scaled = moments.scaled(weight)
    assert scaled.n == 9 * weight
    torch.testing.assert_close(scaled.mean, moments.mean)
    torch.testing.assert_close(scaled.covariance, moments.covariance)

from __future__ import annotations

import numpy as np
import pytest

from napari_ood_seg.core.guidance.looks import (
    N_PICKS,
    TOLERANCE,
    group_looks,
    known_distance,
    log_distances,
    order_looks,
)

KNOWN, CLOTH, SHADE, ORGAN = range(4)
AREAS = {KNOWN: 20, CLOTH: 12, SHADE: 8, ORGAN: 4}
PLACES = np.array([[0, 0], [60, 0], [66, 0], [0, 12]], np.float32)
"""Two shades of cloth far from the class, an organ near it but elsewhere."""

EVEN = np.ones((8, 44), np.float32)


@pytest.fixture
def looks() -> np.ndarray:
    """Return columns of the four looks."""
    return np.repeat(list(AREAS), list(AREAS.values()))[None].repeat(8, 0)


@pytest.fixture
def within(looks: np.ndarray) -> np.ndarray:
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(2, *looks.shape))
    out: np.ndarray = (PLACES[looks].transpose(2, 0, 1) + noise).astype(np.float32)
    return out


def test_alike_cells_share_a_look() -> None:
    kinds = np.array([[0, 1], [2, 0]]).repeat(20, 0).repeat(20, 1)
    far = np.array([[0, 0], [60, 0], [0, 60]], np.float32)
    noise = np.random.default_rng(0).normal(size=(2, *kinds.shape))
    within = (far[kinds].transpose(2, 0, 1) + noise).astype(np.float32)
    found = group_looks([within], n=3)
    assert found.shape == kinds.shape
    groups = [np.unique(found[4:16, 4:16]), np.unique(found[24:36, 24:36])]
    assert groups[0].tolist() == groups[1].tolist()
    others = [np.unique(found[4:16, 24:36]), np.unique(found[24:36, 4:16])]
    assert sorted(np.concatenate([groups[0], *others]).tolist()) == [0, 1, 2]


def test_all_scales_count_the_same_whatever_their_channels() -> None:
    """A scale of four equal channels looks like one of a single such channel."""
    ramp = np.linspace(-9, 9, 40, dtype=np.float32)[None, None].repeat(8, 1)
    across = np.linspace(-9, 9, 8, dtype=np.float32)[None, :, None].repeat(40, 2)
    one = group_looks([ramp, across], n=8)
    four = group_looks([ramp.repeat(4, 0), across], n=8)
    np.testing.assert_array_equal(one, four)


def test_looks_do_not_depend_on_the_run(within: np.ndarray) -> None:
    np.testing.assert_array_equal(group_looks([within]), group_looks([within]))


def test_one_cell_is_one_look() -> None:
    assert group_looks([np.ones((3, 1, 1), np.float32)]).tolist() == [[0]]


def test_distance_is_the_mean_log_over_the_scales() -> None:
    ones, twos = np.ones((4, 1, 1), np.float32), np.full((2, 1, 1), 2, np.float32)
    means = [np.array(m, np.float32) for m in ([[0] * 4, [3] * 4], [[0, 0], [2, 1]])]
    expected = [(np.log(4) + np.log(8)) / 2, (np.log(16) + np.log(1)) / 2]
    found = log_distances([ones, twos], means).ravel()
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_known_distance_is_that_to_the_nearest_class() -> None:
    cells = np.array([[[0.0, 9.0]]], np.float32)
    known = np.array([[1.0], [11.0]], np.float32)
    expected = np.log([[1.0, 4.0]])
    np.testing.assert_allclose(known_distance([cells], [known]), expected, rtol=1e-6)


ZERO = [np.zeros((1, 2), np.float32)]
LEAST = float(np.log(2))


def order(looks: np.ndarray, within: np.ndarray) -> list[int]:
    distance = known_distance([within], ZERO)
    picks = order_looks(looks, [within], distance, EVEN, least=LEAST)
    gains = [p.gain for p in picks]
    assert gains == sorted(gains, reverse=True)
    return [p.look for p in picks]


def test_what_looks_like_the_first_suggestion_does_not_come_second(
    looks: np.ndarray, within: np.ndarray
) -> None:
    assert order(looks, within)[:3] == [CLOTH, ORGAN, SHADE]


def test_gain_is_the_excess_that_would_be_explained(
    looks: np.ndarray, within: np.ndarray
) -> None:
    """Computed with numpy alone, from the definition."""
    distance = known_distance([within], ZERO)
    first, second, *_ = order_looks(looks, [within], distance, EVEN, least=LEAST)

    def to(look: int) -> np.ndarray:
        mean = within[:, looks == look].mean(1)
        squares = ((within - mean[:, None, None]) ** 2).sum(0)
        out: np.ndarray = np.maximum(np.log(np.maximum(squares, 1e-6)), LEAST)
        return out

    now = np.maximum(distance, LEAST)
    explained = np.maximum(now - to(CLOTH), 0)
    assert first.gain == pytest.approx((explained**3).sum(), rel=1e-3)
    now = np.minimum(now, np.maximum(to(CLOTH) - TOLERANCE, LEAST))
    explained = np.maximum(now - to(ORGAN), 0)
    assert second.gain == pytest.approx((explained**3).sum(), rel=1e-3)


def test_looks_that_one_would_show_together_are_one_pick(within: np.ndarray) -> None:
    """A look of one half of each place and one of the other half."""
    halves = np.repeat(np.arange(8, dtype=np.int32), [10, 10, 6, 6, 4, 4, 2, 2])[
        None
    ].repeat(8, 0)
    picks = order_looks(
        halves, [within], known_distance([within], ZERO), EVEN, least=LEAST
    )
    assert sorted(p.alike for p in picks[:3]) == [(2, 3), (4, 5), (6, 7)]
    assert all(p.look in p.alike for p in picks)


def test_only_so_many_looks_are_put_in_order() -> None:
    apart = (10 * np.arange(1, 41, dtype=np.float32))[None, None]
    looks = np.arange(40, dtype=np.int32)[None]
    distance = known_distance([apart], [np.zeros((1, 1), np.float32)])
    even = np.ones((1, 40), np.float32)
    picks = order_looks(looks, [apart], distance, even, least=0.0)
    assert len(picks) == N_PICKS


def test_what_gains_nothing_and_what_is_no_look_is_left_out(
    looks: np.ndarray, within: np.ndarray
) -> None:
    distance = known_distance([within], ZERO)
    looks = np.where(looks == CLOTH, -1, looks)
    picks = order_looks(looks, [within], distance, EVEN, least=3.0)
    assert [p.look for p in picks] == [SHADE, ORGAN]
    assert order_looks(looks, [within], distance, EVEN, least=99.0) == ()
    none = np.full_like(looks, -1)
    assert order_looks(none, [within], distance, EVEN, least=3.0) == ()


def test_cells_that_count_more_bring_their_look_forward(
    looks: np.ndarray, within: np.ndarray
) -> None:
    distance = known_distance([within], ZERO)
    weight = np.where(looks == ORGAN, 1.0, 0.01).astype(np.float32)
    picks = order_looks(looks, [within], distance, weight, least=1.0)
    assert picks[0].look == ORGAN

from __future__ import annotations

import numpy as np
import pytest

from napari_ood_seg.core.guidance.looks import (
    group_looks,
    known_distance,
    log_distance,
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


def test_alike_cells_share_a_group() -> None:
    kinds = np.array([[0, 1], [2, 0]]).repeat(20, 0).repeat(20, 1)
    far = np.array([[0, 0], [60, 0], [0, 60]], np.float32)
    noise = np.random.default_rng(0).normal(size=(2, *kinds.shape))
    look = (far[kinds].transpose(2, 0, 1) + noise).astype(np.float32)
    found = group_looks(look, n=3)
    assert found.shape == kinds.shape
    groups = [np.unique(found[4:16, 4:16]), np.unique(found[24:36, 24:36])]
    assert groups[0].tolist() == groups[1].tolist()
    others = [np.unique(found[4:16, 24:36]), np.unique(found[24:36, 4:16])]
    assert sorted(np.concatenate([groups[0], *others]).tolist()) == [0, 1, 2]


def test_groups_do_not_depend_on_the_run(within: np.ndarray) -> None:
    np.testing.assert_array_equal(group_looks(within), group_looks(within))


def test_one_cell_is_one_look() -> None:
    assert group_looks(np.ones((3, 1, 1), np.float32)).tolist() == [[0]]


def test_distance_is_the_mean_log_over_the_scales() -> None:
    ones, twos = np.ones((4, 1, 1), np.float32), np.full((2, 1, 1), 2, np.float32)
    zeros = [np.zeros(4, np.float32), np.zeros(2, np.float32)]
    expected = (np.log(4) + np.log(8)) / 2
    assert log_distance([ones, twos], zeros).item() == pytest.approx(expected)


def test_known_distance_is_that_to_the_nearest_class() -> None:
    cells = np.array([[[0.0, 9.0]]], np.float32)
    known = np.array([[1.0], [11.0]], np.float32)
    expected = np.log([[1.0, 4.0]])
    np.testing.assert_allclose(known_distance([cells], [known]), expected, rtol=1e-6)


def order(looks: np.ndarray, within: np.ndarray) -> list[int]:
    distance = log_distance([within], [np.zeros(2, np.float32)])
    picks = order_looks(looks, [within], distance, EVEN, least=float(np.log(2)))
    gains = [p.gain for p in picks]
    assert gains == sorted(gains, reverse=True)
    return [p.look for p in picks]


def test_what_looks_like_the_first_suggestion_does_not_come_second(
    looks: np.ndarray, within: np.ndarray
) -> None:
    assert order(looks, within)[:3] == [CLOTH, ORGAN, SHADE]


def test_without_looking_back_the_shades_would_come_first(
    looks: np.ndarray, within: np.ndarray
) -> None:
    distance = log_distance([within], [np.zeros(2, np.float32)])
    roots = {i: np.sqrt((looks == i).mean()) for i in AREAS}
    plain = {i: roots[i] * (distance[looks == i].mean() - np.log(2)) for i in AREAS}
    assert sorted(plain, key=lambda i: -plain[i])[:2] == [CLOTH, SHADE]


def test_what_gains_nothing_and_what_does_not_count_is_left_out(
    looks: np.ndarray, within: np.ndarray
) -> None:
    distance = log_distance([within], [np.zeros(2, np.float32)])
    looks = np.where(looks == CLOTH, -1, looks)
    picks = order_looks(looks, [within], distance, EVEN, least=3.0)
    assert [p.look for p in picks] == [SHADE, ORGAN]
    assert order_looks(looks, [within], distance, EVEN, least=99.0) == ()


def test_cells_that_count_more_bring_their_look_forward(
    looks: np.ndarray, within: np.ndarray
) -> None:
    distance = log_distance([within], [np.zeros(2, np.float32)])
    weight = np.where(looks == ORGAN, 1.0, 0.1).astype(np.float32)
    picks = order_looks(looks, [within], distance, weight, least=1.0)
    assert picks[0].look == ORGAN

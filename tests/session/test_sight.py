from __future__ import annotations

import pytest

from napari_ood_seg.session.sight import Sight, distance, heading

PLANES: list[tuple[int, ...]] = [(i,) for i in range(10)]


def order(sight: Sight) -> list[int]:
    """Return the planes in the order in which a worker takes them."""
    left, out = [p for p in PLANES if p != sight.plane], []
    while left:
        plane = sight.next_of(left)
        left.remove(plane)
        out.append(plane[0])
    return out


def seen(*frames: int) -> Sight:
    sight = Sight()
    sight.start((frames[0],))
    for frame in frames[1:]:
        sight.move((frame,), (len(PLANES),))
    return sight


def test_without_a_direction_the_nearest_come_first() -> None:
    assert order(seen(4)) == [5, 3, 6, 2, 7, 1, 8, 0, 9]


def test_who_plays_forward_gets_the_next_ones_first() -> None:
    assert order(seen(3, 4)) == [5, 6, 7, 8, 3, 9, 2, 1, 0]
    assert order(seen(5, 4)) == [3, 2, 1, 5, 0, 6, 7, 8, 9]


def test_a_worker_follows_who_moves_on() -> None:
    sight = seen(0, 1)
    assert sight.next_of([(2,), (9,)]) == (2,)
    sight.move((8,), (10,))
    assert sight.next_of([(2,), (9,)]) == (9,)


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [((2,), (5,), (1,)), ((9,), (0,), (1,)), ((0,), (9,), (-1,)), ((1,), (1,), (0,))],
)
def test_heading_of_a_step(
    before: tuple[int, ...], now: tuple[int, ...], expected: tuple[int, ...]
) -> None:
    assert heading(before, now, (10,)) == expected


def test_two_planes_have_no_way_around() -> None:
    assert heading((0,), (1,), (2,)) == (1,)
    assert heading((1,), (0,), (2,)) == (-1,)


def test_axes_count_on_their_own() -> None:
    assert distance((1, 5), (3, 4), (1, 1)) == 2 + 4
    assert distance((1, 5), (3, 4), (0, -1)) == 3


def test_nobody_looks_yet() -> None:
    assert Sight().next_of(PLANES) == (0,)


def test_who_plays_faster_than_planes_come_is_met_further_on() -> None:
    sight = seen(0, 1)
    everything = PLANES[2:]
    for frame in (2, 3):
        sight.move((frame,), (10,))
    assert sight.next_of(everything) == (6,)  # two steps while one plane was predicted
    sight.move((4,), (10,))
    assert sight.next_of(everything) == (6,)
    assert sight.next_of(everything) == (4,)  # stopped: what is shown comes first


def test_a_single_step_wants_what_is_shown() -> None:
    sight = seen(0, 1)
    sight.next_of(PLANES)
    sight.next_of(PLANES)
    sight.move((2,), (10,))
    assert sight.next_of(PLANES) == (2,)


def test_a_jump_is_no_play() -> None:
    sight = seen(0, 1, 2, 3)
    sight.move((8,), (10,))
    assert sight.next_of(PLANES) == (8,)

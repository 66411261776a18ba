from __future__ import annotations

import pytest

from napari_ood_seg.core.inference.view import View
from napari_ood_seg.session.sight import STILL, Sight, distance, heading

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
    sight, clock = playing(0, 1)
    sight.next_of(PLANES)
    sight.next_of(PLANES)
    sight.move((2,), (10,))
    clock.now += STILL
    assert sight.next_of(PLANES) == (2,)


def test_of_planes_side_by_side_each_takes_longer() -> None:
    sight, _ = playing(0, 1, 2)
    far = [(i,) for i in range(3, 30)]
    assert sight.next_of(far, at_once=2) == (4,)  # one step so far, and one more
    sight.move((3,), (30,))
    assert sight.next_of(far, at_once=2) == (6,)  # two since the one that is done began
    assert sight.next_of(far, at_once=2) == (5,)
    assert sight.next_of(far, at_once=2) == (3,)  # stopped


def test_a_jump_is_no_play() -> None:
    sight = seen(0, 1, 2, 3)
    sight.move((8,), (10,))
    assert sight.next_of(PLANES) == (8,)


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def playing(*frames: int) -> tuple[Sight, Clock]:
    clock = Clock()
    sight = Sight(clock)
    sight.start((frames[0],))
    for frame in frames[1:]:
        clock.now += 0.2
        sight.move((frame,), (len(PLANES),))
    return sight, clock


def test_who_moves_on_plays_until_they_rest() -> None:
    sight, clock = playing(0, 1, 2, 3)
    assert sight.is_playing
    clock.now += STILL
    assert not sight.is_playing


def test_single_steps_and_jumps_are_no_play() -> None:
    assert not playing(4, 5)[0].is_playing
    assert not playing(0, 1, 2, 8)[0].is_playing


def test_who_plays_gets_all_planes_coarsely_first() -> None:
    sight, _ = playing(0, 1, 2)
    steps = list(sight.order([(3,), (4,)]))
    assert sorted(steps[:2]) == [((3,), 2), ((4,), 2)]
    assert sorted(steps[2:]) == [((3,), 1), ((4,), 1)]


def test_who_rests_gets_all_planes_finely() -> None:
    sight, _ = playing(0)
    assert sorted(sight.order([(1,), (2,)])) == [((1,), 1), ((2,), 1)]


def test_coarse_is_half_as_fine_as_the_screen() -> None:
    sight, _ = playing(0, 1, 2)
    sight.now = View(region=(slice(0, 8), slice(0, 8)), stride=4)
    assert list(sight.order([(3,)])) == [((3,), 8), ((3,), 1)]


def test_the_end_of_playing_is_noticed_between_planes() -> None:
    sight, clock = playing(0, 1, 2)
    steps = sight.order([(3,), (4,), (5,)])
    assert next(steps)[1] == 2
    sight.move((4,), (len(PLANES),))
    sight.move((5,), (len(PLANES),))
    assert next(steps)[1] == 2  # still playing
    clock.now += STILL
    assert next(steps) == ((5,), 1)

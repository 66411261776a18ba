from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.session.history import Step, StrokeHistory

if TYPE_CHECKING:
    import numpy.typing as npt

    Labels = npt.NDArray[np.uint8]
    Region = tuple[slice, slice]

SHAPE = (12, 17)


class Canvas:
    """What napari does: a label image with its own undo, and nobody is told."""

    def __init__(self) -> None:
        self.image: Labels = np.zeros(SHAPE, np.uint8)
        self.scribbles = Scribbles(SHAPE)
        self.states = [self.scribbles]
        self.pictures = [self.image.copy()]
        self.history = StrokeHistory()

    def paint(self, region: Region, class_id: int) -> None:
        before = self.scribbles
        self.image[region] = class_id
        origin = (region[0].start, region[1].start)
        self.scribbles = before.edited(self.image[region], origin)
        if self.scribbles is before:
            return
        self.history.record(
            Step(before=before, after=self.scribbles, region=region, planes=((),))
        )
        self.states.append(self.scribbles)
        self.pictures.append(self.image.copy())

    def show(self, i: int) -> Scribbles | None:
        """Make the label image look as it did after `i` strokes."""
        self.image = self.pictures[i].copy()
        return self.history.follow(self.look)

    def look(self, region: Region, plane: tuple[int, ...]) -> Labels:
        assert plane == ()
        return self.image[region]


def region(row: int, column: int, height: int, width: int) -> Region:
    return slice(row, min(row + height, 12)), slice(column, min(column + width, 17))


places = st.builds(
    region, st.integers(0, 11), st.integers(0, 16), st.integers(1, 9), st.integers(1, 9)
)


@settings(max_examples=60, deadline=None)
@given(painted=st.lists(places, min_size=1, max_size=7), data=st.data())
def test_undo_and_redo_give_back_the_very_strokes(
    painted: list[Region], data: st.DataObject
) -> None:
    canvas = Canvas()
    for class_id, place in enumerate(painted, start=1):  # each state looks new
        canvas.paint(place, class_id)
    last = now = len(canvas.states) - 1
    for _ in range(10):
        step = data.draw(st.sampled_from([-3, -2, -1, -1, 0, 1, 2]))
        there = min(max(now + step, 0), last)
        found = canvas.show(there)
        assert found is (None if there == now else canvas.states[there])
        now = there


@settings(max_examples=60, deadline=None)
@given(
    painted=st.lists(st.tuples(places, st.integers(0, 2)), min_size=1, max_size=5),
    data=st.data(),
)
def test_with_erasing_the_labels_always_agree(
    painted: list[tuple[Region, int]], data: st.DataObject
) -> None:
    """States may look alike; the labels are right all the same."""
    canvas = Canvas()
    for place, class_id in painted:
        canvas.paint(place, class_id)
    now = last = len(canvas.states) - 1
    held = canvas.scribbles
    for _ in range(8):
        now = min(max(now + data.draw(st.sampled_from([-1, 1])), 0), last)
        found = canvas.show(now)
        held = held if found is None else found
        np.testing.assert_array_equal(held.to_labels(), canvas.pictures[now])


@pytest.fixture
def painted() -> Canvas:
    canvas = Canvas()
    canvas.paint(region(0, 0, 2, 5), 1)
    canvas.paint(region(5, 5, 2, 5), 2)
    return canvas


def test_a_new_stroke_after_undo_cannot_be_done_again(painted: Canvas) -> None:
    assert painted.show(1) is painted.states[1]
    painted.scribbles = painted.states[1]
    painted.paint(region(9, 9, 1, 1), 3)
    painted.image[region(5, 5, 2, 5)] = 2
    assert painted.history.follow(painted.look) is None


def test_redo_that_looks_like_an_undo_of_the_stroke_before() -> None:
    canvas = Canvas()
    canvas.paint(region(0, 0, 1, 1), 1)
    canvas.paint(region(0, 0, 1, 1), 0)
    canvas.paint(region(0, 0, 1, 2), 1)
    assert canvas.show(2) is canvas.states[2]
    assert canvas.show(3) is canvas.states[3]


def test_several_steps_at_once(painted: Canvas) -> None:
    assert painted.show(0) is painted.states[0]
    assert painted.show(2) is painted.states[2]


def ends(history: StrokeHistory) -> tuple[Scribbles | None, Scribbles | None]:
    """Return what undo leads back from, and what redo leads to."""
    last, following = history.last, history.next
    return (
        None if last is None else last.after,
        None if following is None else following.after,
    )


def test_what_is_next(painted: Canvas) -> None:
    first, second = painted.states[1:]
    assert ends(painted.history) == (second, None)
    painted.show(1)
    assert ends(painted.history) == (first, second)
    painted.show(0)
    assert ends(painted.history) == (None, first)


def test_nothing_happened(painted: Canvas) -> None:
    assert painted.history.follow(painted.look) is None
    assert StrokeHistory().follow(painted.look) is None


def test_cleared(painted: Canvas) -> None:
    painted.history.clear()
    assert painted.show(1) is None


def test_painting_elsewhere_is_neither(painted: Canvas) -> None:
    painted.image[10, 10] = 1
    assert painted.history.follow(painted.look) is None


def test_only_so_many_steps_are_kept() -> None:
    canvas = Canvas()
    for i in range(130):
        canvas.paint(region(i % 12, i // 12, 1, 1), 1 + i % 2)
    for i in range(125, 29, -5):
        assert canvas.show(i) is canvas.states[i]
    assert canvas.show(25) is None


def test_what_cannot_be_seen_tells_nothing(painted: Canvas) -> None:
    def look(region: Region, plane: tuple[int, ...]) -> Labels | None:
        return None if region[0].start == 5 else painted.look(region, plane)

    assert painted.history.follow(look) is None
    painted.image[:] = painted.pictures[1]
    assert painted.history.follow(look) is None
    assert painted.history.follow(painted.look) is painted.states[1]


def test_undo_and_redo_by_itself(painted: Canvas) -> None:
    history = painted.history
    assert history.redo() is None
    second = history.undo()
    assert second is not None
    assert second.before is painted.states[1]
    assert ends(history) == (painted.states[1], painted.states[2])
    first = history.undo()
    assert first is not None
    assert first.before is painted.states[0]
    assert history.undo() is None
    assert (history.redo(), history.redo(), history.redo()) == (first, second, None)
    assert painted.show(2) is None

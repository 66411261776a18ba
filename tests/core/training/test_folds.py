from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.training.folds import (
    ALWAYS_IN,
    MIN_PIECES,
    MIN_PIXELS,
    deal,
    halve_along_axis,
)

SHAPE = (60, 200)


def line(row: int, n: int, start: int = 0) -> list[tuple[int, int]]:
    return [(row, start + i) for i in range(n)]


def painted(*strokes: tuple[int, int]) -> Scribbles:
    """Return one horizontal line per `(class_id, length)`, on rows of their own."""
    out = Scribbles(SHAPE)
    for row, (class_id, n) in enumerate(strokes):
        out = out.add(class_id, line(row, n))
    return out


@settings(max_examples=60, deadline=None)
@given(
    strokes=st.lists(
        st.tuples(st.integers(1, 3), st.integers(1, 120)), min_size=1, max_size=12
    ),
    n_folds=st.integers(2, 6),
)
def test_folds_of_any_scribbles(strokes: list[tuple[int, int]], n_folds: int) -> None:
    scribbles = painted(*strokes)
    pieces = deal(scribbles, n_folds)
    labels = np.zeros(SHAPE, int)
    for piece in pieces:  # every pixel once, and of its class
        rows, columns = piece.coords.T
        assert (labels[rows, columns] == 0).all()
        labels[rows, columns] = piece.class_id
    np.testing.assert_array_equal(labels, scribbles.to_labels())
    for class_id in scribbles.class_ids:
        mine = [p for p in pieces if p.class_id == class_id]
        folds = [p.fold for p in mine]
        held = [f for f in folds if f != ALWAYS_IN]
        assert all(0 <= f < n_folds for f in held)
        assert len(set(held)) != 1  # a class is never held out as a whole
        for piece in mine:
            assert piece.fold == ALWAYS_IN or len(piece.coords) >= MIN_PIXELS


def test_strokes_go_to_the_folds_in_turn() -> None:
    pieces = deal(painted(*[(1, 20)] * 5, *[(2, 20)] * 4), 4)
    assert [(p.class_id, p.fold) for p in pieces] == [
        *((1, f) for f in (0, 1, 2, 3, 0)),
        *((2, f) for f in (0, 1, 2, 3)),
    ]
    assert [p.part for p in pieces] == [0] * 9


@pytest.mark.parametrize(
    ("n", "n_pieces"),
    [(7, 1), (15, 1), (16, 2), (30, 2), (31, MIN_PIECES), (99, MIN_PIECES)],
)
def test_a_lone_stroke_is_cut(n: int, n_pieces: int) -> None:
    pieces = deal(painted((1, n)), 4)
    assert len(pieces) == n_pieces <= MIN_PIECES
    if n_pieces == 1:
        assert pieces[0].fold == ALWAYS_IN
    else:
        assert [p.fold for p in pieces] == list(range(n_pieces))
    parts = [p.part for p in pieces]
    assert len(set(parts)) == len(parts)
    assert {p.stroke_id for p in pieces} == {1}


def test_small_strokes_stay_in() -> None:
    pieces = deal(painted((1, 20), (1, 3), (1, 20), (1, 20)), 2)
    assert [p.fold for p in pieces] == [0, ALWAYS_IN, 1, 0]


def test_a_class_of_three_pixels_is_never_held_out() -> None:
    pieces = deal(painted((1, 3)), 4)
    assert [(p.fold, len(p.coords)) for p in pieces] == [(ALWAYS_IN, 3)]


def test_a_later_stroke_does_not_move_the_earlier_ones() -> None:
    before = deal(painted(*[(1, 20)] * 3), 4)
    after = deal(painted(*[(1, 20)] * 4), 4)
    assert [(p.stroke_id, p.fold) for p in after[:3]] == [
        (p.stroke_id, p.fold) for p in before
    ]


def test_planes_are_kept() -> None:
    scribbles = Scribbles(SHAPE).add(1, line(0, 40), plane=(3,))
    assert {p.plane for p in deal(scribbles, 2)} == {(3,)}


@pytest.mark.parametrize("angle", [0.0, 0.4, 1.2, np.pi / 2])
def test_halves_lie_on_either_side_along_the_stroke(angle: float) -> None:
    along = np.arange(-40, 41)
    direction = np.array([np.cos(angle), np.sin(angle)])
    coords = np.rint(along[:, None] * direction).astype(np.int32)
    shuffled = coords[np.random.default_rng(0).permutation(len(coords))]
    a, b = (half @ direction for half in halve_along_axis(shuffled))
    assert abs(len(a) - len(b)) <= 1
    assert max(a.max(), b.max()) > 30
    assert a.max() <= b.min() + 2 or b.max() <= a.min() + 2

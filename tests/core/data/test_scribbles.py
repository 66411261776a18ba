from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage import measure

from napari_ood_seg.core.data.scribbles import (
    Scribbles,
    connected_parts,
    require_same_shape,
)
from napari_ood_seg.core.errors import ScribbleError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Labels = npt.NDArray[np.uint8]

SHAPE = (12, 17)
label_parts: Any = measure.label  # untyped

rectangles = st.lists(
    st.tuples(
        st.integers(0, 11),
        st.integers(0, 16),
        st.integers(1, 12),
        st.integers(1, 17),
        st.sampled_from([0, 1, 2, 254]),
    ),
    max_size=8,
)


def pixels(rows: range, columns: range) -> list[tuple[int, int]]:
    return [(r, c) for r in rows for c in columns]


def assert_consistent(scribbles: Scribbles) -> None:
    """Assert what holds of any scribbles."""
    seen = set()
    for stroke in scribbles.strokes:
        assert len(stroke) > 0
        assert stroke.coords.dtype == np.int32
        for row, column in stroke.coords.tolist():
            assert 0 <= row < scribbles.shape[0]
            assert 0 <= column < scribbles.shape[1]
            where = (row, column, stroke.plane)
            assert where not in seen, "a pixel belongs to two strokes"
            seen.add(where)
    ids = [s.id for s in scribbles.strokes]
    assert ids == sorted(set(ids))
    assert all(i < scribbles.next_id for i in ids)


# --------------------------------------------------------------------- properties


@settings(max_examples=80, deadline=None)
@given(painted=rectangles, data=st.data())
def test_edited_follows_the_label_image(
    painted: list[tuple[int, int, int, int, int]], data: st.DataObject
) -> None:
    """Paint rectangles in any order, tell of the whole image or of a region."""
    image: Labels = np.zeros(SHAPE, np.uint8)
    scribbles = Scribbles(SHAPE)
    for row, column, height, width, class_id in painted:
        image[row : row + height, column : column + width] = class_id
        old = {s.id: s for s in scribbles.strokes}
        if data.draw(st.booleans()):
            now = scribbles.edited(image)
        else:
            region = image[row : row + height, column : column + width]
            now = scribbles.edited(region, (row, column))
        np.testing.assert_array_equal(now.to_labels(), image)
        assert_consistent(now)
        for stroke in now.strokes:  # an old stroke only ever loses pixels
            if stroke.id in old:
                before = set(map(tuple, old[stroke.id].coords.tolist()))
                assert set(map(tuple, stroke.coords.tolist())) <= before
                assert len(stroke) < len(before) or stroke is old[stroke.id]
        assert now.edited(image) is now
        scribbles = now


@settings(max_examples=40, deadline=None)
@given(flat=st.lists(st.sampled_from([0, 0, 0, 1, 2, 7]), min_size=204, max_size=204))
def test_from_labels_gives_the_labels_back(flat: list[int]) -> None:
    image = np.array(flat, np.uint8).reshape(SHAPE)
    scribbles = Scribbles.from_labels(image)
    np.testing.assert_array_equal(scribbles.to_labels(), image)
    assert_consistent(scribbles)
    for class_id in scribbles.class_ids:
        n_parts = label_parts(image == class_id, connectivity=2, return_num=True)[1]
        mine = [s for s in scribbles.strokes if s.class_id == class_id]
        assert len(mine) == n_parts
    counts = np.bincount(image.ravel())
    assert scribbles.pixel_counts() == {i: int(counts[i]) for i in scribbles.class_ids}


@settings(max_examples=30, deadline=None)
@given(
    top=st.integers(0, 10),
    left=st.integers(0, 15),
    height=st.integers(1, 12),
    width=st.integers(1, 17),
)
def test_region_of_labels_is_a_crop(
    top: int, left: int, height: int, width: int
) -> None:
    image = np.random.default_rng(1).integers(0, 4, SHAPE)
    region = slice(top, min(top + height, 12)), slice(left, min(left + width, 17))
    np.testing.assert_array_equal(
        Scribbles.from_labels(image).to_labels(region), image[region]
    )


# ------------------------------------------------------------------------ one stroke


def test_repeats_count_once_and_order_is_kept() -> None:
    stroke = Scribbles(SHAPE).add(3, [(5, 1), (0, 0), (5, 1), (2, 2)]).strokes[0]
    assert stroke.coords.tolist() == [[5, 1], [0, 0], [2, 2]]
    assert (stroke.id, stroke.class_id, len(stroke)) == (1, 3, 3)


def test_a_new_stroke_takes_the_pixels_under_it() -> None:
    first = Scribbles(SHAPE).add(1, pixels(range(3), range(5)))
    both = first.add(2, pixels(range(1, 3), range(4, 9)))
    assert both.pixel_counts() == {1: 13, 2: 10}
    assert [s.id for s in both.strokes] == [1, 2]
    assert first.pixel_counts() == {1: 15}  # immutable


def test_a_stroke_that_is_covered_disappears_and_its_id_is_not_reused() -> None:
    covered = Scribbles(SHAPE).add(1, [(1, 1)]).add(2, pixels(range(3), range(3)))
    assert [(s.id, s.class_id) for s in covered.strokes] == [(2, 2)]
    again = covered.add(0, pixels(range(3), range(3))).add(1, [(1, 1)])
    assert [s.id for s in again.strokes] == [3]


def test_erasing_adds_no_stroke() -> None:
    erased = Scribbles(SHAPE).add(1, [(1, 1), (1, 2)]).add(0, [(1, 2), (9, 9)])
    assert [s.coords.tolist() for s in erased.strokes] == [[[1, 1]]]


def test_strokes_that_are_not_touched_stay_the_same_objects() -> None:
    base = Scribbles(SHAPE).add(1, [(0, 0)]).add(2, [(5, 5), (5, 6)])
    more = base.add(3, [(5, 6)])
    assert more.strokes[0] is base.strokes[0]
    assert more.strokes[1] is not base.strokes[1]


def test_painting_nothing_adds_nothing() -> None:
    assert Scribbles(SHAPE).add(1, np.zeros((0, 2), int)).strokes == ()


def test_planes_are_apart() -> None:
    both = Scribbles(SHAPE).add(1, [(1, 1)], plane=(0,)).add(2, [(1, 1)], plane=(1,))
    assert both.pixel_counts() == {1: 1, 2: 1}
    assert both.to_labels(plane=(0,))[1, 1] == 1
    assert both.to_labels(plane=(1,))[1, 1] == 2
    assert not both.to_labels(plane=(2,)).any()
    edited = both.edited(np.zeros(SHAPE, np.uint8), plane=(0,))
    assert edited.class_ids == (2,)


def test_without_class() -> None:
    both = Scribbles(SHAPE).add(1, [(1, 1)]).add(2, [(2, 2)]).add(1, [(3, 3)])
    rest = both.without_class(1)
    assert rest.class_ids == (2,)
    assert rest.next_id == both.next_id
    assert both.class_ids == (1, 2)


def test_edited_with_two_new_classes_makes_two_strokes() -> None:
    image = np.zeros(SHAPE, np.uint8)
    image[0, :3], image[5, :2] = 2, 1
    edited = Scribbles(SHAPE).edited(image)
    assert [(s.class_id, len(s)) for s in edited.strokes] == [(1, 2), (2, 3)]


def test_edited_may_split_what_does_not_touch() -> None:
    image = np.zeros(SHAPE, np.uint8)
    image[0, :3] = image[5, :2] = image[6, 2] = 1
    assert len(Scribbles(SHAPE).edited(image).strokes) == 1
    split = Scribbles(SHAPE).edited(image, split=True)
    assert [len(s) for s in split.strokes] == [3, 3]


def test_connected_parts_equal_skimage() -> None:
    mask = np.random.default_rng(0).random((20, 30)) < 0.3
    offset = np.array([5, 7], np.int32)
    parts = connected_parts(np.argwhere(mask).astype(np.int32) + offset)
    labels = label_parts(mask, connectivity=2)
    assert len(parts) == labels.max()
    for part in parts:
        owner = labels[tuple((part - offset).T)]
        assert (owner == owner[0]).all()
        assert len(part) == (labels == owner[0]).sum()


# ------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("make", "message"),
    [
        pytest.param(
            lambda: Scribbles(SHAPE).add(255, [(0, 0)]),
            "class ids run from 1 to 254, got 255",
            id="id 255",
        ),
        pytest.param(
            lambda: Scribbles(SHAPE).add(-1, [(0, 0)]),
            "class ids run from 1 to 254, got -1",
            id="id -1",
        ),
        pytest.param(
            lambda: Scribbles(SHAPE).add(1, [(0, 17)]),
            r"a stroke leaves the image of shape \(12, 17\)",
            id="outside",
        ),
        pytest.param(
            lambda: Scribbles(SHAPE).add(1, [(-1, 0)]),
            "a stroke leaves the image",
            id="negative",
        ),
        pytest.param(
            lambda: Scribbles(SHAPE).edited(np.ones((3, 3), int), (10, 0)),
            "a stroke leaves the image",
            id="region outside",
        ),
        pytest.param(
            lambda: Scribbles.from_labels(np.zeros((2, 3, 3), int)),
            r"must be a 2D label image, got shape \(2, 3, 3\)",
            id="3D",
        ),
        pytest.param(
            lambda: Scribbles.from_labels(np.full((2, 2), 255)),
            "class ids 1 to 254, got values from 255 to 255",
            id="unknown",
        ),
        pytest.param(
            lambda: Scribbles.from_labels(np.full((2, 2), -3)),
            "got values from -3 to -3",
            id="negative label",
        ),
        pytest.param(
            lambda: Scribbles.from_labels(np.zeros((2, 2))),  # type: ignore[arg-type]
            "must be whole numbers, got float64",
            id="float",
        ),
        pytest.param(
            lambda: Scribbles(SHAPE).require_paint(),
            "there are no scribbles yet: paint a stroke on at least one class",
            id="no paint",
        ),
        pytest.param(
            lambda: require_same_shape(Scribbles(SHAPE), (17, 12)),
            "the scribbles are 12 x 17 pixels but the image is 17 x 12: "
            "use scribbles that were painted on this image",
            id="other shape",
        ),
    ],
)
def test_one_clear_sentence(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ScribbleError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_what_is_fine_raises_nothing() -> None:
    require_same_shape(Scribbles(SHAPE), [12, 17])
    Scribbles(SHAPE).add(254, [(11, 16)]).require_paint()
    assert Scribbles.from_labels(np.zeros((3, 4), bool)).strokes == ()
    mask = np.eye(3, dtype=bool)
    np.testing.assert_array_equal(Scribbles.from_labels(mask).to_labels(), mask)


@pytest.mark.parametrize("shape", [(0, 0), (0, 5)])
def test_scribbles_of_nothing(shape: tuple[int, int]) -> None:
    assert Scribbles.from_labels(np.zeros(shape, int)).to_labels().shape == shape


def test_relabelled_strokes_stay_apart() -> None:
    scribbles = Scribbles((9, 9)).add(1, [(0, 0)]).add(2, [(1, 1), (1, 2)])
    merged = scribbles.add(1, [(5, 5)]).relabelled(1, 2)
    assert [(s.id, s.class_id, len(s)) for s in merged.strokes] == [
        (1, 2, 1),
        (2, 2, 2),
        (3, 2, 1),
    ]
    assert merged.stroke_counts() == {2: 3}
    assert merged.pixel_counts() == {2: 4}
    assert merged.next_id == 4


def test_classes_get_other_numbers_all_at_once() -> None:
    scribbles = Scribbles((4, 4))
    for class_id in (1, 2, 3):
        scribbles = scribbles.add(class_id, [[class_id, 0]])
    swapped = scribbles.renumbered({1: 2, 2: 1})
    assert [s.class_id for s in swapped.strokes] == [2, 1, 3]
    assert [s.id for s in swapped.strokes] == [s.id for s in scribbles.strokes]
    assert swapped.to_labels()[:, 0].tolist() == [0, 2, 1, 3]


def test_a_stroke_touches_what_overlaps_its_box() -> None:
    (stroke,) = Scribbles((20, 20)).add(1, [(4, 7), (6, 9)]).strokes
    assert stroke.touches((6, 8, 9, 12))
    assert stroke.touches((0, 19, 0, 19))
    assert not stroke.touches((7, 8, 9, 12))  # below
    assert not stroke.touches((0, 3, 7, 9))  # above
    assert not stroke.touches((4, 6, 10, 12))  # on the right
    assert not stroke.touches((4, 6, 0, 6))

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_ood_seg.plugin.window import LARGEST, SIDE, Window

IMAGE = (20_000, 100_000)


def region(row: int, column: int, height: int, width: int) -> tuple[slice, slice]:
    return slice(row, row + height), slice(column, column + width)


@pytest.mark.parametrize("shape", [(1, 1), (LARGEST, LARGEST), (300, LARGEST)])
def test_an_image_of_usual_size_is_covered(shape: tuple[int, int]) -> None:
    window = Window.of(shape)
    assert window == Window.whole(shape)
    assert window.region == region(0, 0, *shape)
    assert window.around(region(0, 0, 1, 1)) == window


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        (IMAGE, (SIDE, SIDE)),
        ((LARGEST + 1, LARGEST + 1), (SIDE, SIDE)),
        ((300, LARGEST + 1), (300, SIDE)),
    ],
)
def test_of_a_large_one_the_middle(
    shape: tuple[int, int], size: tuple[int, int]
) -> None:
    window = Window.of(shape)
    assert window.size == size
    for at, n, all_of in zip(window.origin, size, shape, strict=True):
        assert at == (all_of - n) // 2


@pytest.mark.parametrize(
    ("looked_at", "origin"),
    [
        (region(10_000, 50_000, 2, 2), (10_001 - 2048, 50_001 - 2048)),
        (region(0, 0, 10, 10), (0, 0)),
        (region(19_990, 99_990, 10, 10), (20_000 - 4096, 100_000 - 4096)),
        (region(0, 0, *IMAGE), (10_000 - 2048, 50_000 - 2048)),
    ],
    ids=["inside", "first corner", "last corner", "all of it"],
)
def test_around(looked_at: tuple[slice, slice], origin: tuple[int, int]) -> None:
    assert Window.of(IMAGE).around(looked_at).origin == origin


places = st.builds(
    region,
    st.integers(0, 19_999),
    st.integers(0, 99_999),
    st.integers(1, 9_000),
    st.integers(1, 9_000),
)


@given(looked_at=places, other=places)
def test_stays_in_the_image_and_clips_to_itself(
    looked_at: tuple[slice, slice], other: tuple[slice, slice]
) -> None:
    window = Window.of(IMAGE).around(looked_at)
    for own, n in zip(window.region, IMAGE, strict=True):
        assert 0 <= own.start < own.stop <= n
    seen = window.clip(other)
    rows, columns = (
        np.intersect1d(np.r_[a], np.r_[b])
        for a, b in zip(window.region, other, strict=True)
    )
    np.testing.assert_array_equal(np.r_[seen[0]], rows)
    np.testing.assert_array_equal(np.r_[seen[1]], columns)
    assert window.contains(other) == (seen == other)
    assert window.outer(window.inner(other)) == other
    assert window.inner(window.region) == region(0, 0, *window.size)

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_ood_seg.core.data.tile_map import TileMap

SPANS = st.tuples(st.integers(0, 40), st.integers(0, 40)).map(sorted)


@given(
    writes=st.lists(st.tuples(SPANS, SPANS, st.integers(1, 9)), max_size=5),
    rows=SPANS,
    columns=SPANS,
    step=st.integers(1, 9),
    edge=st.sampled_from([1, 7, 16, 64]),
)
def test_reads_like_an_array(
    writes: list[tuple[list[int], list[int], int]],
    rows: list[int],
    columns: list[int],
    step: int,
    edge: int,
) -> None:
    plain = np.zeros((41, 41), np.uint8)
    sparse = TileMap((41, 41), np.uint8, edge=edge)
    for r, c, value in writes:
        region = (slice(*r), slice(*c))
        values = np.arange(plain[region].size).reshape(plain[region].shape) + value
        plain[region] = values
        sparse.write(region, values.astype(np.uint8))
    region = (slice(*rows), slice(*columns))
    wanted = plain[rows[0] : rows[1] : step, columns[0] : columns[1] : step]
    np.testing.assert_array_equal(sparse.read(region, step=step), wanted)


def squares(span: list[int], stride: int) -> slice:
    """Return a span of 41 pixels that squares of `stride` fit into."""
    first, last = (n // stride * stride for n in span)
    return slice(first, 41 if span[1] > 32 else last)


@given(
    writes=st.lists(
        st.tuples(SPANS, SPANS, st.sampled_from([1, 2, 4, 8, 16, 32]), st.booleans()),
        max_size=6,
    ),
    step=st.sampled_from([1, 2, 3, 4, 8, 16]),
    start=st.integers(0, 20),
    edge=st.sampled_from([1, 8, 16]),
)
def test_what_is_coarse_reads_like_its_squares(
    writes: list[tuple[list[int], list[int], int, bool]],
    step: int,
    start: int,
    edge: int,
) -> None:
    plain = np.zeros((41, 41), np.uint8)
    sparse = TileMap((41, 41), np.uint8, edge=edge)
    for n, (rows, columns, stride, is_one) in enumerate(writes, start=1):
        region = (squares(rows, stride), squares(columns, stride))
        size = plain[region][::stride, ::stride].shape
        shades = np.zeros(size, int) if is_one else np.indices(size).sum(0) % 40
        coarse = (40 * n + shades).astype(np.uint8)
        big = coarse.repeat(stride, axis=0).repeat(stride, axis=1)
        height, width = plain[region].shape
        plain[region] = big[:height, :width]
        sparse.write(region, np.uint8(n * 40) if is_one else coarse, stride=stride)
    region = (slice(start, 41), slice(0, 41 - start))
    wanted = plain[region][::step, ::step]
    np.testing.assert_array_equal(sparse.read(region, step=step), wanted)
    kept = (slice(start, 35), slice(3, 41 - start))
    inside = np.zeros_like(plain)
    inside[kept] = plain[kept]
    sparse.keep_only(kept)
    np.testing.assert_array_equal(sparse.read((slice(0, 41), slice(0, 41))), inside)
    there = np.zeros_like(plain)
    for r in sparse.regions():
        there[r] = 1
    assert (there[inside > 0] == 1).all()


def test_memory_is_what_was_written() -> None:
    sparse = TileMap((100_000, 100_000), np.uint16, edge=512)
    assert sparse.n_bytes == 0
    sparse.write((slice(511, 513), slice(99_999, 100_000)), np.uint16(7))
    assert sparse.n_bytes == 2 * 2 * 512 * (100_000 % 512)
    found = sparse.read((slice(510, 514), slice(99_998, 100_000)))
    assert found.tolist() == [[0, 0], [0, 7], [0, 7], [0, 0]]


def test_what_is_coarse_takes_little() -> None:
    sparse = TileMap((100_000, 100_000), np.uint16, edge=512)
    everything = (slice(0, 100_000), slice(0, 100_000))
    rough = np.arange(1, 49 * 49 + 1, dtype=np.uint16).reshape(49, 49)
    sparse.write(everything, rough, stride=2048)
    assert sparse.n_bytes == 0
    assert sparse.read(everything, step=2048).tolist() == rough.tolist()
    part = np.full((16, 16), 9, np.uint16)
    sparse.write((slice(512, 1024), slice(0, 512)), part, stride=32)
    assert sparse.n_bytes == 2 * 16 * 16
    assert sparse.read((slice(500, 600), slice(0, 600)), step=50).tolist() == [
        [1] * 12,
        [9] * 11 + [1],
    ]
    sparse.write(everything, np.uint16(3))
    assert sparse.n_bytes == 0
    assert (sparse.read(everything, step=999) == 3).all()


def test_values_of_another_size() -> None:
    sparse = TileMap((8, 8), np.uint8)
    with pytest.raises(ValueError, match="broadcast"):
        sparse.write((slice(0, 2), slice(0, 2)), np.zeros((3, 3), np.uint8))

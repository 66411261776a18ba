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


def test_memory_is_what_was_written() -> None:
    sparse = TileMap((100_000, 100_000), np.uint16, edge=512)
    assert sparse.n_bytes == 0
    sparse.write((slice(511, 513), slice(99_999, 100_000)), np.uint16(7))
    assert sparse.n_bytes == 2 * 2 * 512 * (100_000 % 512)
    found = sparse.read((slice(510, 514), slice(99_998, 100_000)))
    assert found.tolist() == [[0, 0], [0, 7], [0, 7], [0, 0]]


def test_dropped_tiles_are_zero_again() -> None:
    sparse = TileMap((8, 8), np.uint8, edge=4)
    sparse.write((slice(0, 8), slice(0, 8)), np.uint8(1))
    sparse.drop(lambda region: region[0].start == 0)
    assert sorted(r[1].start for r in sparse.regions()) == [0, 4]
    whole = sparse.read((slice(0, 8), slice(0, 8)))
    assert whole.sum(1).tolist() == [0] * 4 + [8] * 4


def test_values_of_another_size() -> None:
    sparse = TileMap((8, 8), np.uint8)
    with pytest.raises(ValueError, match="broadcast"):
        sparse.write((slice(0, 2), slice(0, 2)), np.zeros((3, 3), np.uint8))

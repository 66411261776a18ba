from __future__ import annotations

import numpy as np
import pytest

from napari_ood_seg.core.data.coverage import Coverage, grade


def region(top: int, bottom: int, left: int, right: int) -> tuple[slice, slice]:
    return slice(top, bottom), slice(left, right)


def test_finer_replaces_coarser_but_not_the_other_way_round() -> None:
    coverage = Coverage.none((40, 40), cell=10)
    coverage.add(region(0, 20, 0, 40), 4)
    coverage.add(region(0, 10, 0, 10), 1)
    coverage.add(region(0, 10, 0, 20), 2)
    assert coverage.strides[0].tolist() == [1, 2, 4, 4]
    assert coverage.missing(region(0, 20, 0, 40), 4) is None
    assert coverage.missing(region(0, 20, 0, 40), 2) == region(0, 20, 0, 40)
    assert coverage.missing(region(0, 10, 0, 40), 2) == region(0, 10, 20, 40)


def test_cells_at_the_border_are_cut() -> None:
    coverage = Coverage.none((25, 25), cell=10)
    assert coverage.strides.shape == (3, 3)
    assert coverage.whole(region(3, 22, 24, 25)) == region(0, 25, 20, 25)
    coverage.add(region(20, 25, 20, 25), 1)
    assert coverage.missing(region(20, 25, 0, 25), 1) == region(20, 25, 0, 20)


@pytest.mark.parametrize("cell", [10, 32])
@pytest.mark.parametrize("times", [1, 4, 6])
def test_coarser_squares_cover_what_is_coarser_once(
    cell: int, times: int, rng: np.random.Generator
) -> None:
    coverage = Coverage.none((cell * 29 + 3, cell * 40), cell=cell)
    wide = rng.integers(0, 9, (8, 10)).repeat(4, 0).repeat(4, 1)[:30, :40]
    for i, j in np.argwhere((wide == 0) | (rng.random(wide.shape) < 0.02)):
        span = slice(i * cell, i * cell + cell), slice(j * cell, j * cell + cell)
        coverage.add(span, int(rng.integers(1, 3)))
    stride = cell * times
    where = region(2 * stride, coverage.shape[0], stride, coverage.shape[1])
    hits = np.zeros(coverage.shape, int)
    edges = []
    for part, edge in coverage.coarser(where, stride):
        hits[part] += 1
        edges.append(edge)
        assert edge <= stride
        begins = (p.start - w.start for p, w in zip(part, where, strict=True))
        assert all(at % edge == 0 for at in begins)
        assert part[0].stop - part[0].start <= edge
    wanted = (coverage.strides > grade(stride)).repeat(cell, 0).repeat(cell, 1)
    np.testing.assert_array_equal(hits[where], wanted[: len(hits)][where])
    assert hits.sum() == hits[where].sum()
    assert edges == sorted(edges, reverse=True)
    if times > 1:
        assert len(edges) < wanted[::cell, ::cell].sum() / 4


def test_gaps_are_what_was_never_predicted() -> None:
    coverage = Coverage.none((30, 30), cell=10)
    coverage.add(region(0, 20, 0, 30), 4)
    gaps = list(coverage.gaps(region(0, 30, 5, 25)))
    assert gaps == [region(20, 30, 5, 25)]
    coverage.add(region(20, 30, 10, 20), 2)
    coverage.add(region(0, 10, 0, 10), 2)
    assert list(coverage.gaps(region(0, 30, 5, 25))) == [
        region(20, 30, 5, 10),
        region(20, 30, 20, 25),
    ]


def test_a_copy_is_another() -> None:
    coverage = Coverage.none((30, 30), cell=10)
    copy = coverage.copy()
    copy.add(region(0, 30, 0, 30), 1)
    assert np.unique(coverage.strides).tolist() == [255]


def test_one_value_for_a_block_is_better_than_none_and_worse_than_any_stride() -> None:
    grades = [grade(stride) for stride in (1, 32, 64, 512, 1024, 2**20)]
    assert grades == sorted(set(grades))
    assert grades[-1] < 255
    coverage = Coverage.none((2048, 2048), cell=32)
    coverage.add(region(0, 2048, 0, 1024), 1024)
    coverage.add(region(0, 512, 512, 1024), 512)
    assert coverage.missing(region(0, 2048, 0, 1024), 1024) is None
    assert coverage.missing(region(0, 512, 0, 1024), 512) == region(0, 512, 0, 512)
    assert coverage.missing(region(0, 512, 512, 1024), 32) == region(0, 512, 512, 1024)
    assert list(coverage.gaps(region(0, 32, 0, 2048))) == [region(0, 32, 1024, 2048)]
    assert coverage.has_finer(region(0, 600, 0, 1024), 1024)
    assert not coverage.has_finer(region(512, 600, 0, 1024), 1024)


def test_the_coarsest_of_each_block_also_at_the_border() -> None:
    coverage = Coverage.none((1300, 700), cell=32)
    coverage.add(region(512, 1024, 512, 700), 4)
    coverage.add(region(512, 544, 672, 700), 1)
    coverage.add(region(1024, 1300, 0, 512), 512)
    found = coverage.coarsest(region(0, 1300, 0, 700), 512)
    assert found.tolist() == [[255, 255], [255, 4], [grade(512), 255]]
    assert coverage.lacks(region(512, 1024, 512, 700), 2)
    assert not coverage.lacks(region(512, 1024, 512, 700), 4)

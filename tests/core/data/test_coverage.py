from __future__ import annotations

import numpy as np

from napari_ood_seg.core.data.coverage import Coverage


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


def test_gaps_are_what_was_never_predicted() -> None:
    coverage = Coverage.none((30, 30), cell=10)
    coverage.add(region(0, 20, 0, 30), 4)
    gaps = list(coverage.gaps(region(0, 30, 5, 25)))
    assert gaps == [
        region(20, 30, 5, 10),
        region(20, 30, 10, 20),
        region(20, 30, 20, 25),
    ]


def test_a_copy_is_another() -> None:
    coverage = Coverage.none((30, 30), cell=10)
    copy = coverage.copy()
    copy.add(region(0, 30, 0, 30), 1)
    assert np.unique(coverage.strides).tolist() == [255]

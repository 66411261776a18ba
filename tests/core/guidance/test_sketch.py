from __future__ import annotations

import numpy as np
import pytest

from napari_ood_seg.core.guidance.sketch import centre, deepest, sketch, spine


def bar(shape: tuple[int, int] = (24, 40)) -> np.ndarray:
    """Return a horizontal bar, rows 8 to 14 and columns 5 to 34."""
    mask = np.zeros(shape, bool)
    mask[8:15, 5:35] = True
    return mask


def test_deepest_point_of_an_l_is_not_its_mean() -> None:
    mask = np.zeros((20, 20), bool)
    mask[:, :3] = mask[13:, :] = True
    row, column = deepest(mask, np.ones(mask.shape, np.float32))
    assert row == 16
    assert 3 <= column <= 16


def test_edge_of_the_image_is_an_outside() -> None:
    even = np.ones((9, 15), np.float32)
    row, column = deepest(even > 0, even)
    assert row == 4
    assert 4 <= column <= 10


def test_point_lies_deep_among_what_has_a_weight() -> None:
    weight = np.zeros((24, 40), np.float32)
    weight[8:11, 20:30] = 1  # along one side of the bar
    row, column = deepest(bar(), weight)
    assert row == 11  # on its axis all the same
    assert 20 <= column < 30
    assert deepest(bar(), np.zeros_like(weight))[0] == 11


def test_spine_runs_along_the_middle() -> None:
    cells = spine(bar(), (11, 20), reach=8)
    assert {r for r, _ in cells} == {11}
    columns = [c for _, c in cells]
    assert sorted(columns) == list(range(12, 29))


def test_spine_follows_a_bend() -> None:
    mask = np.zeros((40, 40), bool)
    mask[5:35, 5:10] = mask[30:35, 5:35] = True
    cells = np.array(spine(mask, (32, 7), reach=15))
    steps = np.abs(np.diff(cells, axis=0)).max(1)
    assert (steps == 1).all()
    assert np.ptp(cells[:, 0]) > 10
    assert np.ptp(cells[:, 1]) > 10
    assert mask[tuple(cells.T)].all()


def test_dot_has_itself_as_its_spine() -> None:
    mask = np.zeros((5, 5), bool)
    mask[2, 2] = True
    assert spine(mask, (2, 2), reach=4) == [(2, 2)]


@pytest.mark.parametrize("edge", [1, 2, 4])
def test_stroke_is_short_three_wide_and_inside(edge: int) -> None:
    mask = bar()
    size = (24 * edge, 40 * edge)
    pixels = sketch(mask, (11, 20), edge=edge, size=size)
    assert pixels.dtype == np.int32
    assert len(np.unique(pixels, axis=0)) == len(pixels)
    assert mask[tuple((pixels // edge).T)].all()
    height, width = np.ptp(pixels, axis=0) + 1
    assert height <= 3 + 2 * edge  # the axis forks at the ends of a bar
    assert 20 <= width <= 66
    point = centre((11, 20), edge, size)
    assert (np.abs(pixels - point).max(1) <= 1).any()


def test_stroke_of_a_dot_at_the_edge_stays_in_the_image() -> None:
    mask = np.zeros((3, 3), bool)
    mask[2, 2] = True
    pixels = sketch(mask, (2, 2), edge=4, size=(10, 11))
    assert (pixels < [10, 11]).all()
    assert (pixels >= 8).all()
    assert len(pixels) > 0

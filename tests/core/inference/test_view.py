from __future__ import annotations

import pytest

from napari_ood_seg.core.inference.view import View


@pytest.mark.parametrize(("stride", "pixels"), [(1, 600), (2, 150), (4, 40), (64, 1)])
def test_pixels_of_the_screen(stride: int, pixels: int) -> None:
    view = View(region=(slice(10, 30), slice(0, 30)), stride=stride)
    assert view.n_pixels == pixels


@pytest.mark.parametrize(
    ("other", "overlaps"),
    [
        ((slice(0, 10), slice(0, 99)), False),
        ((slice(0, 11), slice(0, 99)), True),
        ((slice(15, 16), slice(29, 30)), True),
        ((slice(15, 16), slice(30, 31)), False),
    ],
)
def test_overlap(other: tuple[slice, slice], overlaps: bool) -> None:
    assert View(region=(slice(10, 30), slice(0, 30))).overlaps(other) is overlaps

from __future__ import annotations

import numpy as np
import pytest

from napari_ood_seg.core.inference.view import View
from napari_ood_seg.plugin.camera import visible


@pytest.mark.parametrize(
    ("per_pixel", "stride"),
    [(0.1, 1), (1.0, 1), (1.4, 1), (1.5, 2), (2.8, 2), (3.0, 4), (500.0, 32)],
)
def test_stride_is_the_nearest_power_of_two(per_pixel: float, stride: int) -> None:
    found = visible(np.zeros(2), np.full(2, 9.0), (99, 99), per_pixel)
    assert found == View(region=(slice(0, 10), slice(0, 10)), stride=stride)


def test_a_pixel_reaches_half_a_pixel_to_each_side() -> None:
    found = visible(np.array([4.49, 4.51]), np.array([6.4, 6.6]), (9, 9), 1.0)
    assert found == View(region=(slice(4, 7), slice(5, 8)))


def test_nothing_is_visible_beside_the_image() -> None:
    assert visible(np.array([-9.0, 0.0]), np.array([-2.0, 5.0]), (9, 9), 1.0) is None

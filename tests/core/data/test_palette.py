from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
import pytest
from skimage.color import deltaE_cie76, rgb2lab

from napari_ood_seg.core.data.palette import CLASS_COLORS, UNKNOWN_COLOR, next_color

if TYPE_CHECKING:
    import numpy.typing as npt

VISION = {
    "usual": np.eye(3),
    "no long cones": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "no medium cones": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "no short cones": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
"""On linear RGB: Machado, Oliveira and Fernandes (2009), severity 1."""

JUST_SEEN = 2.3
"""The difference in CIELAB that is just noticed."""


def seen(color: str, vision: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return a colour in CIELAB, as somebody sees it."""
    rgb = np.array([int(color[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    other = np.clip(vision @ linear, 0, 1)
    back = np.where(
        other <= 0.0031308, 12.92 * other, 1.055 * other ** (1 / 2.4) - 0.055
    )
    lab: npt.NDArray[np.float64] = rgb2lab(back[None, None])[0, 0]
    return lab


@pytest.mark.parametrize("name", VISION)
def test_nobody_takes_one_for_another(name: str) -> None:
    colors = (*CLASS_COLORS, UNKNOWN_COLOR)
    for first, second in combinations(colors, 2):
        far = deltaE_cie76(*(seen(c, VISION[name]) for c in (first, second)))
        assert far > 6 * JUST_SEEN, f"{first} and {second} look alike"


def test_there_are_enough_for_twelve_classes() -> None:
    assert len(CLASS_COLORS) == 12


def test_colours_are_told_apart_and_written_alike() -> None:
    assert len(set(CLASS_COLORS)) == len(CLASS_COLORS)
    for color in CLASS_COLORS:
        assert len(color) == 7
        assert color == color.lower()
        int(color.removeprefix("#"), 16)


def test_free_colours_come_in_order_however_they_are_written() -> None:
    taken: set[str] = set()
    for expected in CLASS_COLORS:
        assert next_color({c.upper() for c in taken} | {"#123456"}) == expected
        taken.add(expected)


def test_when_all_are_taken_they_start_again() -> None:
    assert next_color(set(CLASS_COLORS)) == CLASS_COLORS[0]
    assert next_color({*CLASS_COLORS, "#123456"}) == CLASS_COLORS[1]

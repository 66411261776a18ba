"""An image and strokes on it, for benchmarks without a window; needs numpy alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable

IN_VIEW, CLASSES = 1024, 3


class Stroke(NamedTuple):
    """A class, and the `(n, 2)` rows and columns that were painted."""

    class_id: int
    pixels: np.ndarray


def picture(size: int) -> np.ndarray:
    """Return a `(size, size, 3)` uint8 image of three textures, repeated."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:512, :512]
    waves = np.stack([np.sin(x / 3), np.sin((x + y) / 7), np.cos(y / 15)], axis=2)
    block = waves * 60 + rng.normal(128, 20, (512, 512, 3))
    block[:, 256:] = block[:, 256:, ::-1] * 0.7
    repeats = -(-size // 512)
    whole = np.tile(block.clip(0, 255).astype(np.uint8), (repeats, repeats, 1))
    return whole[:size, :size]


def middle(size: int) -> int:
    """Return the first row, and column, of the middle `IN_VIEW` pixels."""
    return (size - IN_VIEW) // 2


def strokes(size: int, n: int) -> list[Stroke]:
    """Return `n` strokes of 7 x 90 pixels in the middle, of the classes in turn."""
    rng = np.random.default_rng(1)
    found = []
    for i in range(n):
        row, column = middle(size) + rng.integers(40, IN_VIEW - 140, 2)
        pixels = [(row + d, column + k) for k in range(90) for d in range(7)]
        found.append(Stroke(1 + i % CLASSES, np.array(pixels)))
    return found


def labels(painted: Iterable[Stroke], size: int) -> np.ndarray:
    """Return the `(size, size)` uint8 label image; later strokes lie above."""
    out = np.zeros((size, size), np.uint8)
    for class_id, pixels in painted:
        out[pixels[:, 0], pixels[:, 1]] = class_id
    return out

"""A slide as large as they come, made where it is looked at."""

from __future__ import annotations

from typing import Any

import numpy as np


class Level:
    """One level of a multiscale RGB image: stripes of dark and bright noise.

    Parameters
    ----------
    side
        Height and width of the finest level.
    step
        Pixels of the finest level per pixel of this one.
    """

    dtype = np.dtype(np.uint8)
    ndim = 3

    def __init__(self, side: int, step: int) -> None:
        self._step = step
        self.shape = (-(-side // step), -(-side // step), 3)
        self.size = int(np.prod(self.shape))

    def __getitem__(self, key: Any) -> Any:
        keys: tuple[Any, ...] = (*key, slice(None), slice(None))
        rows, columns, colours = keys[:3]
        at = [
            np.arange(n, dtype=np.int64)[k] * self._step
            for k, n in zip((rows, columns), self.shape, strict=False)
        ]
        mixed = at[0][:, None] * 2_654_435_761 ^ at[1] * 40_503
        grey = (mixed >> 7 & 31) + 150 * (at[1] // 256 % 2)
        return np.repeat(grey.astype(np.uint8)[..., None], 3, axis=-1)[..., colours]

    def __array__(self, dtype: Any = None, copy: Any = None) -> Any:
        assert self.size < 10_000_000, "nobody may ask for all of it"
        return np.asarray(self[:, :, :], dtype)


def slide(side: int) -> list[Level]:
    """Return the levels of a square image, each half as large as the one before.

    Columns 0 to 255 are dark, the next 256 bright, and so on.
    """
    steps = 2 ** np.arange(20)
    return [Level(side, int(step)) for step in steps if step == 1 or side / step > 500]

"""Slides that are made where somebody looks at them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]


class Level:
    """One level of a slide of textures, `(side, side, 3)` over the step, uint8.

    Parameters
    ----------
    side
        Pixels of the slide along each axis.
    step
        Every how many of them the level has.
    textures
        `(n, edge, edge, 3)`: one for each tissue, repeated all over it.
    tissue
        Gives from rows and columns of the slide which tissue lies there.
    """

    dtype, ndim = np.dtype(np.uint8), 3

    def __init__(
        self,
        side: int,
        step: int,
        textures: npt.NDArray[np.uint8],
        tissue: Callable[[Ints, Ints], Ints],
    ) -> None:
        self._step, self._textures, self._tissue = step, textures, tissue
        self.shape = (-(-side // step), -(-side // step), 3)
        self.size = int(np.prod(self.shape))

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - what numpy takes and gives
        keys = (*key, slice(None), slice(None), slice(None))[:3]
        rows, columns = (
            np.arange(n)[k] * self._step
            for k, n in zip(keys[:2], self.shape, strict=False)
        )
        which, edge = self._tissue(rows, columns), self._textures.shape[1]
        found = self._textures[which, rows[:, None] % edge, columns % edge]
        return found[..., keys[2]]

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[np.uint8]:
        return np.asarray(self[:, :, :], dtype)

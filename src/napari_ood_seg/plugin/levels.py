"""The result as napari reads it: levels of a pyramid that are made when looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    Region = tuple[slice, ...]
    Read = Callable[[Region, int], npt.NDArray[Any]]

THUMBNAIL: Final = 96
"""Edge in pixels under which a level is only used for the thumbnail."""


class Level:
    """Every `step`-th pixel of an image, read where it is looked at.

    What napari needs of an array, and no more. Nothing is copied before.

    Parameters
    ----------
    shape
        Height and width of the image at its finest level.
    step
        Pixels of the image per pixel of the level.
    dtype
        Of the values.
    read
        Gives every `step`-th pixel of a region of the image.
    """

    ndim: Final = 2

    def __init__(
        self, shape: tuple[int, int], step: int, dtype: npt.DTypeLike, read: Read
    ) -> None:
        self._image = shape
        self._step = step
        self._read = read
        self.dtype = np.dtype(dtype)
        self.shape = (-(-shape[0] // step), -(-shape[1] // step))

    @property
    def size(self) -> int:
        """Number of pixels."""
        return self.shape[0] * self.shape[1]

    def __getitem__(self, key: Any) -> Any:  # noqa: ANN401 - what numpy takes and gives
        keys = key if isinstance(key, tuple) else (key,)
        if not all(isinstance(k, slice | int | np.integer) for k in keys):
            return np.asarray(self)[key]
        full = (*keys, *(slice(None),) * (2 - len(keys)))
        bounds = [_bounds(k, n) for k, n in zip(full, self.shape, strict=True)]
        region = tuple(
            slice(start * self._step, min(stop * self._step, n))
            for (start, stop, _), n in zip(bounds, self._image, strict=True)
        )
        steps = tuple(slice(None, None, step) for _, _, step in bounds)
        found = self._read(region, self._step)[steps]
        return found[tuple(slice(None) if isinstance(k, slice) else 0 for k in full)]

    def __array__(
        self,
        dtype: npt.DTypeLike | None = None,
        copy: bool | None = None,
    ) -> npt.NDArray[Any]:
        found: npt.NDArray[Any] = self[:, :]
        return found if dtype is None else found.astype(dtype, copy=False)


def _bounds(key: Any, n: int) -> tuple[int, int, int]:  # noqa: ANN401 - slice or index
    """Return start, stop and step of a slice or an index along an axis of `n`."""
    if isinstance(key, slice):
        start, stop, step = key.indices(n)
        if step < 1:
            raise IndexError("a level is only read forwards")
        return start, max(stop, start), step
    at = int(key) + n if key < 0 else int(key)
    if not 0 <= at < n:
        raise IndexError(f"index {key} is out of bounds for an axis of {n}")
    return at, at + 1, 1


class Pyramid:
    """The levels of an image, each half as large as the one before.

    The last one, for napari's thumbnail, is a plain array: napari reads that level
    only once, so what changes is written into it (`refresh`).

    Parameters
    ----------
    shape, dtype, read
        See `Level`.
    """

    def __init__(
        self, shape: tuple[int, int], dtype: npt.DTypeLike, read: Read
    ) -> None:
        step, levels = 1, [Level(shape, 1, dtype, read)]
        while len(levels) == 1 or max(levels[-1].shape) > THUMBNAIL:
            step *= 2
            levels.append(Level(shape, step, dtype, read))
        if levels[-1].size == levels[-2].size:  # a single pixel
            levels.pop()
        self._finer = levels[:-1]
        self._source = levels[-1]
        self._thumbnail = np.zeros(self._source.shape, dtype)

    @property
    def levels(self) -> Sequence[Any]:
        """What napari takes for the data of a multiscale layer, finest first."""
        return [*self._finer, self._thumbnail]

    def refresh(self) -> None:
        """Write what there is now into the thumbnail."""
        self._thumbnail[:] = self._source[:, :]

"""`Coverage`: which parts of an image were predicted, and how finely."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    Region = tuple[slice, ...]

CELL: Final = 32
"""Edge of a cell in pixels, unless tiles are smaller."""

_NEVER: Final = 255


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """How finely each cell of an image was predicted with one model.

    Attributes
    ----------
    shape
        Height and width of the image in pixels.
    cell
        Edge of a cell in pixels.
    strides
        `(ceil(h/cell), ceil(w/cell))` uint8: every how many pixels; 255 if not at all.
    """

    shape: tuple[int, int]
    cell: int
    strides: npt.NDArray[np.uint8] = field(repr=False)

    @classmethod
    def none(cls, shape: tuple[int, int], cell: int = CELL) -> Self:
        """Return the coverage of an image of which nothing was predicted."""
        size = [-(-n // cell) for n in shape]
        return cls(shape, cell, np.full(size, _NEVER, np.uint8))

    def copy(self) -> Self:
        """Return a copy that another thread may change."""
        return type(self)(self.shape, self.cell, self.strides.copy())

    def add(self, region: Region, stride: int) -> None:
        """Note that a region, whole cells, was predicted every `stride` pixels."""
        part = self.strides[self._cells(region)]
        np.minimum(part, stride, out=part)

    def missing(self, region: Region, stride: int) -> Region | None:
        """Return the box of cells in a region that are coarser than `stride`.

        In pixels, cut to the region; `None` if all is there.

        Examples
        --------
        >>> c = Coverage.none((100, 200), cell=50)
        >>> c.add((slice(0, 50), slice(0, 100)), 1)
        >>> c.missing((slice(0, 50), slice(30, 170)), 1)
        (slice(0, 50, None), slice(100, 170, None))
        """
        cells = self._cells(region)
        at = np.nonzero(self.strides[cells] > stride)
        if len(at[0]) == 0:
            return None
        box = []
        for span, cell, index in zip(region, cells, at, strict=True):
            low = (cell.start + int(index.min())) * self.cell
            high = (cell.start + int(index.max()) + 1) * self.cell
            box.append(slice(max(low, span.start), min(high, span.stop)))
        return tuple(box)

    def whole(self, region: Region) -> Region:
        """Return a region enlarged to whole cells, within the image."""
        return tuple(
            slice(c.start * self.cell, min(c.stop * self.cell, n))
            for c, n in zip(self._cells(region), self.shape, strict=True)
        )

    def gaps(self, region: Region) -> Iterator[Region]:
        """Yield the parts of a region, at most a cell each, that were not predicted."""
        rows, columns = self._cells(region)
        gaps = np.argwhere(self.strides[rows, columns] == _NEVER)
        for row, column in gaps + np.array([rows.start, columns.start]):
            cell = (int(row) * self.cell, int(column) * self.cell)
            yield tuple(
                slice(max(i, s.start), min(i + self.cell, s.stop))
                for i, s in zip(cell, region, strict=True)
            )

    def _cells(self, region: Region) -> Region:
        return tuple(
            slice(s.start // self.cell, -(-s.stop // self.cell)) for s in region
        )

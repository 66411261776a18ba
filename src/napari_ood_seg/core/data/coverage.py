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


def grade(stride: int) -> int:
    """Return how coarse a stride is, as it fits in a byte.

    From 128 on a value stands for a whole block of pixels, and only its order counts.

    >>> grade(1), grade(32), grade(512), grade(1024)
    (1, 32, 138, 139)
    """
    return stride if stride < 128 else 128 + stride.bit_length()


def runs(mask: npt.NDArray[np.bool_]) -> Iterator[tuple[int, int, int]]:
    """Yield row, first and last-plus-one column of what is true in a row.

    >>> list(runs(np.array([[False, True, True], [False, False, False]])))
    [(0, 1, 3)]
    """
    for row in np.flatnonzero(mask.any(1)).tolist():
        change = np.diff(mask[row], prepend=False, append=False)
        for first, last in np.flatnonzero(change).reshape(-1, 2).tolist():
            yield row, first, last


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
        `(ceil(h/cell), ceil(w/cell))` uint8: every how many pixels, see `grade`; 255
        if not at all.
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
        np.minimum(part, grade(stride), out=part)

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
        lacking = self.strides[cells] > grade(stride)
        if not lacking.any():
            return None
        box = []
        for axis, (span, cell) in enumerate(zip(region, cells, strict=True)):
            index = np.flatnonzero(lacking.any(1 - axis))
            low = (cell.start + int(index[0])) * self.cell
            high = (cell.start + int(index[-1]) + 1) * self.cell
            box.append(slice(max(low, span.start), min(high, span.stop)))
        return tuple(box)

    def lacks(self, region: Region, stride: int) -> bool:
        """Whether something in a region is coarser than `stride`."""
        return bool((self.strides[self._cells(region)] > grade(stride)).any())

    def has_finer(self, region: Region, stride: int) -> bool:
        """Whether something in a region is finer than `stride`."""
        return bool((self.strides[self._cells(region)] < grade(stride)).any())

    def coarsest(self, region: Region, edge: int) -> npt.NDArray[np.uint8]:
        """Return the coarsest grade in each block of a region, 255 where is none.

        Parameters
        ----------
        region
            Starts at a multiple of `edge`.
        edge
            Of a block, in pixels; a multiple of the cell's.

        Examples
        --------
        >>> c = Coverage.none((100, 300), cell=50)
        >>> c.add((slice(0, 100), slice(0, 150)), 4)
        >>> c.add((slice(0, 50), slice(0, 300)), 1)
        >>> c.coarsest((slice(0, 100), slice(0, 300)), 100).tolist()
        [[4, 255, 255]]
        """
        found = self.strides[self._cells(region)]
        for axis in (0, 1):
            starts = range(0, found.shape[axis], edge // self.cell)
            found = np.maximum.reduceat(found, starts, axis=axis)
        return found

    def whole(self, region: Region) -> Region:
        """Return a region enlarged to whole cells, within the image."""
        return tuple(
            slice(c.start * self.cell, min(c.stop * self.cell, n))
            for c, n in zip(self._cells(region), self.shape, strict=True)
        )

    def gaps(self, region: Region) -> Iterator[Region]:
        """Yield the parts of a region, cells in a row, that were not predicted."""
        rows, columns = self._cells(region)
        lacking = self.strides[rows, columns] == _NEVER
        for row, first, last in runs(lacking):
            cells = (
                slice(rows.start + row, rows.start + row + 1),
                slice(columns.start + first, columns.start + last),
            )
            yield tuple(
                slice(
                    max(c.start * self.cell, s.start), min(c.stop * self.cell, s.stop)
                )
                for c, s in zip(cells, region, strict=True)
            )

    def coarser(self, region: Region, stride: int) -> Iterator[tuple[Region, int]]:
        """Yield what is coarser than `stride` as squares in a row, with their edge.

        As large ones as there are, none larger than `stride`: a few of a slide, though
        it has millions of cells.

        Parameters
        ----------
        region
            Starts at a multiple of `stride`.
        stride
            In pixels; a multiple of the cell's edge.

        Examples
        --------
        >>> c = Coverage.none((100, 300), cell=50)
        >>> c.add((slice(0, 50), slice(100, 150)), 1)
        >>> for (rows, columns), edge in c.coarser((slice(0, 100), slice(0, 300)), 100):
        ...     print(edge, rows.start, rows.stop, columns.start, columns.stop)
        100 0 100 0 100
        100 0 100 200 300
        50 0 50 150 200
        50 50 100 100 200
        """
        left = self.strides[self._cells(region)] > grade(stride)
        edge = stride
        while left.any():
            n, whole = edge // self.cell, left
            for axis in (0, 1):
                starts = range(0, whole.shape[axis], n)
                whole = np.logical_and.reduceat(whole, starts, axis=axis)
            for row, first, last in runs(whole):
                left[row * n : (row + 1) * n, first * n : last * n] = False
                spans = (row, row + 1), (first, last)
                yield (
                    tuple(
                        slice(s.start + low * edge, min(s.start + high * edge, s.stop))
                        for s, (low, high) in zip(region, spans, strict=True)
                    ),
                    edge,
                )
            half = edge // 2
            edge = self.cell if half % self.cell else half

    def _cells(self, region: Region) -> Region:
        return tuple(
            slice(s.start // self.cell, -(-s.stop // self.cell)) for s in region
        )

"""`TileMap`: a large image of which only the parts that were written exist."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import numpy.typing as npt

    Region = tuple[slice, ...]
    Key = tuple[int, int]

EDGE: Final = 512
"""Edge of a tile in pixels."""


class _Tile(NamedTuple):
    """Values of a tile, each of a square of `step` pixels."""

    step: int
    values: npt.NDArray[Any]


class TileMap:
    """A `(h, w)` array whose memory grows with what is written; zero elsewhere.

    What is written coarsely is kept coarsely, and what is one value all over a tile as
    that value: a rough look at a slide takes next to nothing.

    Parameters
    ----------
    shape
        Height and width.
    dtype
        Of the values.
    edge
        Edge of a tile in pixels.

    Examples
    --------
    >>> m = TileMap((100_000, 100_000), np.uint8)
    >>> m.write((slice(510, 514), slice(7, 9)), np.uint8(3))
    >>> m.read((slice(508, 516), slice(8, 10)), step=2)[:, 0].tolist()
    [0, 3, 3, 0]
    """

    def __init__(
        self, shape: tuple[int, int], dtype: npt.DTypeLike, *, edge: int = EDGE
    ) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._edge = edge
        self._plain = np.zeros([-(-n // edge) for n in shape], self.dtype)
        self._tiles: dict[Key, _Tile] = {}  # those of more than one value

    @property
    def n_bytes(self) -> int:
        """Bytes of the tiles of more than one value."""
        return sum(tile.values.nbytes for tile in self._tiles.values())

    def write(self, region: Region, values: npt.ArrayLike, *, stride: int = 1) -> None:
        """Set a region, rows and columns with start and stop.

        Parameters
        ----------
        values
            Of every `stride`-th pixel, each for its square; or one for all.
        """
        values = np.asarray(values, self.dtype)
        if values.ndim == 0:
            stride = self._widest(region)
        size = [len(range(s.start, s.stop, stride)) for s in region]
        values = np.broadcast_to(values, size)
        if not self._lines_up(region, stride):
            values, stride = _spread(values, stride, region), 1
        if stride >= self._edge:
            self._write_plain(region, values, stride)
            return
        for key, own, there in self._pieces(region):
            part = tuple(slice(s.start // stride, -(-s.stop // stride)) for s in there)
            self._put(key, own, values[part], stride)

    def read(self, region: Region, *, step: int = 1) -> npt.NDArray[Any]:
        """Return every `step`-th pixel of a region, from its first one on."""
        out = self._read_plain(region, step)
        rows, columns = ({i: own for i, *own in self._spans(s, step)} for s in region)
        if len(rows) * len(columns) < len(self._tiles):
            there = [key for key in product(rows, columns) if key in self._tiles]
        else:
            there = [(i, j) for i, j in self._tiles if i in rows and j in columns]
        for i, j in there:
            (own_rows, out_rows), (own_columns, out_columns) = rows[i], columns[j]
            found = _taken(self._tiles[i, j], own_rows, own_columns)
            out[out_rows, out_columns] = found
        return out

    def keep_only(self, wanted: Region) -> None:
        """Make everything else zero."""
        rows, columns = (self._range(s) for s in wanted)
        inside = np.s_[rows.start : rows.stop, columns.start : columns.stop]
        kept = self._plain[inside].copy()
        self._plain[:] = 0
        self._plain[inside] = kept
        for i, j in list(self._tiles):
            if i not in rows or j not in columns:
                del self._tiles[i, j]
        for i, j in product(rows, columns):
            inner = rows[0] < i < rows[-1] and columns[0] < j < columns[-1]
            if not inner and ((i, j) in self._tiles or self._plain[i, j]):
                for outside in _outside(self._region((i, j)), wanted):
                    self.write(outside, np.zeros((), self.dtype))

    def regions(self) -> Iterator[Region]:
        """Yield rows and columns of the tiles in which there is something."""
        plain = [(int(i), int(j)) for i, j in np.argwhere(self._plain)]
        yield from [self._region(key) for key in (*self._tiles, *plain)]

    def _widest(self, region: Region) -> int:
        """Return the edge of the largest squares that fit into a region."""
        ends = (s.stop % n for s, n in zip(region, self.shape, strict=True))
        return math.gcd(self._edge, *(s.start for s in region), *ends)

    def _lines_up(self, region: Region, stride: int) -> bool:
        """Whether squares of `stride` pixels fit into a region, and with the tiles."""
        return (self._edge % stride == 0 or stride % self._edge == 0) and all(
            s.start % stride == 0 and (s.stop % stride == 0 or s.stop == n)
            for s, n in zip(region, self.shape, strict=True)
        )

    def _write_plain(
        self, region: Region, values: npt.NDArray[Any], stride: int
    ) -> None:
        """Write values of whole tiles, or of squares of several."""
        rows, columns = (self._range(s) for s in region)
        for i, j in list(self._tiles):
            if i in rows and j in columns:
                del self._tiles[i, j]
        size, times = (len(rows), len(columns)), stride // self._edge
        inside = np.s_[rows.start : rows.stop, columns.start : columns.stop]
        self._plain[inside] = _enlarged(values, times, size)

    def _put(
        self, key: Key, own: Region, values: npt.NDArray[Any], stride: int
    ) -> None:
        """Write a part of a tile; what else is in it stays."""
        whole = [s.stop - s.start for s in self._region(key)]
        if [s.stop - s.start for s in own] == whole:
            self._tiles[key] = _Tile(stride, values.copy())
        else:
            plain = _Tile(self._edge, self._plain[key].reshape(1, 1))
            tile = self._tiles.get(key, plain)
            step = min(tile.step, stride)
            size = [-(-n // step) for n in whole]
            made = _enlarged(tile.values, tile.step // step, size)
            cells = tuple(slice(s.start // step, -(-s.stop // step)) for s in own)
            size = [s.stop - s.start for s in cells]
            made[cells] = _enlarged(values, stride // step, size)
            self._tiles[key] = _Tile(step, made)
        self._plain[key] = 0

    def _read_plain(self, region: Region, step: int) -> npt.NDArray[Any]:
        rows, columns = (self._range(s) for s in region)
        near = self._plain[rows.start : rows.stop, columns.start : columns.stop]
        at = [np.arange(s.start, s.stop, step) // self._edge for s in region]
        if not near.any():
            return np.zeros([len(a) for a in at], self.dtype)
        found: npt.NDArray[Any] = near.take(at[0] - rows.start, 0)
        return found.take(at[1] - columns.start, 1)

    def _range(self, span: slice) -> range:
        """Return the tiles along an axis that a span touches."""
        return range(span.start // self._edge, -(-span.stop // self._edge))

    def _region(self, key: Sequence[int]) -> Region:
        return tuple(
            slice(i * self._edge, min((i + 1) * self._edge, n))
            for i, n in zip(key, self.shape, strict=True)
        )

    def _pieces(self, region: Region) -> Iterator[tuple[Key, Region, Region]]:
        """Yield per tile its key, and where its pixels lie in it and in the region."""
        rows, columns = (self._spans(s, 1) for s in region)
        for (i, own_rows, out_rows), (j, own_cols, out_cols) in product(rows, columns):
            yield (i, j), (own_rows, own_cols), (out_rows, out_cols)

    def _spans(self, span: slice, step: int) -> list[tuple[int, slice, slice]]:
        """Return per tile along one axis its index, and slices in it and in `span`."""
        out = []
        for i in self._range(span):
            low = max(span.start, i * self._edge)
            first = -(-(low - span.start) // step)  # of the wanted pixels
            last = -(-(min(span.stop, (i + 1) * self._edge) - span.start) // step)
            if first < last:
                start = span.start + first * step - i * self._edge
                stop = start + (last - first - 1) * step + 1
                out.append((i, slice(start, stop, step), slice(first, last)))
        return out


def _taken(tile: _Tile, rows: slice, columns: slice) -> npt.NDArray[Any]:
    """Return the values of some pixels of a tile."""
    row, column = (_cells(span, tile.step) for span in (rows, columns))
    out = tile.values  # columns first: then whole rows are copied
    out = out[:, column] if isinstance(column, slice) else out.take(column, 1)
    return out[row] if isinstance(row, slice) else out.take(row, 0)


def _cells(span: slice, step: int) -> slice | npt.NDArray[np.int64]:
    """Return the squares of `step` pixels that each pixel of a span lies in.

    >>> _cells(slice(3, 20, 8), 4), _cells(slice(3, 10, 2), 4).tolist()
    (slice(0, 5, 2), [0, 1, 1, 2])
    """
    every = span.step or 1
    if every % step == 0:
        return slice(span.start // step, (span.stop - 1) // step + 1, every // step)
    return np.arange(span.start, span.stop, every) // step


def _enlarged(
    values: npt.NDArray[Any], times: int, size: Sequence[int]
) -> npt.NDArray[Any]:
    """Return values, each for a square of `times` by `times`, cut to a size."""
    if times == 1:
        return values
    wide = values.repeat(times, axis=1)[:, : size[1]]
    return wide.repeat(times, axis=0)[: size[0]]


def _spread(values: npt.NDArray[Any], stride: int, region: Region) -> npt.NDArray[Any]:
    """Return values at every `stride`-th pixel of a region for all of its pixels."""
    return _enlarged(values, stride, [s.stop - s.start for s in region])


def _outside(region: Region, wanted: Region) -> list[Region]:
    """Return up to four parts of a region that are not wanted."""
    (rows, columns), (high, wide) = region, wanted
    top, bottom = max(rows.start, high.start), min(rows.stop, high.stop)
    left, right = max(columns.start, wide.start), min(columns.stop, wide.stop)
    parts = [
        (slice(rows.start, top), columns),
        (slice(bottom, rows.stop), columns),
        (slice(top, bottom), slice(columns.start, left)),
        (slice(top, bottom), slice(right, columns.stop)),
    ]
    return [p for p in parts if all(s.start < s.stop for s in p)]

"""`TileMap`: a large image of which only the parts that were written exist."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    Region = tuple[slice, ...]

EDGE: Final = 512
"""Edge of a tile in pixels."""


class TileMap:
    """A `(h, w)` array whose memory grows with what is written; zero elsewhere.

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
    >>> m.n_bytes
    524288
    """

    def __init__(
        self, shape: tuple[int, int], dtype: npt.DTypeLike, *, edge: int = EDGE
    ) -> None:
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._edge = edge
        self._tiles: dict[tuple[int, int], npt.NDArray[Any]] = {}

    @property
    def n_bytes(self) -> int:
        """Bytes held."""
        return sum(tile.nbytes for tile in self._tiles.values())

    def write(self, region: Region, values: npt.ArrayLike) -> None:
        """Set a region, rows and columns with start and stop, to values of its size."""
        values = np.asarray(values, self.dtype)
        size = [s.stop - s.start for s in region]
        values = np.broadcast_to(values, size)
        for key, inside, outside in self._pieces(region):
            self._tile(key)[inside] = values[outside]

    def read(self, region: Region, *, step: int = 1) -> npt.NDArray[Any]:
        """Return every `step`-th pixel of a region, from its first one on."""
        size = [len(range(s.start, s.stop, step)) for s in region]
        out = np.zeros(size, self.dtype)
        for key, inside, outside in self._pieces(region, step):
            tile = self._tiles.get(key)
            if tile is not None:
                out[outside] = tile[inside]
        return out

    def drop(self, unwanted: Callable[[Region], bool]) -> None:
        """Forget the tiles whose region, rows and columns, is unwanted."""
        for key in [k for k in self._tiles if unwanted(self._region(k))]:
            del self._tiles[key]

    def regions(self) -> Iterator[Region]:
        """Yield rows and columns of the tiles that exist."""
        yield from [self._region(key) for key in self._tiles]

    def _region(self, key: Sequence[int]) -> Region:
        return tuple(
            slice(i * self._edge, min((i + 1) * self._edge, n))
            for i, n in zip(key, self.shape, strict=True)
        )

    def _tile(self, key: tuple[int, int]) -> npt.NDArray[Any]:
        if key not in self._tiles:
            size = [s.stop - s.start for s in self._region(key)]
            self._tiles[key] = np.zeros(size, self.dtype)
        return self._tiles[key]

    def _pieces(
        self, region: Region, step: int = 1
    ) -> Iterator[tuple[tuple[int, int], Region, Region]]:
        """Yield per tile its key, and where its pixels lie in it and in the region."""
        rows, columns = (self._spans(s, step) for s in region)
        for (i, own_rows, out_rows), (j, own_cols, out_cols) in product(rows, columns):
            yield (i, j), (own_rows, own_cols), (out_rows, out_cols)

    def _spans(self, span: slice, step: int) -> list[tuple[int, slice, slice]]:
        """Return per tile along one axis its index, and slices in it and in `span`."""
        out = []
        for i in range(span.start // self._edge, -(-span.stop // self._edge)):
            low = max(span.start, i * self._edge)
            first = -(-(low - span.start) // step)  # of the wanted pixels
            last = -(-(min(span.stop, (i + 1) * self._edge) - span.start) // step)
            if first < last:
                start = span.start + first * step - i * self._edge
                stop = start + (last - first - 1) * step + 1
                out.append((i, slice(start, stop, step), slice(first, last)))
        return out

"""`Result`: the prediction of one plane as it grows piece by piece."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from napari_ood_seg.core.data.coverage import CELL, Coverage
from napari_ood_seg.core.data.tile_map import TileMap
from napari_ood_seg.core.types import UNKNOWN, UNLABELLED

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_ood_seg.core.inference.view import View
    from napari_ood_seg.core.types import Prediction

    Region = tuple[slice, ...]

_TOP: Final = 65_534
"""Typicality 1 as it is kept; 0 is kept as 1, since 0 means not predicted."""

_TYPICALITY: Final = ((np.arange(_TOP + 2) - 1) / _TOP).astype(np.float32)
_TYPICALITY[0] = np.nan
_OOD: Final = np.nan_to_num(1 - _TYPICALITY)
"""What each code means; looking up is several times faster than computing."""

_COUNTED: Final = 2**19
"""Of images with more pixels than this, areas are counted on a grid."""


class Result:
    """Classes and typicality of an image; memory grows with what is predicted.

    Parameters
    ----------
    shape
        Height and width of the image.

    Attributes
    ----------
    coverage
        What the model of now has predicted; what else there is comes from the one
        before and is replaced soon.
    """

    def __init__(self, shape: tuple[int, int]) -> None:
        self.shape = shape
        self.coverage = Coverage.none(shape)
        self._classes = TileMap(shape, np.uint8)
        self._typicality = TileMap(shape, np.uint16)
        self._old: Region | None = None  # may hold what another model predicted

    @property
    def n_bytes(self) -> int:
        """Bytes held."""
        return self._classes.n_bytes + self._typicality.n_bytes

    @property
    def whole_bytes(self) -> int:
        """Bytes that classes and typicality of all pixels take as plain arrays."""
        pixel = np.dtype(np.uint8).itemsize + np.dtype(np.float32).itemsize
        return pixel * self.shape[0] * self.shape[1]

    @property
    def whole(self) -> Region:
        """Rows and columns of the image."""
        return tuple(slice(0, n) for n in self.shape)

    def write(
        self,
        region: Region,
        prediction: Prediction,
        *,
        stride: int = 1,
        cell: int = CELL,
    ) -> None:
        """Fill in a region that was predicted at every `stride`-th pixel.

        Parameters
        ----------
        stride
            If it is larger than a cell, what was predicted more finely stays.
        cell
            Edge in pixels of the parts that are predicted at once.
        """
        code = _code(prediction.typicality)
        if self.coverage.cell != cell:
            self.coverage = Coverage.none(self.shape, cell)
        if stride <= cell or not self.coverage.has_finer(region, stride):
            self._classes.write(region, prediction.classes, stride=stride)
            self._typicality.write(region, code, stride=stride)
        else:
            for part, edge in self.coverage.coarser(region, stride):
                at = np.ix_(*_squares(part, edge, region, stride))
                self._classes.write(part, prediction.classes[at], stride=edge)
                self._typicality.write(part, code[at], stride=edge)
        self.coverage.add(region, stride)

    def renew(self, view: View | None) -> None:
        """There is another model: only what is seen stays, until it is replaced."""
        self.coverage = Coverage.none(self.shape, self.coverage.cell)
        self._old = self.whole
        if view is not None:
            self._old = self.coverage.whole(view.region)
            for kept in (self._classes, self._typicality):
                kept.keep_only(self._old)

    def settle(self) -> None:
        """Blank what the model of now has not predicted: nothing else is coming."""
        old, self._old = self._old, None
        if old is None or next(self.coverage.gaps(old), None) is None:
            return  # a slide has too many tiles to look at each
        for tile in list(self._classes.regions()):
            region = _common(tile, old)
            for gap in () if region is None else self.coverage.gaps(region):
                self._classes.write(gap, np.uint8(UNLABELLED))
                self._typicality.write(gap, np.uint16(0))

    def lacks(self, view: View | None) -> bool:
        """Whether some of a view was not predicted as finely as it is shown."""
        region = self.whole if view is None else self.coverage.whole(view.region)
        stride = 1 if view is None else min(view.stride, self.coverage.cell)
        return self.coverage.lacks(region, stride)

    def labels(
        self, keep: float, region: Region | None = None, *, step: int = 1
    ) -> npt.NDArray[np.uint8]:
        """Return class ids, `UNKNOWN` below the threshold, `UNLABELLED` where nothing.

        Parameters
        ----------
        region
            Rows and columns, with start and stop; all without.
        step
            Every how many pixels.
        """
        region = region or self.whole
        labels = self._classes.read(region, step=step)
        code = self._typicality.read(region, step=step)
        least = _code(np.float32(1.0 - keep))
        code -= 1  # 0, not predicted, becomes the largest
        unknown = (code < least - 1).view(np.uint8)
        unknown *= np.uint8(UNKNOWN)  # no other class is as large
        np.maximum(labels, unknown, out=labels)  # several times faster than an index
        return labels

    @property
    def classes(self) -> npt.NDArray[np.uint8]:
        """`(h, w)` class ids without the threshold; for images that fit in memory."""
        return self.classes_in(self.whole)

    def classes_in(self, region: Region, *, step: int = 1) -> npt.NDArray[np.uint8]:
        """Return class ids without the threshold; 0 where not predicted yet."""
        return self._classes.read(region, step=step)

    @property
    def typicality(self) -> npt.NDArray[np.float32]:
        """`(h, w)` typicality, see `typicality_in`; for images that fit in memory."""
        return self.typicality_in(self.whole)

    def typicality_in(
        self, region: Region, *, step: int = 1
    ) -> npt.NDArray[np.float32]:
        """Return typicality in [0, 1], to 1/65,534; NaN where not predicted yet."""
        code = self._typicality.read(region, step=step)
        out: npt.NDArray[np.float32] = _TYPICALITY.take(code)
        return out

    def ood_in(self, region: Region, *, step: int = 1) -> npt.NDArray[np.float32]:
        """Return 1 - typicality in [0, 1]; 0 where not predicted yet."""
        code = self._typicality.read(region, step=step)
        out: npt.NDArray[np.float32] = _OOD.take(code)
        return out

    def shares(self, keep: float) -> dict[int, float]:
        """Return the share of predicted pixels per class id, `UNKNOWN` included."""
        pixels = self.shape[0] * self.shape[1]
        step = max(1, round((pixels / _COUNTED) ** 0.5))
        labels = self.labels(keep, step=step)
        counts = np.bincount(labels.ravel(), minlength=UNKNOWN + 1)
        total = counts.sum() - counts[UNLABELLED]
        ids = np.nonzero(counts)[0]
        return {int(i): float(counts[i] / total) for i in ids if i != UNLABELLED}


def _code(typicality: npt.NDArray[np.float32] | np.float32) -> npt.NDArray[np.uint16]:
    """Return typicality as whole numbers; the order stays."""
    clipped = np.clip(typicality, np.float32(0), np.float32(1))
    code: npt.NDArray[np.uint16] = (clipped * np.float32(_TOP) + 1).astype(np.uint16)
    return code


def _squares(
    part: Region, edge: int, region: Region, stride: int
) -> list[npt.NDArray[np.int64]]:
    """Return in which block of a region each square of a part lies, along each axis."""
    return [
        (np.arange(p.start, p.stop, edge) - s.start) // stride
        for p, s in zip(part, region, strict=True)
    ]


def _common(a: Region, b: Region) -> Region | None:
    """Return where two regions overlap, `None` if nowhere."""
    both = tuple(
        slice(max(s.start, t.start), min(s.stop, t.stop))
        for s, t in zip(a, b, strict=True)
    )
    return both if all(s.start < s.stop for s in both) else None

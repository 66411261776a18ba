"""`Result`: the prediction of the shown plane as it grows tile by tile."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import numpy as np

from napari_ood_seg.core.types import UNKNOWN, UNLABELLED

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_ood_seg.core.types import Prediction

    Region = tuple[slice, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """Classes and typicality of an image.

    Attributes
    ----------
    classes
        `(h, w)` uint8 class ids; `UNLABELLED` where not predicted yet.
    typicality
        `(h, w)` float32 in [0, 1]; NaN where not predicted yet.
    """

    classes: npt.NDArray[np.uint8] = field(repr=False)
    typicality: npt.NDArray[np.float32] = field(repr=False)

    @classmethod
    def empty(cls, shape: tuple[int, int]) -> Self:
        """Return a result in which nothing is predicted yet."""
        return cls(np.zeros(shape, np.uint8), np.full(shape, np.nan, np.float32))

    def write(self, region: Region, prediction: Prediction) -> None:
        """Fill in one tile."""
        self.classes[region] = prediction.classes
        self.typicality[region] = prediction.typicality

    def labels(self, keep: float, region: Region = ()) -> npt.NDArray[np.uint8]:
        """Return class ids with `UNKNOWN` below the threshold, of a region."""
        unknown = self.typicality[region] < np.float32(1.0 - keep)
        return np.where(unknown, np.uint8(UNKNOWN), self.classes[region])

    def shares(self, keep: float) -> dict[int, float]:
        """Return the share of predicted pixels per class id, `UNKNOWN` included."""
        counts = np.bincount(self.labels(keep).ravel(), minlength=UNKNOWN + 1)
        total = counts.sum() - counts[UNLABELLED]
        ids = np.nonzero(counts)[0]
        return {int(i): float(counts[i] / total) for i in ids if i != UNLABELLED}

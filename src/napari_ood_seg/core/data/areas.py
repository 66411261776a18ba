"""How many pixels of each class the frames of a series have."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from napari_ood_seg.core.types import UNKNOWN, UNLABELLED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class Areas:
    """Pixels per class id of what was predicted of a frame, `UNKNOWN` included.

    Examples
    --------
    >>> areas = Areas.of(np.array([[1, 1], [255, 0]], np.uint8))
    >>> areas.pixels, areas.share(UNKNOWN)
    ({1: 2, 255: 1}, 0.3333333333333333)
    """

    pixels: Mapping[int, int] = field(default_factory=dict)

    @classmethod
    def of(cls, labels: npt.NDArray[np.uint8], *, each: int = 1) -> Areas:
        """Count labels, each of which stands for so many pixels."""
        counts = np.bincount(labels.ravel(), minlength=UNKNOWN + 1)
        counts[UNLABELLED] = 0
        return cls({int(i): int(counts[i]) * each for i in np.nonzero(counts)[0]})

    @property
    def total(self) -> int:
        """Pixels that were predicted."""
        return sum(self.pixels.values())

    def share(self, class_id: int) -> float:
        """Return the share of a class in what was predicted, 0 to 1."""
        return self.pixels.get(class_id, 0) / max(self.total, 1)


def next_unknown(frames: Sequence[Areas | None], at: int, least: float) -> int | None:
    """Return the next frame of which more than `least` is unknown, if any.

    After the last frame the search goes on at the first; the frame `at` comes last.

    Parameters
    ----------
    frames
        `None` where nothing is predicted yet: those are passed over.
    least
        A share, 0 to 1.

    Examples
    --------
    >>> strange, usual = Areas({255: 1}), Areas({1: 1})
    >>> next_unknown([strange, usual, None, strange], 0, 0.05)
    3
    >>> next_unknown([strange, usual, None, strange], 3, 0.05)
    0
    """
    n = len(frames)
    for i in range(at + 1, at + 1 + n):
        areas = frames[i % n]
        if areas is not None and areas.share(UNKNOWN) > least:
            return i % n
    return None

"""Plain data that crosses module boundaries, and the label convention."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

UNLABELLED: Final = 0
"""Value of a pixel that nobody has painted; classes start at 1."""

UNKNOWN: Final = 255
"""Value of a pixel that is like none of the classes (below the threshold)."""

MAX_CLASS_ID: Final = 254
"""Largest class id; classes fit in uint8 beside `UNKNOWN`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassInfo:
    """A class that the user named.

    Attributes
    ----------
    id
        1 to `MAX_CLASS_ID`.
    name
        What the user calls it.
    color
        ``#rrggbb``.
    """

    id: int
    name: str
    color: str

    def __post_init__(self) -> None:
        if not 1 <= self.id <= MAX_CLASS_ID:
            raise ValueError(f"class ids run from 1 to {MAX_CLASS_ID}, got {self.id}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """What a model says about one image or tile.

    Attributes
    ----------
    classes
        `(h, w)` uint8, the best class id of every pixel; never `UNLABELLED` and
        never `UNKNOWN`, so that the threshold can be moved afterwards.
    score
        `(h, w)` float32, the OOD score; higher means more OOD, no fixed range.
    typicality
        `(h, w)` float32 in [0, 1]: share of held-out scribbled pixels that are
        at least as atypical as this pixel. 0.05 means: 95 % of what was
        scribbled looks more typical than this.
    probabilities
        `(k, h, w)` float32, posterior over the `k` classes given that it is one
        of them; `None` unless asked for.
    """

    classes: npt.NDArray[np.uint8] = field(repr=False)
    score: npt.NDArray[np.float32] = field(repr=False)
    typicality: npt.NDArray[np.float32] = field(repr=False)
    probabilities: npt.NDArray[np.float32] | None = field(default=None, repr=False)

    def labels(self, *, keep: float = 0.95) -> npt.NDArray[np.uint8]:
        """Return `(h, w)` class ids with `UNKNOWN` where typicality < 1 - `keep`.

        Examples
        --------
        >>> p = Prediction(
        ...     classes=np.array([[1, 2]], np.uint8),
        ...     score=np.zeros((1, 2), np.float32),
        ...     typicality=np.array([[0.5, 0.01]], np.float32),
        ... )
        >>> p.labels(keep=0.95).tolist()
        [[1, 255]]
        """
        known = self.typicality >= np.float32(1.0 - keep)
        return np.where(known, self.classes, np.uint8(UNKNOWN)).astype(np.uint8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far a long task is, cheap enough to send every step.

    Attributes
    ----------
    done, total
        Steps; `total` 0 where unknown.
    stage
        What is being done, for a person.
    """

    done: int
    total: int
    stage: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning(Progress):
    """How training goes.

    Attributes
    ----------
    loss
        Partial cross-entropy of the last steps.
    held_out
        That of the held-out pieces, by the averaged weights.
    """

    loss: float
    held_out: float

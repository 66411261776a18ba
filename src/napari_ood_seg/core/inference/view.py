"""`View`: what somebody looks at, and how much more is predicted."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    Region = tuple[slice, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What is on the screen.

    Attributes
    ----------
    region
        Visible rows and columns of the image, in pixels of the finest level.
    stride
        Pixels of the image per pixel of the screen, a power of two.
    """

    region: Region
    stride: int = 1

    @property
    def n_pixels(self) -> int:
        """How many pixels have to be predicted to fill the screen."""
        rows, columns = (len(range(s.start, s.stop, self.stride)) for s in self.region)
        return rows * columns

    @property
    def middle(self) -> tuple[int, int]:
        """Row and column of the pixel in the middle."""
        rows, columns = ((s.start + s.stop) // 2 for s in self.region)
        return rows, columns

    def overlaps(self, region: Region) -> bool:
        """Whether some of a region is visible."""
        return all(
            a.start < b.stop and b.start < a.stop
            for a, b in zip(self.region, region, strict=True)
        )


class Extent(StrEnum):
    """How much of an image is predicted."""

    VIEW = "view"
    """What is visible, as finely as the screen shows it."""
    AROUND = "around"
    """Also around that, as far as features can be kept, so that it stays quick."""
    ALL = "all"


class Goal(NamedTuple):
    """When a prediction is done.

    Attributes
    ----------
    extent
        How much is predicted.
    finest
        At every how many pixels, a power of two, no more finely.
    """

    extent: Extent = Extent.ALL
    finest: int = 1

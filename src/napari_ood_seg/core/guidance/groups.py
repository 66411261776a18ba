"""What a search for unknown regions finds; light, so that a window may import it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Literal, Self

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Region:
    """A connected place that one would want to look at.

    Attributes
    ----------
    group
        Number of its group of look-alikes; 0 is shown first.
    kind
        ``unknown`` if most of it is below the threshold, else ``unsure``: less
        typical than scribbles are, or between classes.
    point
        Row and column of a pixel deep inside it.
    box
        First row and column, last row and column plus one.
    area
        In pixels.
    typicality
        Mean over the region.
    stroke
        `(n, 2)` pixels of a suggested stroke inside it.
    """

    group: int
    kind: Literal["unknown", "unsure"]
    point: tuple[int, int]
    box: tuple[int, int, int, int]
    area: int
    typicality: float
    stroke: npt.NDArray[np.int32] = field(repr=False)

    def moved(self, by: tuple[int, int]) -> Self:
        """Return the region so many rows and columns further."""
        (row, column), (top, left, bottom, right) = by, self.box
        return replace(
            self,
            point=(self.point[0] + row, self.point[1] + column),
            box=(top + row, left + column, bottom + row, right + column),
            stroke=self.stroke + np.array(by, np.int32),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Group:
    """Regions that look alike.

    Attributes
    ----------
    regions
        The most interesting first.
    share
        Of the image, from 0 to 1, of all its regions.
    near
        Id of the class that it is most often taken for.
    """

    regions: tuple[Region, ...] = field(repr=False)
    share: float
    near: int

    @property
    def kind(self) -> str:
        """That of its first region."""
        return self.regions[0].kind


def in_turn(groups: Sequence[Group]) -> tuple[Region, ...]:
    """Return the regions of all groups: the first of each, then the second of each.

    >>> in_turn(())
    ()
    """
    rounds = zip_longest(*(g.regions for g in groups))
    return tuple(r for regions in rounds for r in regions if r is not None)

"""`Window`: the part of a large image that its scribbles layer covers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    Pair = tuple[int, int]
    Region = tuple[slice, ...]

LARGEST: Final = 8192
"""Images of so many pixels a side at most are covered as a whole."""

SIDE: Final = 4096
"""Rows and columns of a larger image that are covered at a time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Where in an image the pixels of a scribbles layer lie.

    Attributes
    ----------
    origin
        Row and column of its first pixel.
    size
        Its height and width.
    shape
        Height and width of the image.
    """

    origin: Pair
    size: Pair
    shape: Pair

    @classmethod
    def whole(cls, shape: Pair) -> Self:
        """Return all of an image.

        >>> Window.whole((3, 4)).region
        (slice(0, 3, None), slice(0, 4, None))
        """
        return cls(origin=(0, 0), size=shape, shape=shape)

    @classmethod
    def of(cls, shape: Pair) -> Self:
        """Return all of an image, the middle of a large one.

        >>> Window.of((8192, 100)).size, Window.of((10_000, 100)).region
        ((8192, 100), (slice(2952, 7048, None), slice(0, 100, None)))
        """
        whole = cls.whole(shape)
        if max(shape) <= LARGEST:
            return whole
        size = (min(shape[0], SIDE), min(shape[1], SIDE))
        return replace(whole, size=size).around(whole.region)

    @property
    def region(self) -> tuple[slice, slice]:
        """Its rows and columns in the image."""
        return self.outer((slice(0, self.size[0]), slice(0, self.size[1])))

    def around(self, region: Region) -> Self:
        """Return it with a region in its middle, as far as the image goes."""
        rows, columns = (
            min(max((at.start + at.stop - n) // 2, 0), all_of - n)
            for at, n, all_of in zip(region, self.size, self.shape, strict=True)
        )
        return replace(self, origin=(rows, columns))

    def contains(self, region: Region) -> bool:
        """Whether it covers all of a region."""
        return all(
            own.start <= at.start and at.stop <= own.stop
            for own, at in zip(self.region, region, strict=True)
        )

    def clip(self, region: Region) -> tuple[slice, slice]:
        """Return what it covers of a region: perhaps no row or no column."""
        rows, columns = (
            slice(first := max(a.start, b.start), max(first, min(a.stop, b.stop)))
            for a, b in zip(self.region, region, strict=True)
        )
        return rows, columns

    def inner(self, region: Region) -> tuple[slice, slice]:
        """Return a region of the image in pixels of the layer."""
        rows, columns = self.origin
        return _shifted(region, (-rows, -columns))

    def outer(self, region: Region) -> tuple[slice, slice]:
        """Return a region of the layer in pixels of the image."""
        return _shifted(region, self.origin)


def _shifted(region: Region, by: Pair) -> tuple[slice, slice]:
    rows, columns = (
        slice(s.start + n, s.stop + n) for s, n in zip(region, by, strict=True)
    )
    return rows, columns

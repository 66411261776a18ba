"""Spectra at other wavelengths than they were recorded at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self, TypeVar

import numpy as np

from napari_ood_seg.core.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Cube = TypeVar("Cube", bound=npt.NDArray[np.floating])

WIDEST_GAP: Final = 35.0
"""Bands further apart than this, in nm, tell nothing about what is between them: so far
are the two peaks of oxygenated haemoglobin from each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resampling:
    """Makes each new band from two old ones by a straight line.

    Attributes
    ----------
    below, above
        Per new band, the old ones beside it; the same one twice where one will do.
    shares
        How much of the step from `below` to `above` is added, 0 to 1.
    """

    below: tuple[int, ...]
    above: tuple[int, ...]
    shares: tuple[float, ...]

    @classmethod
    def between(cls, have: Sequence[float], wanted: Sequence[float]) -> Self:
        """Return how bands at `wanted` are made from those at `have`, in nm.

        Only within what is covered: a wanted band may lie beyond the last one that
        there is by half the distance of that to its neighbour, and then is that band.

        Raises
        ------
        ImageError
            If a wanted band is not covered, or lies between bands that are more than
            `WIDEST_GAP` apart.

        Examples
        --------
        >>> Resampling.between([500, 510, 520], [500, 512.5])
        Resampling(below=(0, 1), above=(0, 2), shares=(0.0, 0.25))
        """
        bands = np.asarray(have, np.float64)
        order = np.argsort(bands, kind="stable")
        bands = bands[order]
        nm = np.asarray(wanted, np.float64)
        reach = np.diff(bands)[[0, -1]] / 2 if len(bands) > 1 else np.zeros(2)
        outside = (nm < bands[0] - reach[0]) | (nm > bands[-1] + reach[1])
        inside = np.clip(nm, bands[0], bands[-1])
        above = np.searchsorted(bands, inside)
        below = np.where(bands[above] == inside, above, above - 1)
        gaps = bands[above] - bands[below]
        _require(~outside & (gaps <= WIDEST_GAP), bands, nm)
        shares = np.where(
            gaps > 0, (inside - bands[below]) / np.where(gaps > 0, gaps, 1), 0
        )
        return cls(
            below=tuple(order[below].tolist()),
            above=tuple(order[above].tolist()),
            shares=tuple(shares.tolist()),
        )

    def __call__(self, x: Cube) -> Cube:
        """Return the `(n, ...)` new bands of `(c, ...)`."""
        shares = np.asarray(self.shares, x.dtype).reshape(-1, *[1] * (x.ndim - 1))
        low = x[list(self.below)]
        out: Cube = low + shares * (x[list(self.above)] - low)
        return out

    def kept(self, used: Sequence[bool]) -> Self:
        """Return the same with fewer new bands."""
        rows = [
            row
            for row, u in zip(
                zip(self.below, self.above, self.shares, strict=True), used, strict=True
            )
            if u
        ]
        below, above, shares = zip(*rows, strict=True)
        return type(self)(below=below, above=above, shares=shares)


def _require(
    covered: npt.NDArray[np.bool_],
    bands: npt.NDArray[np.float64],
    wanted: npt.NDArray[np.float64],
) -> None:
    if covered.all():
        return
    raise ImageError(
        f"{(~covered).sum()} of {len(wanted)} bands from {wanted.min():g} to "
        f"{wanted.max():g} nm cannot be made from {len(bands)} bands from "
        f"{bands[0]:g} to {bands[-1]:g} nm"
    )

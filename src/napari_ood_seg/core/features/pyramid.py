"""Geometry of maps that live on several levels of a pyramid.

A map of a scale with factor `f` has one value per `f` x `f` block of pixels. Maps
are enlarged bilinearly, added up and smoothed by a Gaussian; `Footprint` gives the
same value at single pixels without computing whole maps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

import torch

from napari_ood_seg.core.features import filters
from napari_ood_seg.core.parallel import spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


def merge(
    maps: Sequence[Tensor],
    factors: Sequence[int],
    size: tuple[int, int],
    *,
    smoothing: float,
    guide: Tensor | None = None,
) -> Tensor:
    """Return the smoothed mean of maps of several levels.

    Parameters
    ----------
    maps
        Per level `(k, ceil(h/f), ceil(w/f))`.
    factors
        `f` of each level.
    size
        `(h, w)` in pixels.
    smoothing
        Sigma in pixels; 0 for none.
    guide
        `(1, h, w)` image of spread 1 across whose edges nothing is smoothed; a
        Gaussian without.

    Returns
    -------
    `(k, h, w)`.
    """

    def one(i: int) -> Tensor:
        mean = torch.zeros(1, *size, dtype=maps[0].dtype, device=maps[0].device)
        for values, factor in zip(maps, factors, strict=True):
            mean += filters.enlarge(values[i : i + 1], factor, size)
        mean /= len(maps)
        if smoothing == 0:
            return mean
        if guide is None:
            return filters.gaussian_blur(mean, smoothing)
        return filters.guided_filter(mean, guide, box_radius(smoothing), EDGE)

    # one by one: a single map stays in the processor's cache
    each = range(len(maps[0]))
    return torch.cat(spread(one, each, on=maps[0].device))


def thinned(z: Tensor, factor: int, size: tuple[int, int], stride: int) -> Tensor:
    """Return of a level's `(d, ...)` values those at every `stride`-th pixel.

    Parameters
    ----------
    z
        `(d, ceil(h/factor), ceil(w/factor))`.
    factor
        Of the level; levels that are as coarse as `stride` stay as they are.
    size
        `(h, w)` in pixels.
    stride
        Pixels from one to the next; the first one is at its half.
    """
    if factor >= stride:
        return z
    step, first = stride // factor, stride // 2 // factor
    wanted = [-(-n // stride) for n in size]
    for dim, n in enumerate(wanted, start=1):
        short = (n - 1) * step + first + 1 - z.shape[dim]
        if short > 0:  # the last one would lie beyond the border
            z = torch.cat([z, *[z.narrow(dim, -1, 1)] * short], dim)
    return z[:, first::step, first::step][:, : wanted[0], : wanted[1]]


EDGE: Final = 0.3
"""Steps of the guide above this, in units of its spread, count as edges."""


def box_radius(sigma: float) -> int:
    """Return the radius of two box means in a row with about the spread of a Gaussian.

    Examples
    --------
    >>> [box_radius(s) for s in (0.5, 2.0, 4.0)]
    [1, 2, 4]
    """
    return max(1, round((math.sqrt(6 * sigma**2 + 1) - 1) / 2))


def reach(factors: Sequence[int], smoothing: float) -> int:
    """Return the context in pixels that `merge` needs; a multiple of all factors."""
    radius = 0
    if smoothing > 0:
        radius = max(filters.kernel_radius(smoothing), 2 * box_radius(smoothing))
    coarsest = max(factors)
    return -(-(radius + coarsest) // coarsest) * coarsest


@dataclass(frozen=True, slots=True, eq=False)
class Footprint:
    """Which values of a level make the smoothed, enlarged value at some pixels.

    Attributes
    ----------
    cells
        `(m, 2)` rows and columns on the level, without repeats.
    index
        `(n, t)` which cells each of the `n` pixels uses.
    weights
        `(n, t)` how much of each; the rows sum to 1.
    """

    cells: Tensor = field(repr=False)
    index: Tensor = field(repr=False)
    weights: Tensor = field(repr=False)

    @classmethod
    def of(
        cls, pixels: Tensor, size: tuple[int, int], factor: int, *, smoothing: float
    ) -> Self:
        """Return the footprint of `(n, 2)` pixels of an image of `size` `(h, w)`."""
        rows, row_weights = _taps(pixels[:, 0], size[0], factor, smoothing)
        columns, column_weights = _taps(pixels[:, 1], size[1], factor, smoothing)
        width = -(-size[1] // factor)
        flat = rows[:, :, None] * width + columns[:, None, :]
        weights = row_weights[:, :, None] * column_weights[:, None, :]
        cells, index = torch.unique(flat.flatten(1), return_inverse=True)
        return cls(
            torch.stack([cells // width, cells % width], dim=1),
            index,
            weights.flatten(1),
        )

    def __call__(self, values: Tensor) -> Tensor:
        """Return `(n, ...)` pixel values from the `(m, ...)` values of the cells."""
        weights, taken = self.weights.to(values), values[self.index]
        if taken.ndim == 3:  # some times faster than einsum
            return torch.bmm(weights[:, None], taken)[:, 0]
        return torch.einsum("nt,nt...->n...", weights, taken)


def _taps(at: Tensor, n: int, factor: int, smoothing: float) -> tuple[Tensor, Tensor]:
    """Return `(m, t)` level indices and weights of positions along one axis."""
    if smoothing > 0:
        kernel = filters.gaussian_kernel(smoothing)
        radius = len(kernel) // 2
    else:
        kernel, radius = torch.ones(1), 0
    around = at[:, None] + torch.arange(-radius, radius + 1)
    source = filters.reflected(around, n)
    n_level = -(-n // factor)
    centre = ((source + 0.5) / factor - 0.5).clamp_min(0)
    low = centre.floor().long().clamp_max(n_level - 1)
    high = (low + 1).clamp_max(n_level - 1)
    upper = centre - low
    first = low.amin(1, keepdim=True)
    weights = torch.zeros(len(at), int((high - first).max()) + 1)
    weights.scatter_add_(1, low - first, kernel * (1 - upper))
    weights.scatter_add_(1, high - first, kernel * upper)
    index = (first + torch.arange(weights.shape[1])).clamp_max(n_level - 1)
    return index, weights

"""Normalisations of spectra, as pure functions of `(c, ...)` tensors."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np
import torch
from scipy.signal import savgol_filter

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt
    from torch import Tensor

WINDOW: Final = 7
"""Bands that the derivative is fitted to."""

_CHUNK: Final = 2_048
"""Spectra at a time where several copies of them should stay in the cache."""


def l1(x: Tensor, *, floor: float = 1e-12) -> Tensor:
    """Return spectra over their mean: per-pixel L1, up to the number of bands.

    Parameters
    ----------
    x
        `(c, ...)`.
    floor
        Least mean that is divided by.

    Examples
    --------
    >>> l1(torch.tensor([1.0, 2.0, 3.0])).tolist()
    [0.5, 1.0, 1.5]
    """
    return x / x.mean(0).clamp_min(floor)


def snv(x: Tensor, *, floor: float = 1e-12) -> Tensor:
    """Return spectra less their mean, over their standard deviation.

    Parameters
    ----------
    x
        `(c, ...)`.
    floor
        Least standard deviation that is divided by.

    Notes
    -----
    Standard normal variate, Barnes et al. (Appl. Spectrosc. 43:772, 1989); the
    deviation is that of `c - 1` degrees of freedom.

    Examples
    --------
    >>> snv(torch.tensor([1.0, 2.0, 3.0])).tolist()
    [-1.0, 0.0, 1.0]
    """
    off = x - x.mean(0)
    # ten times faster than `std` over the first axis
    deviation = off.square().sum(0).div_(len(x) - 1).sqrt_()
    return off.div_(deviation.clamp_min(floor))


def derivative(x: Tensor, *, window: int = WINDOW) -> Tensor:
    """Return the first derivative of spectra, per band.

    Parameters
    ----------
    x
        `(c, ...)`; bands are taken for evenly spaced.
    window
        Bands that a parabola is fitted to, an odd number; fewer where there are
        fewer.

    Notes
    -----
    Savitzky and Golay (Anal. Chem. 36:1627, 1964); at the ends the parabola of the
    outermost bands.

    Examples
    --------
    >>> ramp = torch.arange(9.0) ** 2
    >>> [round(v, 4) + 0.0 for v in derivative(ramp).tolist()]
    [0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0, 16.0]
    """
    filters = torch.from_numpy(_savitzky_golay(len(x), window)).to(x)
    flat = filters @ x.reshape(len(x), -1)
    return flat.view(x.shape)


@lru_cache(maxsize=16)
def _savitzky_golay(n: int, window: int) -> npt.NDArray[np.float64]:
    """Return the `(n, n)` matrix of the derivative: each row makes one band."""
    width = min(window, n - (n % 2 == 0))
    if n == 1:
        return np.zeros((1, 1))
    if width < 3:
        return np.array([[-1.0, 1.0], [-1.0, 1.0]])
    matrix: npt.NDArray[np.float64] = savgol_filter(
        np.eye(n), width, 2, deriv=1, axis=0
    )
    return matrix


def continuum_removed(
    x: Tensor, *, positions: Sequence[float] | None = None, floor: float = 1e-12
) -> Tensor:
    """Return spectra over their continuum: 1 where the upper hull touches.

    Parameters
    ----------
    x
        `(c, ...)`.
    positions
        Where the bands lie, ascending; evenly spaced if not given.
    floor
        Least continuum that is divided by.

    Notes
    -----
    Clark and Roush (J. Geophys. Res. 89:6329, 1984): the continuum is the upper part
    of the convex hull, straight between the bands that it touches.

    Examples
    --------
    >>> continuum_removed(torch.tensor([1.0, 1.0, 3.0, 2.0])).tolist()
    [1.0, 0.5, 1.0, 1.0]
    """
    at = torch.tensor(positions or range(len(x)), dtype=x.dtype, device=x.device)
    parts = [
        part / _continuum(part, at).clamp_min(floor)
        for part in x.reshape(len(x), -1).split(_CHUNK, dim=1)
    ]
    return torch.cat(parts, 1).view(x.shape)


def _continuum(x: Tensor, at: Tensor) -> Tensor:
    """Return the upper hull of `(c, n)` spectra with bands at `at`, `(c,)`.

    From each band that the hull touches, the next one is that to which the line is
    steepest: all spectra go on at once, until all have arrived at the last band.
    """
    c, n = x.shape
    bands = torch.arange(c, device=x.device)[:, None]
    start = torch.zeros(n, dtype=torch.long, device=x.device)
    hull = x.clone()
    todo = torch.arange(n, device=x.device)
    while len(todo) and c > 1:
        here = x.gather(0, start[None])
        slopes = (x - here) / (at[:, None] - at[start][None])
        slope, stop = slopes.masked_fill_(bands <= start, -torch.inf).max(0)
        inside = (bands > start) & (bands < stop)
        line = here + slope * (at[:, None] - at[start][None])
        hull[:, todo] = torch.where(inside, line, hull[:, todo])
        start = torch.maximum(stop, start + 1)
        going = start < c - 1
        todo, x, start = todo[going], x[:, going], start[going]
    return hull


NORMALISATIONS: Final[dict[str, Callable[[Tensor, float], Tensor]]] = {
    "l1": lambda x, floor: l1(x, floor=floor),
    "snv": lambda x, floor: snv(x, floor=floor),
    "derivative": lambda x, floor: derivative(l1(x, floor=floor)),
    "continuum": lambda x, floor: continuum_removed(x, floor=floor),
    "none": lambda x, floor: x,  # noqa: ARG005 - reflectance as it is
}
"""By name: from `(c, ...)` spectra and the least brightness that is divided by.

All but ``none`` give the same for a spectrum and its multiples.
"""

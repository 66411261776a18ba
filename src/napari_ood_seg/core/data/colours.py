"""What colour a spectrum has to the eye: CIE 1931 observer, daylight D65, sRGB."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import numpy as np

from napari_ood_seg.core.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

_Float = TypeVar("_Float", bound=np.floating)

LEAST_COVER: Final = 0.5
"""Share of X and of Y that the bands must cover for a colour to be told."""

WIDEST_GAP: Final = 40.0
"""Bands of the visible may be as far apart as this, in nm."""

_LINEAR: Final = np.array(
    [
        [3.2404542, -1.5371385, -0.4985314],
        [-0.9692660, 1.8760108, 0.0415560],
        [0.0556434, -0.2040259, 1.0572252],
    ]
)
"""From XYZ with the white of D65 to linear sRGB, IEC 61966-2-1."""


class Observer(NamedTuple):
    """A standard observer under a light.

    Attributes
    ----------
    wavelengths
        `(n,)` in nm, ascending, 1 nm apart.
    response
        `(3, n)` colour matching functions times the light, so scaled that the second
        row sums to 1.
    """

    wavelengths: Floats
    response: Floats

    @property
    def white(self) -> Floats:
        """`(3,)` X, Y and Z of a perfect white; Y is 1."""
        white: Floats = self.response.sum(1)
        return white


@lru_cache(maxsize=1)
def standard_observer() -> Observer:
    """Return the CIE 1931 2-degree observer under D65, 380 to 780 nm.

    Notes
    -----
    The tables are CIE's own at 5 nm (CIE 15: Colorimetry, tables of the 1931 observer
    and of illuminant D65), joined by straight lines.
    """
    path = files("napari_ood_seg.core.data") / "tables" / "observer.csv"
    with path.open(encoding="utf-8") as lines:
        table = np.genfromtxt(lines, delimiter=",", skip_header=1).T
    wavelengths = np.arange(table[0, 0], table[0, -1] + 1)
    matching = np.stack([np.interp(wavelengths, table[0], row) for row in table[1:4]])
    response = matching * np.interp(wavelengths, table[0], table[4])
    return Observer(wavelengths, response / response[1].sum())


def xyz_weights(wavelengths: Sequence[float]) -> Floats:
    """Return the `(3, c)` weights that make X, Y and Z of a reflectance spectrum.

    Between bands the spectrum is taken for a straight line, so that a band counts by
    its distance to its neighbours; beyond the first and the last band, it goes on as
    that one. Bands outside 380 to 780 nm count nothing, but for their share of the
    line to the nearest band inside.

    Parameters
    ----------
    wavelengths
        Band centres in nm, in any order.

    Notes
    -----
    ASTM E308, *Computing the Colors of Objects*, has the weights of what was not
    measured added to those of the first and the last wavelength.

    Examples
    --------
    >>> xyz_weights([380, 500, 780]).sum(1).round(3).tolist()  # the white of D65
    [0.95, 1.0, 1.088]
    """
    observer = standard_observer()
    bands = np.asarray(wavelengths, np.float64)
    order = np.argsort(bands, kind="stable")
    hats = np.stack(
        [
            np.interp(observer.wavelengths, bands[order], one)
            for one in np.eye(len(bands))
        ]
    )
    weights = np.empty((3, len(bands)))
    weights[:, order] = observer.response @ hats.T
    return weights


def cover(wavelengths: Sequence[float]) -> float:
    """Return how much of X and Y bands cover, 0 to 1: the lesser of the two.

    It is 0 where neighbouring bands of the visible are further apart than
    `WIDEST_GAP`. Z is not asked about, as it lies below 500 nm, where many cameras
    begin: there the first band stands for it.

    Examples
    --------
    >>> round(cover(range(400, 1001, 10)), 2), round(cover(range(500, 1001, 5)), 2)
    (1.0, 0.81)
    >>> cover((460, 545, 620))
    0.0
    """
    observer = standard_observer()
    bands = np.sort(np.asarray(wavelengths, np.float64))
    ends = observer.wavelengths[[0, -1]]
    gaps = np.diff(bands)[(bands[1:] > ends[0]) & (bands[:-1] < ends[1])]
    if len(gaps) == 0 or gaps.max() > WIDEST_GAP:
        return 0.0
    inside = (observer.wavelengths >= bands[0]) & (observer.wavelengths <= bands[-1])
    return float((observer.response @ inside / observer.white)[:2].min())


def srgb(spectra: npt.ArrayLike, wavelengths: Sequence[float]) -> Floats:
    """Return the `(3, ...)` sRGB colours, 0 to 1, of `(c, ...)` reflectance spectra.

    What the bands do not cover of the visible is taken to reflect as the nearest band
    does, see `xyz_weights`; a perfect white is (1, 1, 1). Colours that sRGB does not
    have are clipped.

    Parameters
    ----------
    spectra
        Reflectance, 0 to 1.
    wavelengths
        Band centres in nm.

    Raises
    ------
    ImageError
        If the bands cover less than `LEAST_COVER` of the visible.

    Examples
    --------
    >>> bands = range(400, 701, 10)
    >>> srgb(np.ones(31), bands).round(3).tolist()
    [1.0, 1.0, 1.0]
    """
    require_colours(wavelengths)
    return encoded(linear_rgb(xyz(spectra, wavelengths)))


def require_colours(wavelengths: Sequence[float]) -> None:
    """Raise `ImageError` unless bands cover enough of the visible for a colour."""
    found = cover(wavelengths)
    if found < LEAST_COVER:
        raise ImageError(
            f"bands from {min(wavelengths):g} to {max(wavelengths):g} nm cover "
            f"{found:.0%} of what the eye sees: a colour picture needs "
            f"{LEAST_COVER:.0%}, with bands at most {WIDEST_GAP:g} nm apart"
        )


def xyz(spectra: npt.ArrayLike, wavelengths: Sequence[float]) -> Floats:
    """Return `(3, ...)` X, Y and Z under D65 of `(c, ...)` spectra; white has Y 1."""
    return mixed(xyz_weights(wavelengths), np.asarray(spectra, np.float64))


def linear_rgb(values: Floats) -> Floats:
    """Return the `(3, ...)` linear sRGB of X, Y and Z; our white is exactly 1, 1, 1."""
    return mixed(_from_xyz(), values)


@lru_cache(maxsize=16)
def linear_rgb_weights(wavelengths: tuple[float, ...]) -> npt.NDArray[np.float32]:
    """Return the `(3, c)` weights that make linear sRGB of a reflectance spectrum."""
    weights = (_from_xyz() @ xyz_weights(wavelengths)).astype(np.float32)
    weights.setflags(write=False)
    return weights


def mixed(
    weights: npt.NDArray[_Float], spectra: npt.NDArray[_Float]
) -> npt.NDArray[_Float]:
    """Return the `(k, ...)` sums of `(c, ...)` spectra by `(k, c)` weights.

    On one thread: those of a matrix product go on waiting for more for a tenth of a
    second each time, and while a series is played take half of what there is to compute
    with from whoever predicts it.
    """
    out: npt.NDArray[_Float] = np.einsum("kc,c...->k...", weights, spectra)
    return out


def _from_xyz() -> Floats:
    matrix: Floats = _LINEAR / (_LINEAR @ standard_observer().white)[:, None]
    return matrix


def encoded(linear: Floats) -> Floats:
    """Return linear values with the transfer function of sRGB, IEC 61966-2-1.

    Values are clipped to 0 to 1.

    Examples
    --------
    >>> encoded(np.array([-1.0, 0.0, 0.002, 0.2140411, 1.0, 9.0])).round(4).tolist()
    [0.0, 0.0, 0.0258, 0.5, 1.0, 1.0]
    """
    clipped = np.clip(linear, 0, 1)
    powered = 1.055 * np.maximum(clipped, 0.0031308) ** (1 / 2.4) - 0.055
    return np.where(clipped <= 0.0031308, 12.92 * clipped, powered)

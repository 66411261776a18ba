"""What spectra say about tissue: oxygenation, amount of haemoglobin, water.

Indices from diffuse reflectance, for looking and comparing; none is a measurement of a
medical device. Everything is per pixel and independent of uneven light.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from napari_ood_seg.core.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy.typing as npt

    from napari_ood_seg.core.data.source import ImageSource

    Floats = npt.NDArray[np.float64]

HAEMOGLOBIN_BANDS: Final = (520.0, 600.0)
"""Where haemoglobin absorbs more than all else in tissue, in nm."""

_LEAST_BANDS: Final = 5
_WIDEST_GAP: Final = 12.0
"""In nm: the peaks of oxygenated haemoglobin are 35 nm apart, its dip is narrower."""

_WATER_DIP: Final = (900.0, 970.0)
_NEAR: Final = 10.0
"""A band stands for a wavelength that is at most so far away, in nm."""

_DARK: Final = 1e-6
"""Reflectance below this has no logarithm worth using."""

_STRIP: Final = 64


@lru_cache(maxsize=1)
def _haemoglobin() -> Floats:
    path = files("napari_ood_seg.core.data") / "tables" / "haemoglobin.csv"
    with path.open(encoding="utf-8") as lines:
        return np.genfromtxt(lines, delimiter=",", skip_header=1).T


def extinction(wavelengths: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Return the extinction of oxygenated and of deoxygenated haemoglobin.

    Both in 1/(cm mol/l) with the decadic logarithm, 400 to 1000 nm, linear between
    the wavelengths of the table.

    Raises
    ------
    ImageError
        If a wavelength is outside the table.

    Notes
    -----
    S. Prahl's compilation (omlc.org/spectra/hemoglobin).

    Examples
    --------
    >>> [round(float(v)) for v in extinction(577)]
    [55134, 39280]
    """
    nm = np.asarray(wavelengths, np.float64)
    table, oxy, deoxy = _haemoglobin()
    if nm.size and (nm.min() < table[0] or nm.max() > table[-1]):
        raise ImageError(
            f"haemoglobin is tabulated from {table[0]:g} to {table[-1]:g} nm, not at "
            f"{nm.min():g} to {nm.max():g} nm"
        )
    return np.interp(nm, table, oxy), np.interp(nm, table, deoxy)


def haemoglobin(
    spectra: npt.ArrayLike, wavelengths: npt.ArrayLike
) -> tuple[Floats, Floats]:
    """Return the amounts of oxygenated and of deoxygenated haemoglobin.

    The absorbance ``-log10 R`` from 520 to 600 nm is taken for the sum of both
    extinctions, a constant (light and distance) and a slope (scattering), by least
    squares: the modified Beer-Lambert law (Delpy et al., Phys. Med. Biol. 33:1433,
    1988). The light's path is unknown, so that amounts are relative; it is taken to be
    the same for all these bands.

    Parameters
    ----------
    spectra
        `(c, ...)` reflectance, up to a factor.
    wavelengths
        Band centres in nm, in any order.

    Returns
    -------
    tuple
        `(...)` each, in cm mmol/l; not a number where a band is dark or not finite.
        Noise makes small amounts negative.

    Raises
    ------
    ImageError
        If fewer than 5 bands, or bands more than 12 nm apart, cover 520 to 600 nm.
    """
    used = _haemoglobin_bands(wavelengths)
    nm = np.asarray(wavelengths, np.float64)[used]
    oxy, deoxy = extinction(nm)
    slope = (nm - nm.mean()) / 40
    design = np.stack([oxy / 1000, deoxy / 1000, np.ones_like(nm), slope], axis=1)
    chosen = np.asarray(spectra)[used].astype(np.float64)
    good = np.isfinite(chosen) & (chosen > _DARK)
    absorbance = np.where(good, -np.log10(np.where(good, chosen, 1)), np.nan)
    amounts = np.tensordot(np.linalg.pinv(design)[:2], absorbance, 1)
    return amounts[0], amounts[1]


def oxygenation(spectra: npt.ArrayLike, wavelengths: npt.ArrayLike) -> Floats:
    """Return the `(...)` share of oxygenated haemoglobin, 0 to 1; see `haemoglobin`.

    Not a number where there is no haemoglobin to speak of. Right for what Beer and
    Lambert describe; in deep tissue, where light that is absorbed less goes further,
    it rises with the true share but is too low where that is high: 0.7 for blood that
    is full of oxygen in the tissue that `samples` simulates.

    Examples
    --------
    >>> nm = np.arange(500.0, 620.0, 5.0)
    >>> oxy, deoxy = extinction(nm)
    >>> blood = 10 ** -(2e-5 * (0.8 * oxy + 0.2 * deoxy) + 0.3)
    >>> round(float(oxygenation(blood, nm)), 3)
    0.8
    """
    oxy, deoxy = haemoglobin(spectra, wavelengths)
    total = oxy + deoxy
    there = total > 1e-6
    share = np.where(there, oxy / np.where(there, total, 1), np.nan)
    return np.clip(share, 0, 1)


def haemoglobin_amount(spectra: npt.ArrayLike, wavelengths: npt.ArrayLike) -> Floats:
    """Return the `(...)` amount of all haemoglobin, relative; see `haemoglobin`.

    Examples
    --------
    >>> nm = np.arange(500.0, 620.0, 5.0)
    >>> oxy, deoxy = extinction(nm)
    >>> round(float(haemoglobin_amount(10 ** -(2e-5 * (oxy + deoxy) / 2), nm)), 4)
    0.02
    """
    oxy, deoxy = haemoglobin(spectra, wavelengths)
    return oxy + deoxy


def water(spectra: npt.ArrayLike, wavelengths: npt.ArrayLike) -> Floats:
    """Return the `(...)` water band index, R(900 nm) / R(970 nm).

    1 without water, more with it: water absorbs around 970 nm, not at 900 nm. Fat,
    which absorbs at 930 nm, hardly counts. After Penuelas et al. (Int. J. Remote Sens.
    14:1887, 1993), who wrote the inverse. Not a number where a band is dark.

    Raises
    ------
    ImageError
        If no band is within 10 nm of 900 and of 970 nm.

    Examples
    --------
    >>> water(np.array([0.6, 0.5, 0.4]), [900.0, 935.0, 970.0]).round(2).tolist()
    1.5
    """
    nm = np.asarray(wavelengths, np.float64)
    at = [int(np.abs(nm - wanted).argmin()) for wanted in _WATER_DIP]
    if any(abs(nm[i] - w) > _NEAR for i, w in zip(at, _WATER_DIP, strict=True)):
        raise _not_covered("water", "bands at 900 and 970 nm", nm)
    beside, dip = (np.asarray(spectra)[i].astype(np.float64) for i in at)
    good = np.isfinite(beside) & np.isfinite(dip) & (dip > _DARK) & (beside > _DARK)
    return np.where(good, beside / np.where(good, dip, 1), np.nan)


def _haemoglobin_bands(wavelengths: npt.ArrayLike) -> npt.NDArray[np.bool_]:
    """Return which bands tell haemoglobin."""
    nm = np.asarray(wavelengths, np.float64)
    low, high = HAEMOGLOBIN_BANDS
    used: npt.NDArray[np.bool_] = (nm >= low) & (nm <= high)
    gaps = np.diff(np.concatenate([[low], np.sort(nm[used]), [high]]))
    if used.sum() < _LEAST_BANDS or gaps.max() > _WIDEST_GAP:
        needed = f"bands at most {_WIDEST_GAP:g} nm apart from {low:g} to {high:g} nm"
        raise _not_covered("haemoglobin", needed, nm)
    return used


def _not_covered(name: str, needed: str, nm: Floats) -> ImageError:
    return ImageError(
        f"{name} needs {needed}, and there are {len(nm)} from {nm.min():g} to "
        f"{nm.max():g} nm: choose another map"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TissueIndex:
    """A map that can be computed from spectra.

    Attributes
    ----------
    compute
        From `(c, ...)` spectra and band centres in nm to `(...)` values.
    limits
        What is shown as the lowest and the highest.
    meaning, source
        A sentence, and where it is from.
    """

    compute: Callable[[npt.ArrayLike, npt.ArrayLike], Floats]
    limits: tuple[float, float]
    meaning: str
    source: str


_BEER_LAMBERT: Final = (
    "Modified Beer-Lambert law (Delpy et al. 1988) with S. Prahl's extinction spectra"
)

INDICES: Final[Mapping[str, TissueIndex]] = MappingProxyType(
    {
        "oxygenation": TissueIndex(
            compute=oxygenation,
            limits=(0.0, 1.0),
            meaning="Share of the haemoglobin that carries oxygen.",
            source=_BEER_LAMBERT,
        ),
        "haemoglobin": TissueIndex(
            compute=haemoglobin_amount,
            limits=(0.0, 0.04),
            meaning="Amount of haemoglobin that the light met, relative.",
            source=_BEER_LAMBERT,
        ),
        "water": TissueIndex(
            compute=water,
            limits=(1.0, 1.6),
            meaning="How deep the dip of water at 970 nm is.",
            source="Water band index, Penuelas et al. 1993",
        ),
    }
)
"""The maps that there are, by name."""


def tissue_map(
    source: ImageSource, name: str, *, plane: tuple[int, ...] = ()
) -> npt.NDArray[np.float32]:
    """Return the `(h, w)` map of one of the `INDICES` of a plane of an image.

    Rows are read some at a time.

    Raises
    ------
    ImageError
        If there is no such map, wavelengths are unknown, or needed ones are missing.
    """
    if name not in INDICES:
        raise ImageError(f"there is no map {name!r}: choose {', '.join(INDICES)}")
    if source.wavelengths is None:
        raise ImageError(
            f"the wavelengths of {source.name!r} are unknown: tissue maps need them"
        )
    out = np.empty((source.height, source.width), np.float32)
    for top in range(0, source.height, _STRIP):
        rows = slice(top, min(top + _STRIP, source.height))
        spectra = source.read(rows, slice(0, source.width), plane=plane)
        out[rows] = INDICES[name].compute(spectra, source.wavelengths)
    return out

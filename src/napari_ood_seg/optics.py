"""Diffuse reflectance of tissue from what is in it, by published spectra."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from scipy.interpolate import PchipInterpolator

from napari_ood_seg.sample_files import sample_file

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Tissue:
    """What light meets in a tissue.

    Attributes
    ----------
    blood
        Volume fraction, 0 to 1.
    oxygen
        Saturation of the haemoglobin, 0 to 1.
    water, fat
        Volume fractions, 0 to 1.
    scattering
        Reduced scattering at 500 nm, in 1/cm.
    power
        How fast scattering falls with wavelength.
    """

    blood: float
    oxygen: float
    water: float
    fat: float
    scattering: float
    power: float


TISSUES: Final[Mapping[str, Tissue]] = MappingProxyType(
    {
        "liver": Tissue(0.10, 0.65, 0.70, 0.05, 9.0, 1.0),
        "bowel": Tissue(0.025, 0.75, 0.78, 0.05, 13.0, 0.9),
        "fat": Tissue(0.0018, 0.80, 0.18, 0.75, 17.0, 0.6),
        "vessel": Tissue(0.35, 0.60, 0.80, 0.02, 11.0, 0.8),
    }
)


def absorption(wavelengths: npt.ArrayLike) -> Mapping[str, Floats]:
    """Return the absorption of the pure substances at wavelengths, in 1/cm.

    Wavelengths are in nm, 500 to 1000.

    Notes
    -----
    Smooth curves through a few rounded values: haemoglobin (150 g/l, 64500 g/mol)
    from S. Prahl's compilation (omlc.org), water after Hale and Querry (Appl. Opt.
    12:555, 1973), fat after van Veen et al. (J. Biomed. Opt. 10:054004, 2005).
    """
    table = _absorption_table()
    per_molar = np.log(10) * 150 / 64500
    out = {}
    for name in ("oxy", "deoxy", "water", "fat"):
        rows = table[table["substance"] == name]
        curve = PchipInterpolator(rows["wavelength_nm"], np.log(rows["value"]))
        factor = per_molar if name in ("oxy", "deoxy") else 1.0
        out[name] = factor * np.exp(curve(np.asarray(wavelengths)))
    return out


@lru_cache(maxsize=1)
def _absorption_table() -> npt.NDArray[Any]:
    path = sample_file("absorption.csv")
    table: npt.NDArray[Any] = np.genfromtxt(
        path, delimiter=",", names=True, dtype=None, encoding="utf-8"
    )
    return table


def reflectance(
    tissue: Tissue,
    wavelengths: npt.ArrayLike,
    *,
    blood: npt.ArrayLike = 1.0,
    scattering: npt.ArrayLike = 1.0,
) -> Floats:
    """Return the `(..., n)` diffuse reflectance of deep tissue, 0 to 1.

    Wavelengths are `(n,)` in nm, 500 to 1000; `blood` and `scattering` are factors
    on these of the tissue, broadcast against each other.

    Notes
    -----
    Absorption and power-law scattering after Jacques (Phys. Med. Biol. 58:R37,
    2013); diffuse reflectance of a half-space of refractive index 1.4 after Flock
    et al. (IEEE Trans. Biomed. Eng. 36:1162, 1989).
    """
    pure = absorption(wavelengths)
    haemoglobin = tissue.oxygen * pure["oxy"] + (1 - tissue.oxygen) * pure["deoxy"]
    rest = tissue.water * pure["water"] + tissue.fat * pure["fat"]
    amount = np.asarray(blood, np.float64)[..., None] * tissue.blood
    ratio = np.asarray(wavelengths, np.float64) / 500
    bounces = tissue.scattering * ratio**-tissue.power
    bounces = np.asarray(scattering, np.float64)[..., None] * bounces
    albedo = bounces / (bounces + amount * haemoglobin + rest)
    inner = -1.440 / 1.4**2 + 0.710 / 1.4 + 0.668 + 0.0636 * 1.4
    k = (1 + inner) / (1 - inner)
    lost = 1 - albedo
    result: Floats = albedo / (1 + 2 * k * lost + (1 + 2 * k / 3) * np.sqrt(3 * lost))
    return result

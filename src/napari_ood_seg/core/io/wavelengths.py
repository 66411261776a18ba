"""Wavelengths in nm from what files say: numbers with units, labels, text."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

from napari_ood_seg.core.errors import FileFormatError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

_NM: Final = {
    **dict.fromkeys(("nm", "nanometer", "nanometers", "nanometre", "nanometres"), 1.0),
    **dict.fromkeys(("um", "µm", "μm", "micron", "microns"), 1e3),
    **dict.fromkeys(("micrometer", "micrometers", "micrometre", "micrometres"), 1e3),
    **dict.fromkeys(("mm", "millimeter", "millimeters"), 1e6),
    **dict.fromkeys(("m", "meter", "meters"), 1e9),
    **dict.fromkeys(("angstrom", "angstroms", "å"), 0.1),
}
"""Units of length in nm."""

_NO_LENGTHS: Final = ("wavenumber", "cm-1", "1/cm", "ghz", "mhz", "hz", "index")
"""Units of what is no length; such bands are numbered."""

_MICRONS_UP_TO: Final = 30.0
"""Band centres without a unit are micrometres if all are below this."""

_NUMBER: Final = r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?"
_LIST: Final = re.compile(
    r"(?:wave\s*-?lengths?|bands?\s+cent(?:er|re)s?)[\"']?"
    r"\s*(?:[\[(](?P<unit>[^\W\d]+)[\])])?[\"']?\s*[:=]?\s*[\[({]?"
    rf"(?P<numbers>\s*{_NUMBER}(?:\s*nm)?(?:[\s,;|]+{_NUMBER}(?:\s*nm)?)+)",
    re.IGNORECASE,
)
_LENGTH: Final = re.compile(
    rf"(?<![a-zA-Z0-9.])(?P<value>{_NUMBER})\s*(?P<unit>nm|[µμu]m|nanomet(?:er|re)s?)\b",
    re.IGNORECASE,
)


def in_nm(values: Iterable[float], unit: str = "") -> tuple[float, ...] | None:
    """Return band centres in nm; `None` if the unit is none of length.

    Parameters
    ----------
    unit
        A name such as ``"Micrometers"``; if it is empty or unknown, values of 30 and
        less are taken for micrometres, as no optical camera sees 30 nm.

    Examples
    --------
    >>> in_nm([0.5, 0.75], "Micrometers"), in_nm([500, 750])
    ((500.0, 750.0), (500.0, 750.0))
    >>> in_nm([1, 2], "Index") is None
    True
    """
    numbers = [float(v) for v in values]
    unit = unit.strip().lower()
    if unit in _NO_LENGTHS:
        return None
    guess = 1e3 if max(numbers, default=0.0) <= _MICRONS_UP_TO else 1.0
    factor = _NM.get(unit, guess)
    return tuple(v if factor == 1 else round(v * factor, 6) for v in numbers)


def checked(values: Sequence[float], n_bands: int, path: Path) -> tuple[float, ...]:
    """Return wavelengths if there is a sensible one for each band.

    Raises
    ------
    FileFormatError
        If there is not.
    """
    if len(values) != n_bands:
        raise FileFormatError(
            f"{path.name!r} says {len(values)} wavelengths for {n_bands} bands: "
            "correct them, or remove them to number the bands"
        )
    wrong = next((v for v in values if not (math.isfinite(v) and v > 0)), None)
    if wrong is not None:
        raise FileFormatError(
            f"{path.name!r} says that a band is at {wrong} nm: correct the "
            "wavelengths, or remove them to number the bands"
        )
    return tuple(float(v) for v in values)


def from_list(text: str) -> tuple[float, ...]:
    """Return the wavelengths in nm that a text lists after that word.

    Examples
    --------
    >>> from_list('{"wavelengths": [450.0, 460.5, 471]}')
    (450.0, 460.5, 471.0)
    >>> from_list("Wavelength (um) = 0.45; 0.46"), from_list("Wavelength: 488 nm")
    ((450.0, 460.0), ())
    """
    found = _LIST.search(text)
    if found is None:
        return ()
    numbers = [float(v) for v in re.findall(_NUMBER, found["numbers"])]
    return in_nm(numbers, found["unit"] or "") or ()


def lengths_in(text: str) -> tuple[float, ...]:
    """Return all lengths in a text that carry a unit, in nm.

    Examples
    --------
    >>> lengths_in("band 3: 550 nm, fwhm 0.01 um"), lengths_in("550 nmi")
    ((550.0, 10.0), ())
    """
    return tuple(
        length
        for found in _LENGTH.finditer(text)
        for length in in_nm([float(found["value"])], found["unit"]) or ()
    )


def from_labels(labels: Sequence[str]) -> tuple[float, ...] | None:
    """Return the wavelength that each label names; `None` unless all do, all different.

    Examples
    --------
    >>> from_labels(["550 nm", "band at 0.6 µm"]), from_labels(["DAPI", "550 nm"])
    ((550.0, 600.0), None)
    """
    lengths = [lengths_in(label) for label in labels]
    if not lengths or not all(lengths):
        return None
    first = tuple(found[0] for found in lengths)
    return first if len(set(first)) == len(first) else None


def of_channels(channels: Sequence[Mapping[str, Any]]) -> tuple[float, ...] | None:
    """Return the wavelengths in nm of OME channels; `None` unless all have one.

    They are the emission wavelengths, or what the names or labels say.

    Examples
    --------
    >>> of_channels([{"label": "550 nm"}, {"label": "0.6 um"}])
    (550.0, 600.0)
    >>> of_channels([{"Name": "DAPI", "EmissionWavelength": 461}])
    (461.0,)
    """
    keys = ("EmissionWavelength", "emission_wavelength", "wavelength")
    labels = []
    for channel in channels:
        stated = next((channel[k] for k in keys if channel.get(k) is not None), None)
        unit = str(channel.get("EmissionWavelengthUnit") or "nm")
        named = str(channel.get("Name") or channel.get("label") or "")
        labels.append(named if stated is None else f"{stated} {unit}")
    return from_labels(labels)

"""ENVI: a text header beside bare pixels, mapped where they lie."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import FileFormatError, ImageError
from napari_ood_seg.core.io.files import damaged
from napari_ood_seg.core.io.raw import map_pixels
from napari_ood_seg.core.io.wavelengths import checked, in_nm

if TYPE_CHECKING:
    from pathlib import Path

HEADER: Final = ".hdr"
DATA_SUFFIXES: Final = (".img", ".raw", ".dat", ".bsq", ".bil", ".bip", ".bin")
"""Of data files; some have none."""

_TYPES: Final = {
    1: "u1", 2: "i2", 3: "i4", 4: "f4", 5: "f8", 6: "c8", 9: "c16", 12: "u2", 13: "u4",
    14: "i8", 15: "u8",
}  # fmt: skip
"""numpy's names for the numbers under ``data type``."""

_AXES: Final = {"bsq": "CYX", "bil": "YCX", "bip": "YXC"}
_LENGTHS: Final = {"C": "bands", "Y": "lines", "X": "samples"}
_LARGEST_HEADER: Final = 4 * 2**20
_ENTRY: Final = re.compile(
    r"^(?P<key>[^={}\n;][^={}\n]*)=[ \t]*"
    r"(?:\{(?P<many>[^}]*)\}|(?P<one>[^\n]*))",
    re.MULTILINE,
)


def is_header(path: Path) -> bool:
    """Return whether a file begins as ENVI headers do."""
    try:
        with path.open("rb") as file:
            return _begins(file.read(16))
    except OSError:
        return False


def has_header(path: Path) -> bool:
    """Return whether a data file has an ENVI header beside it."""
    return path.suffix.lower() in (*DATA_SUFFIXES, "") and _header_of(path) is not None


def open_envi(path: Path, *, axes: str | None = None) -> ImageSource:
    """Return an ENVI image, lazily; ``path`` is the header or the data file.

    Bands that the header's ``bbl`` calls bad are not used. Values stay as they are
    stored, also those that it says to ignore.

    Parameters
    ----------
    path
        An existing file.
    axes
        Instead of those of the interleave, in the order of the file.

    Raises
    ------
    FileFormatError
        If there is no header or no data file, or one of them is not as it must be.
    """
    header_path = path if path.suffix.lower() == HEADER else _header_of(path)
    if header_path is None:
        raise FileFormatError(
            f"{path.name!r} has no ENVI header beside it: copy its .hdr file there, too"
        )
    header = Header(header_path)
    data = _data_of(path) if header_path == path else path
    order = header.axes
    cube = map_pixels(
        data, dtype=header.dtype, shape=header.shape, offset=header.offset
    )
    n = header.whole("bands")
    source = ImageSource.from_array(
        cube,
        axes=axes or order,
        rgb=False,
        name=data.name,
        pixel_size=header.pixel_size,
        unit="pixel" if header.pixel_size == (1.0, 1.0) else "meter",
        channel_names=header.names("band names", n) if axes is None else (),
        wavelengths=header.wavelengths(n) if axes is None else None,
    )
    good = header.good_bands(n)
    return source if good is None or axes is not None else source.with_bands(good)


def parsed(text: str) -> dict[str, str | list[str]]:
    r"""Return the entries of a header; lists in braces are split, keys are lower case.

    Examples
    --------
    >>> parsed("ENVI\nSamples = 3\n; a comment\nwavelength = {\n 400.5,\n 500}")
    {'samples': '3', 'wavelength': ['400.5', '500']}
    """
    entries: dict[str, str | list[str]] = {}
    for found in _ENTRY.finditer(text):
        key = " ".join(found["key"].lower().split())
        if found["many"] is None:
            entries[key] = found["one"].strip()
        else:
            parts = [part.strip() for part in found["many"].split(",")]
            entries[key] = parts if parts[-1] else parts[:-1]
    return entries


class Header:
    """What a header says, checked where it is asked for.

    Raises
    ------
    FileFormatError
        From everything: if it is no ENVI header, or an entry is missing or wrong.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries = parsed(_text(path))
        self._refuse()

    @property
    def axes(self) -> str:
        """The order of the axes in the file."""
        interleave = self._one("interleave").lower()
        if interleave not in _AXES:
            raise self._wrong("interleave", interleave, "bsq, bil or bip")
        return _AXES[interleave]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Lengths along `axes`."""
        first, second, third = (self.whole(_LENGTHS[a]) for a in self.axes)
        return first, second, third

    @property
    def offset(self) -> int:
        """Bytes before the pixels."""
        return self.whole("header offset", default="0", least=0)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the pixels, with its byte order."""
        number = self.whole("data type")
        if number not in _TYPES:
            raise self._wrong("data type", str(number), "1 to 5, 6, 9 or 12 to 15")
        order = self.whole("byte order", default="0", least=0)
        if order > 1:
            raise self._wrong("byte order", str(order), "0 (little) or 1 (big endian)")
        return np.dtype(f"{'<>'[order]}{_TYPES[number]}")

    @property
    def pixel_size(self) -> tuple[float, float]:
        """Height and width of a pixel in metres; 1 if unknown."""
        entry = self._entries.get("pixel size", [])
        if isinstance(entry, str) or len(entry) < 2:
            return 1.0, 1.0
        units = [part.partition("=")[2].strip().lower() for part in entry[2:]]
        try:
            x, y = (float(v) for v in entry[:2])
        except ValueError:
            return 1.0, 1.0
        fits = all(math.isfinite(v) and v > 0 for v in (x, y))
        return (y, x) if fits and units in ([], ["meters"]) else (1.0, 1.0)

    def whole(self, key: str, *, default: str | None = None, least: int = 1) -> int:
        """Return a whole number of at least `least`."""
        text = self._one(key, default)
        try:
            number = int(text)
        except ValueError as error:
            raise self._wrong(key, text, "a whole number") from error
        if number < least:
            raise self._wrong(key, text, f"{least} or more")
        return number

    def names(self, key: str, n: int) -> tuple[str, ...]:
        """Return a list of names if there are `n`."""
        entry = self._entries.get(key, [])
        return tuple(entry) if isinstance(entry, list) and len(entry) == n else ()

    def wavelengths(self, n: int) -> tuple[float, ...] | None:
        """Return the band centres in nm, `None` if it does not say."""
        numbers = self._numbers("wavelength")
        if numbers is None:
            return None
        nm = in_nm(numbers, self._one("wavelength units", ""))
        return None if nm is None else checked(nm, n, self._path)

    def good_bands(self, n: int) -> list[bool] | None:
        """Return whether each band is good, `None` if it does not say."""
        numbers = self._numbers("bbl")
        if numbers is None:
            return None
        if len(numbers) != n or not any(numbers):
            raise FileFormatError(
                f"{self._path.name!r} calls {sum(map(bool, numbers))} of "
                f"{len(numbers)} bands good in 'bbl', for {n} bands: correct or "
                "remove that line"
            )
        return [bool(number) for number in numbers]

    def _refuse(self) -> None:
        """Raise if the data file is something else than bare pixels."""
        if "library" in self._one("file type", "").lower():
            raise ImageError(
                f"{self._path.name!r} is a library of spectra, not an image: choose "
                "an image"
            )
        if self._one("file compression", "0") != "0":
            raise FileFormatError(
                f"{self._path.name!r} says that its data are compressed, which cannot "
                "be read in parts: export it without compression"
            )
        for key in ("major frame offsets", "minor frame offsets"):
            if any(self._numbers(key) or ()):
                raise FileFormatError(
                    f"{self._path.name!r} has {key!r}, which are not supported: "
                    "export it without"
                )

    def _one(self, key: str, default: str | None = None) -> str:
        value = self._entries.get(key, default)
        if value is None:
            raise FileFormatError(
                f"{self._path.name!r} does not say {key!r}: the header is incomplete, "
                "so add that line or export it again"
            )
        return value if isinstance(value, str) else ", ".join(value)

    def _numbers(self, key: str) -> list[float] | None:
        entry = self._entries.get(key)
        if entry is None:
            return None
        texts = [entry] if isinstance(entry, str) else entry
        try:
            return [float(text) for text in texts]
        except ValueError as error:
            raise self._wrong(key, _short(", ".join(texts)), "numbers") from error

    def _wrong(self, key: str, found: str, wanted: str) -> FileFormatError:
        return FileFormatError(
            f"{self._path.name!r} says {key} = {found!r} where {wanted} must stand: "
            "correct the header or export it again"
        )


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            start = file.read(min(path.stat().st_size, _LARGEST_HEADER))
    except OSError as error:
        raise damaged(path, error) from error
    if not _begins(start):
        raise FileFormatError(
            f"{path.name!r} is no ENVI header, as it does not begin with the word "
            "ENVI: choose another file"
        )
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError:
        text = start.decode("latin-1")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _begins(start: bytes) -> bool:
    return start.removeprefix(b"\xef\xbb\xbf").lstrip().upper().startswith(b"ENVI")


def _header_of(path: Path) -> Path | None:
    """Return the header of a data file: ``a.hdr`` or ``a.img.hdr``."""
    for suffix in (HEADER, HEADER.upper()):
        for candidate in (path.with_name(path.name + suffix), path.with_suffix(suffix)):
            if candidate.is_file():
                return candidate
    return None


def _data_of(header: Path) -> Path:
    """Return the data file of a header."""
    stem = header.with_suffix("")
    for suffix in ("", *DATA_SUFFIXES):
        for name in (stem.name + suffix, stem.name + suffix.upper()):
            candidate = stem.with_name(name)
            if candidate.is_file():
                return candidate
    raise FileFormatError(
        f"there is no data file for {header.name!r}: copy {stem.name!r} with no "
        f"suffix or one of {', '.join(DATA_SUFFIXES)} beside it"
    )


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:37]}..."

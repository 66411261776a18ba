"""Cubes of TIVITA cameras, as in HeiPorSPECTRAL: ``*SpecCube.dat``."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Final

import numpy as np

from napari_ood_seg.core.data.source import MAX_CHANNELS, ImageSource
from napari_ood_seg.core.errors import FileFormatError
from napari_ood_seg.core.io.files import damaged
from napari_ood_seg.core.io.raw import map_pixels

if TYPE_CHECKING:
    from pathlib import Path

SUFFIX: Final = "speccube.dat"
"""How the names of such files end, whatever the case."""

_HEADER: Final = struct.Struct(">3i")
_VALUE: Final = np.dtype(">f4")
_NM: Final = tuple(float(nm) for nm in range(500, 1000, 5))
"""Of the camera with 100 bands; others do not say theirs."""


def is_tivita(path: Path) -> bool:
    """Return whether a file is named as the cameras name theirs."""
    return path.name.lower().endswith(SUFFIX)


def open_tivita(path: Path, *, axes: str | None = None) -> ImageSource:
    """Return a cube, lazily.

    The file is a big-endian header of three int32, columns, rows and bands, and
    float32 values with bands running fastest, columns from left to right and rows
    from bottom to top.

    Parameters
    ----------
    path
        An existing file.
    axes
        Instead of ``"YXC"``.

    Raises
    ------
    FileFormatError
        If the header makes no sense or does not fit the length of the file.
    """
    shape = _shape(path)
    stored = map_pixels(path, dtype=_VALUE, shape=shape, offset=_HEADER.size)
    return ImageSource.from_array(
        stored[:, ::-1].swapaxes(0, 1),
        axes=axes or "YXC",
        rgb=False,
        name=path.name,
        wavelengths=_NM if shape[2] == len(_NM) and axes is None else None,
    )


def _shape(path: Path) -> tuple[int, int, int]:
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER.size)
    except OSError as error:
        raise damaged(path, error) from error
    if len(header) < _HEADER.size:
        raise damaged(path, f"it has {len(header)} bytes, fewer than its header")
    width, height, bands = _HEADER.unpack(header)
    if min(width, height, bands) < 1 or bands > MAX_CHANNELS:
        raise FileFormatError(
            f"{path.name!r} says that it has {width} x {height} pixels and {bands} "
            "bands: it is damaged or no TIVITA cube, so copy or export it again"
        )
    return width, height, bands

"""The TIFF files of a prediction: tiled, deflated, one per array."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import tifffile

from napari_ood_seg.core.io.result_info import SOFTWARE, ResultInfo, rgb_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    import numpy.typing as npt

TILE: Final = 512
_BIG: Final = 2 * 1024**3
"""From this many bytes before compression on, a file is a BigTIFF."""

_PER_CENTIMETER: Final = {
    "nanometer": 1e7,
    "micrometer": 1e4,
    "millimeter": 10.0,
    "centimeter": 1.0,
    "meter": 0.01,
}


def make(arrays: Mapping[str, Any], folder: Path, info: ResultInfo) -> dict[str, Path]:
    """Write one file per array and return the files by name.

    Parameters
    ----------
    arrays
        `(h, w)` or `(c, h, w)` by name; read tile by tile.
    folder
        Where to; an existing folder.
    info
        What the files say about themselves.

    Raises
    ------
    OSError
        If the disk does not take it.
    """
    return {name: _write(name, array, folder, info) for name, array in arrays.items()}


def _write(name: str, array: Any, folder: Path, info: ResultInfo) -> Path:  # noqa: ANN401 - zarr
    path = folder / f"{name}.tif"
    shape = tuple(array.shape)
    dtype = np.dtype(array.dtype)
    is_classes = name == "classes"
    tifffile.imwrite(
        path,
        _iter_tiles(array),
        shape=shape,
        dtype=dtype,
        tile=(TILE, TILE),
        compression="adobe_deflate",
        bigtiff=int(np.prod(shape, dtype=np.int64)) * dtype.itemsize >= _BIG,
        photometric="palette" if is_classes else "minisblack",
        colormap=_colormap(info) if is_classes else None,
        software=SOFTWARE,
        description=json.dumps({"array": name, **info.as_dict()}),
        metadata=None,
        **_resolution(info),
    )
    return path


def _iter_tiles(array: Any) -> Iterator[npt.NDArray[Any]]:  # noqa: ANN401 - zarr
    """Yield the tiles plane by plane, in rows; those at the edge are smaller."""
    height, width = array.shape[-2:]
    planes = range(array.shape[0]) if len(array.shape) == 3 else (...,)
    for plane in planes:
        for top in range(0, height, TILE):
            for left in range(0, width, TILE):
                rows, columns = slice(top, top + TILE), slice(left, left + TILE)
                yield np.asarray(array[plane, rows, columns])


def _colormap(info: ResultInfo) -> npt.NDArray[np.uint16]:
    """Return `(3, 256)` colours of 16 bits; unused values are black."""
    colors = np.zeros((3, 256), np.uint16)
    for value, (_, color) in info.legend.items():
        colors[:, value] = np.array(rgb_bytes(color), np.uint16) * 257
    return colors


def _resolution(info: ResultInfo) -> dict[str, Any]:
    per_centimeter = _PER_CENTIMETER.get(info.unit)
    if per_centimeter is None:
        return {}
    height, width = info.pixel_size
    return {
        "resolution": (per_centimeter / width, per_centimeter / height),
        "resolutionunit": "CENTIMETER",
    }

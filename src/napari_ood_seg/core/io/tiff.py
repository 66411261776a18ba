"""TIFF: lazy levels, axes and pixel size, whichever program wrote it."""

from __future__ import annotations

import math
import re
import weakref
from typing import TYPE_CHECKING, Any, Final

import tifffile
import zarr

from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import FileFormatError, ImageError, OODSegError
from napari_ood_seg.core.io.files import READ_ERRORS, FileArray, damaged
from napari_ood_seg.core.io.tiff_spectra import (
    band_series,
    bands_lie_apart,
    wavelengths_of,
)
from napari_ood_seg.core.io.wavelengths import of_channels

if TYPE_CHECKING:
    from pathlib import Path

SUFFIXES: Final = (".tif", ".tiff", ".btf", ".tf8", ".svs", ".ndpi", ".scn", ".lsm")

_COARSEST_PRINT_DPI: Final = 600
"""Resolutions per inch up to this come from screens and printers, not microscopes."""

_UNITS: Final = {
    "nm": "nanometer",
    "µm": "micrometer",
    "μm": "micrometer",
    "um": "micrometer",
    "micron": "micrometer",
    "microns": "micrometer",
    "\\u00b5m": "micrometer",
    "mm": "millimeter",
    "cm": "centimeter",
    "m": "meter",
}


def open_tiff(path: Path, *, axes: str | None = None) -> ImageSource:
    """Return the first series of a TIFF file, with its pyramid levels.

    Parameters
    ----------
    path
        An existing file.
    axes
        Instead of what the file says.

    Raises
    ------
    FileFormatError
        If the file is damaged, cut off or compressed in an unknown way.
    ImageError
        If its axes cannot be used.
    """
    try:
        tif = tifffile.TiffFile(path)
    except (*READ_ERRORS, tifffile.TiffFileError) as error:
        raise damaged(path, error) from error
    try:
        if bands_lie_apart(tif):
            tif.close()
            tif = tifffile.TiffFile(path, is_shaped=False)
        source = _source(tif, path, axes)
    except OODSegError:
        tif.close()
        raise
    except (*READ_ERRORS, tifffile.TiffFileError) as error:
        tif.close()
        raise damaged(path, error) from error
    # The levels keep the file open; close it when nobody needs them any more.
    weakref.finalize(tif, tif.filehandle.close)
    return source


def _source(tif: tifffile.TiffFile, path: Path, axes: str | None) -> ImageSource:
    series = band_series(tif)
    _require_codec(series, path)
    levels = [level for level in series.levels if level.axes == series.axes]
    for level in levels:
        _require_whole(level, path)
    own_axes = axes if axes is not None else _axes(series.axes, path)
    samples = series.shape[series.axes.index("S")] if "S" in series.axes else 1
    size, unit = _pixel_size(tif, series.keyframe)
    rgb = samples in (3, 4) and "C" in own_axes.upper()
    names = _channel_names(tif, series)
    return ImageSource.from_array(
        [FileArray(_array(level), path) for level in levels],
        axes=own_axes,
        rgb=rgb,
        name=path.name,
        pixel_size=size,
        unit=unit,
        channel_names=names,
        wavelengths=None if rgb else _wavelengths(tif, series, own_axes, path),
    )


def _wavelengths(
    tif: tifffile.TiffFile, series: tifffile.TiffPageSeries, axes: str, path: Path
) -> tuple[float, ...] | None:
    """Return the wavelengths of the channels where the file tells them."""
    if "C" not in axes.upper():
        return None
    n = series.shape[axes.upper().index("C")]
    if not tif.is_ome:
        return wavelengths_of(series, n, path)
    channels = _as_list(_ome_pixels(tif).get("Channel"))
    return of_channels(channels) if len(channels) == n else None


def _array(level: tifffile.TiffPageSeries) -> Any:  # noqa: ANN401 - zarr is untyped here
    store: Any = level.aszarr(level=0)
    return zarr.open_array(store, mode="r")


def _require_codec(series: tifffile.TiffPageSeries, path: Path) -> None:
    compression = series.keyframe.compression
    if compression == tifffile.COMPRESSION.NONE:
        return
    try:
        tifffile.TIFF.DECOMPRESSORS[compression]
    except KeyError as error:
        name = getattr(compression, "name", str(compression))
        raise FileFormatError(
            f"{path.name!r} is compressed with {name}, which needs one more package: "
            "run pip install imagecodecs, or save the image uncompressed"
        ) from error


def _require_whole(level: tifffile.TiffPageSeries, path: Path) -> None:
    """Look where the first and last page end; missing pixels would read as black."""
    if level.dataoffset is not None:
        handle = level.keyframe.parent.filehandle
        if level.dataoffset + level.nbytes > handle.size:
            raise damaged(path, "it is shorter than its pixels")
    for page in (level.pages[0], level.pages[-1]):
        if page is None:
            continue
        offsets, counts = page.dataoffsets, page.databytecounts
        end = max((o + n for o, n in zip(offsets, counts, strict=True)), default=0)
        if end > page.parent.filehandle.size:
            raise damaged(path, "it is shorter than its pixels")


def _axes(axes: str, path: Path) -> str:
    """Return `axes` in our letters: samples and unknown stacks become free ones."""
    if axes.count("S") and "C" not in axes:
        axes = axes.replace("S", "C")
    out = axes
    for letter in axes:
        if letter in "TZYXC":
            continue
        free = [a for a in "CZT" if a not in out]
        if not free:
            raise ImageError(
                f"{path.name!r} has the axes {axes}, more than time, depth and "
                "channel: save one time point or position, or name the axes"
            )
        out = out.replace(letter, free[0])
    return out


def _pixel_size(
    tif: tifffile.TiffFile,
    page: Any,  # noqa: ANN401 - TiffPage or TiffFrame
) -> tuple[tuple[float, float], str]:
    """Return height and width of a pixel and their unit; 1 pixel if unknown."""
    size, unit = _stated_size(tif, page)
    if all(math.isfinite(v) and v > 0 for v in size):
        return size, unit
    return (1.0, 1.0), "pixel"


def _stated_size(
    tif: tifffile.TiffFile,
    page: Any,  # noqa: ANN401 - TiffPage or TiffFrame
) -> tuple[tuple[float, float], str]:
    if tif.is_ome:
        return _ome_size(_ome_pixels(tif))
    if tif.is_svs:
        found = re.search(r"\bMPP\s*=\s*([0-9.]+)", page.description)
        mpp = float(found[1]) if found else 0.0
        return (mpp, mpp), "micrometer"
    per_x, per_y = page.get_resolution()
    size = (1 / per_y if per_y else 0.0, 1 / per_x if per_x else 0.0)
    if tif.is_imagej:
        unit = str((tif.imagej_metadata or {}).get("unit", "")).lower()
        return (size, _UNITS[unit]) if unit in _UNITS else ((1.0, 1.0), "pixel")
    return _tag_size(page, size)


def _tag_size(
    page: Any,  # noqa: ANN401 - TiffPage or TiffFrame
    size: tuple[float, float],
) -> tuple[tuple[float, float], str]:
    metres = {2: 0.0254, 3: 1e-2, 4: 1e-3, 5: 1e-6}.get(int(page.resolutionunit))
    bare = page.resolutionunit == 2 and min(size) * _COARSEST_PRINT_DPI >= 1
    if metres is None or bare or "XResolution" not in page.tags:
        return (1.0, 1.0), "pixel"
    return (size[0] * metres * 1e6, size[1] * metres * 1e6), "micrometer"


def _ome_pixels(tif: tifffile.TiffFile) -> dict[str, Any]:
    """Return the ``Pixels`` element of the first image, as nested dictionaries."""
    parsed = tifffile.xml2dict(tif.ome_metadata or "<OME/>")
    images = _as_list((parsed.get("OME") or {}).get("Image"))
    pixels = images[0].get("Pixels") if images else None
    return pixels if isinstance(pixels, dict) else {}


def _ome_size(pixels: dict[str, Any]) -> tuple[tuple[float, float], str]:
    size = (
        float(pixels.get("PhysicalSizeY", 0)),
        float(pixels.get("PhysicalSizeX", 0)),
    )
    unit = _UNITS.get(str(pixels.get("PhysicalSizeXUnit", "µm")))
    same = pixels.get("PhysicalSizeXUnit") == pixels.get("PhysicalSizeYUnit")
    return (size, unit) if unit and same else ((1.0, 1.0), "pixel")


def _channel_names(
    tif: tifffile.TiffFile, series: tifffile.TiffPageSeries
) -> tuple[str, ...]:
    """Return the OME channel names if there is one for each channel."""
    if not tif.is_ome or "C" not in series.axes:
        return ()
    channels = _as_list(_ome_pixels(tif).get("Channel"))
    names = tuple(str(c["Name"]) for c in channels if "Name" in c)
    return names if len(names) == series.shape[series.axes.index("C")] else ()


def _as_list(value: Any) -> list[Any]:  # noqa: ANN401 - what xml2dict returns
    if value is None:
        return []
    return value if isinstance(value, list) else [value]

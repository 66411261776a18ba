"""Open images and scribble masks of every supported format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import imageio.v3 as iio
import numpy as np
from PIL import Image, UnidentifiedImageError

from napari_ood_seg.core.data.reflectance import corrected
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import FileFormatError, ImageError
from napari_ood_seg.core.io import envi, mat, scribble_files, tiff
from napari_ood_seg.core.io.arrays import npz_images, open_npy, open_npz
from napari_ood_seg.core.io.files import READ_ERRORS, damaged, existing
from napari_ood_seg.core.io.frames import frames_in, open_frames
from napari_ood_seg.core.io.ome_zarr import is_zarr, open_zarr, open_zarr_labels
from napari_ood_seg.core.io.tivita import is_tivita, open_tivita

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

_PICTURES: Final = (".png", ".jpg", ".jpeg", ".bmp")
_ARRAYS: Final = (".npy", ".npz")
_CONVERTED: Final = {
    "LA": "L",
    **dict.fromkeys(("P", "PA", "CMYK", "YCbCr", "HSV", "LAB"), "RGB"),
}
"""Pillow modes that are not plain grey or colour, and what they are read as."""
SUFFIXES: Final = (
    *(*tiff.SUFFIXES, *_PICTURES, *_ARRAYS, ".zarr"),
    *(mat.SUFFIX, envi.HEADER, *envi.DATA_SUFFIXES),
)
"""What `open_image` opens; OME-Zarr folders and ENVI data may have any name."""


def is_supported(path: str | Path) -> bool:
    """Return whether `open_image` knows files of this name, or this zarr folder."""
    path = Path(path)
    return path.suffix.lower() in SUFFIXES or is_zarr(path)


def open_image(
    path: str | Path,
    *,
    axes: str | None = None,
    variable: str | None = None,
    white: str | Path | None = None,
    dark: str | Path | None = None,
) -> ImageSource:
    """Open an image; pixels are read when asked for, where the format allows.

    TIFF (OME-TIFF, BigTIFF, whole-slide), OME-Zarr, zarr, ENVI, TIVITA cubes, MATLAB
    7.3 and NPY are lazy; PNG, JPEG, BMP, NPZ and older MATLAB files are read at once.

    Parameters
    ----------
    path
        A file, a zarr folder, or a folder with the frames of a time series.
    axes
        One letter of ``TZYXC`` per axis, instead of what the file says; of the single
        frame for a folder.
    variable
        Name of the image in MATLAB and NPZ files that hold several.
    white, dark
        Images of the white tile and with the shutter closed: with `white`, values
        become reflectance, see `corrected`.

    Raises
    ------
    ImageError
        If there is no such file, its type is not supported, or its axes or values
        cannot be used.
    FileFormatError
        If it is damaged or cut off.
    """
    source = _named(existing(path), axes, variable)
    if white is None:
        if dark is not None:
            raise ImageError(
                f"{Path(dark).name!r} is a dark reference without a white one: give "
                "both"
            )
        return source
    shutter = None if dark is None else open_image(dark, axes=axes, variable=variable)
    return corrected(source, open_image(white, axes=axes, variable=variable), shutter)


def images_in(path: str | Path) -> tuple[str | None, ...]:
    """Return the names to open the images of a file by, `None` if there is only one.

    Raises
    ------
    ImageError, FileFormatError
        As `open_image`.
    """
    path = existing(path)
    suffix = path.suffix.lower()
    names: tuple[str, ...] = ()
    if suffix == mat.SUFFIX:
        names = mat.mat_images(path)
    elif suffix == ".npz":
        names = npz_images(path)
    return names if len(names) > 1 else (None,)


def open_series(paths: Sequence[str | Path], *, axes: str | None = None) -> ImageSource:
    """Open files as the frames of one time series, which are read one at a time.

    Parameters
    ----------
    paths
        In the order of time.
    axes
        Of a single frame.

    Raises
    ------
    ImageError, FileFormatError
        As `open_image`, and if the frames are not alike.
    """
    found = [existing(path) for path in paths]
    if not found:
        raise ImageError("there is no frame: give at least one file")

    def open_one(path: Path) -> ImageSource:
        return _named(existing(path), axes, None)

    return open_frames(found, open_one, name=found[0].parent.name or found[0].name)


def read_labels(path: str | Path) -> npt.NDArray[np.integer]:
    """Return the `(h, w)` whole numbers of a scribble mask or scribble file.

    Parameters
    ----------
    path
        Any supported image with one channel, an OME-Zarr label image, or a
        ``.oodscribbles`` file. Colours are refused, since they are not class ids;
        a TIFF palette is ignored, since TIFF keeps the numbers under it.

    Raises
    ------
    ImageError
        If it does not hold one plane of whole numbers.
    FileFormatError
        If it is damaged or cut off.
    """
    path = existing(path)
    if path.suffix.lower() == scribble_files.SUFFIX:
        return scribble_files.load_scribbles(path)[0].to_labels()
    if path.suffix.lower() in _PICTURES:
        return _read_mask(path)
    source = open_zarr_labels(path) if is_zarr(path) else open_image(path)
    data = source.levels[0]
    if (
        np.prod(
            [n for a, n in zip(source.axes, data.shape, strict=True) if a not in "YX"]
        )
        != 1
    ):
        raise ImageError(
            f"{path.name!r} has the shape {tuple(data.shape)}, but a mask needs one "
            "class number per pixel: save one plane without colours"
        )
    order = [source.axes.index(a) for a in "YX"]
    rest = [i for i in range(data.ndim) if i not in order]
    labels = (
        np.asarray(data).transpose([*rest, *order]).reshape(source.height, source.width)
    )
    return _whole_numbers(labels, path)


def frames_of(folder: Path) -> list[Path]:
    """Return the files that `open_image` takes for the frames of a series, in order.

    Raises
    ------
    ImageError
        If the folder is none of a series.
    """
    return frames_in(folder, _is_frame)


def _named(path: Path, axes: str | None, variable: str | None) -> ImageSource:
    """Open a file; errors name it."""
    try:
        return _open(path, axes, variable)
    except ImageError as error:
        if path.name in str(error):
            raise
        raise ImageError(f"{path.name!r}: {error}") from error


def _open(path: Path, axes: str | None, variable: str | None) -> ImageSource:
    if is_zarr(path):
        return open_zarr(path, axes=axes)
    if path.is_dir():
        return open_series(frames_of(path), axes=axes)
    suffix = path.suffix.lower()
    if suffix == mat.SUFFIX:
        return mat.open_mat(path, axes=axes, variable=variable)
    if suffix == ".npz":
        return open_npz(path, axes=axes, variable=variable)
    for fits, opened in _OPENERS:
        if fits(path):
            return opened(path, axes=axes)
    raise ImageError(
        f"{path.name!r} is not a supported image: use TIFF, OME-Zarr, ENVI (with its "
        ".hdr), TIVITA, MATLAB, PNG, JPEG, BMP, NPY or NPZ"
    )


def _is_frame(path: Path) -> bool:
    """Return whether a file is an image; ENVI data are a part of their header's."""
    if path.suffix.lower() in envi.DATA_SUFFIXES:
        return _is_tivita(path)
    return is_supported(path)


def _open_picture(path: Path, *, axes: str | None = None) -> ImageSource:
    data, mode = _read_picture(path)
    rgb = mode in ("RGB", "RGBA")
    return ImageSource.from_array(data, axes=axes, rgb=rgb, name=path.name)


def _read_picture(path: Path) -> tuple[npt.NDArray[Any], str]:
    """Return the pixels and the Pillow mode; alpha of grey and CMYK are removed."""
    try:
        mode = str(iio.immeta(path, plugin="pillow", index=0)["mode"])
        wanted = _CONVERTED.get(mode)
        data = np.asarray(iio.imread(path, plugin="pillow", index=0, mode=wanted))
    except Image.DecompressionBombError as error:
        raise FileFormatError(
            f"{path.name!r} is too large for its format: save it as TIFF or OME-Zarr"
        ) from error
    except (*READ_ERRORS, UnidentifiedImageError) as error:
        raise damaged(path, error) from error
    return data, "RGB" if wanted == "RGB" else mode


def _read_mask(path: Path) -> npt.NDArray[np.integer]:
    if path.suffix.lower() in (".jpg", ".jpeg"):
        raise ImageError(
            f"{path.name!r} is a JPEG, which changes class numbers: save the mask as "
            "PNG or TIFF"
        )
    data, mode = _read_picture(path)
    if data.ndim != 2 or mode.startswith(("RGB", "P", "LA")):
        raise ImageError(
            f"{path.name!r} holds colours, not class numbers: save the mask as a "
            "greyscale image whose pixel values are 0 or the class id"
        )
    return _whole_numbers(data, path)


def _whole_numbers(data: npt.NDArray[Any], path: Path) -> npt.NDArray[np.integer]:
    if data.dtype.kind == "b":
        return data.astype(np.uint8)
    if data.dtype.kind in "ui":
        return data
    raise ImageError(
        f"{path.name!r} holds {data.dtype} values, but a mask needs whole numbers: "
        "save it as 8 or 16 bit"
    )


def _is_tivita(path: Path) -> bool:
    return is_tivita(path) and not envi.has_header(path)


def _is_envi(path: Path) -> bool:
    suffix = path.suffix.lower()
    return suffix in (envi.HEADER, *envi.DATA_SUFFIXES) or envi.has_header(path)


def _ends_in(*suffixes: str) -> Callable[[Path], bool]:
    return lambda path: path.suffix.lower() in suffixes


_OPENERS: Final = (
    (_ends_in(*tiff.SUFFIXES), tiff.open_tiff),
    (_ends_in(*_PICTURES), _open_picture),
    (_ends_in(".npy"), open_npy),
    (_is_tivita, open_tivita),
    (_is_envi, envi.open_envi),
)
"""What opens a file: the first that fits."""

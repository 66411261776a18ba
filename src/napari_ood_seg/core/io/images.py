"""Open images and scribble masks of every supported format."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from zipfile import BadZipFile

import imageio.v3 as iio
import numpy as np
from PIL import Image, UnidentifiedImageError

from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import FileFormatError, ImageError, OODSegError
from napari_ood_seg.core.io import scribble_files, tiff
from napari_ood_seg.core.io.files import READ_ERRORS, damaged, existing
from napari_ood_seg.core.io.ome_zarr import is_zarr, open_zarr, open_zarr_labels

if TYPE_CHECKING:
    import numpy.typing as npt

_PICTURES: Final = (".png", ".jpg", ".jpeg", ".bmp")
_ARRAYS: Final = (".npy", ".npz")
_CONVERTED: Final = {
    "LA": "L",
    **dict.fromkeys(("P", "PA", "CMYK", "YCbCr", "HSV", "LAB"), "RGB"),
}
"""Pillow modes that are not plain grey or colour, and what they are read as."""
_IMAGE_KEYS: Final = ("image", "cube")
SUFFIXES: Final = (*tiff.SUFFIXES, *_PICTURES, *_ARRAYS, ".zarr")
"""What `open_image` opens; OME-Zarr folders may have any name."""


def is_supported(path: str | Path) -> bool:
    """Return whether `open_image` knows files of this name, or this zarr folder."""
    path = Path(path)
    return path.suffix.lower() in SUFFIXES or is_zarr(path)


def open_image(path: str | Path, *, axes: str | None = None) -> ImageSource:
    """Open an image; pixels are read when asked for, where the format allows.

    TIFF (OME-TIFF, BigTIFF, whole-slide), OME-Zarr, zarr and NPY are lazy; PNG,
    JPEG, BMP and NPZ are read at once.

    Parameters
    ----------
    path
        A file, or a zarr folder.
    axes
        One letter of ``TZYXC`` per axis, instead of what the file says.

    Raises
    ------
    ImageError
        If there is no such file, its type is not supported, or its axes or values
        cannot be used.
    FileFormatError
        If it is damaged or cut off.
    """
    path = existing(path)
    try:
        return _open(path, axes)
    except ImageError as error:
        if path.name in str(error):
            raise
        raise ImageError(f"{path.name!r}: {error}") from error


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


def _open(path: Path, axes: str | None) -> ImageSource:
    suffix = path.suffix.lower()
    if is_zarr(path):
        return open_zarr(path, axes=axes)
    if path.is_dir():
        raise ImageError(f"{path.name!r} is a folder: choose an image in it")
    if suffix in tiff.SUFFIXES:
        return tiff.open_tiff(path, axes=axes)
    if suffix in _PICTURES:
        data, mode = _read_picture(path)
        rgb = mode in ("RGB", "RGBA")
        return ImageSource.from_array(data, axes=axes, rgb=rgb, name=path.name)
    if suffix == ".npy":
        return ImageSource.from_array(_read_npy(path), axes=axes, name=path.name)
    if suffix == ".npz":
        return _open_npz(path, axes)
    raise ImageError(
        f"{path.name!r} is not a supported image: use TIFF, OME-Zarr, PNG, JPEG, BMP, "
        "NPY or NPZ"
    )


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


def _read_npy(path: Path) -> npt.NDArray[Any]:
    try:
        data: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except READ_ERRORS as error:
        raise damaged(path, error) from error
    if not isinstance(data, np.ndarray):
        raise damaged(path, "it is an NPZ archive with the wrong name")
    return data


def _open_npz(path: Path, axes: str | None) -> ImageSource:
    """Return the only array, or the one named image or cube, and its wavelengths."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            names = archive.files
            key = next((n for n in _IMAGE_KEYS if n in names), None)
            if key is None and len(names) == 1:
                key = names[0]
            if key is None:
                raise ImageError(
                    f"{path.name!r} holds the arrays {', '.join(names) or 'none'}: "
                    "name the image 'image' or 'cube'"
                )
            data = archive[key]
            bands = archive["wavelengths"] if "wavelengths" in names else None
    except OODSegError:
        raise
    except (*READ_ERRORS, BadZipFile) as error:
        raise damaged(path, error) from error
    if bands is None:
        return ImageSource.from_array(data, axes=axes, name=path.name)
    wavelengths = tuple(float(v) for v in bands.ravel())
    return ImageSource.from_array(
        data, axes=axes, rgb=False, name=path.name, wavelengths=wavelengths
    )

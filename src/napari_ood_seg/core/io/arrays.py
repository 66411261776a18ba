"""NumPy files: NPY, mapped where it lies, and NPZ."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import numpy as np
from numpy.lib import format as npy_format

from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import OODSegError
from napari_ood_seg.core.io.files import READ_ERRORS, damaged
from napari_ood_seg.core.io.variables import Arrays, image_of, images_among

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt


def open_npy(path: Path, *, axes: str | None = None) -> ImageSource:
    """Return the array of an NPY file, lazily.

    Raises
    ------
    FileFormatError, ImageError
        If it is damaged, or no image.
    """
    try:
        data: npt.NDArray[Any] = np.load(path, mmap_mode="r", allow_pickle=False)
    except READ_ERRORS as error:
        raise damaged(path, error) from error
    if not isinstance(data, np.ndarray):
        raise damaged(path, "it is an NPZ archive with the wrong name")
    return ImageSource.from_array(data, axes=axes, name=path.name)


def open_npz(
    path: Path, *, axes: str | None = None, variable: str | None = None
) -> ImageSource:
    """Return an image in an NPZ archive, and its wavelengths; see `image_of`.

    Raises
    ------
    FileFormatError, ImageError
        If it is damaged, or it is not clear which array is the image.
    """
    with _archive(path) as arrays:
        return image_of(arrays, path, axes=axes, variable=variable)


def npz_images(path: Path) -> tuple[str, ...]:
    """Return the names of the arrays of an NPZ archive that may be the image.

    Raises
    ------
    FileFormatError
        If it is damaged.
    """
    with _archive(path) as arrays:
        return images_among(arrays.shapes)


@contextmanager
def _archive(path: Path) -> Iterator[Arrays]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            types = {name: _header(archive, name) for name in archive.files}
            numeric = {
                name: shape
                for name, (shape, dtype) in types.items()
                if dtype.kind in "buifc"
            }
            yield Arrays(numeric, archive.__getitem__)
    except OODSegError:
        raise
    except (*READ_ERRORS, BadZipFile) as error:
        raise damaged(path, error) from error


def _header(archive: Any, name: str) -> tuple[tuple[int, ...], np.dtype[Any]]:  # noqa: ANN401 - NpzFile
    """Return shape and type of an array without reading it."""
    with archive.zip.open(f"{name}.npy") as file:
        version = npy_format.read_magic(file)
        read = (
            npy_format.read_array_header_1_0
            if version == (1, 0)
            else npy_format.read_array_header_2_0
        )
        shape, _, dtype = read(file)
    return tuple(int(n) for n in shape), np.dtype(dtype)

"""MATLAB files: version 4 to 7 read at once, 7.3 (HDF5) where it is looked at."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from napari_ood_seg.core.errors import OODSegError
from napari_ood_seg.core.io.files import READ_ERRORS, FileArray, damaged
from napari_ood_seg.core.io.mat_elements import require_sound
from napari_ood_seg.core.io.variables import Arrays, image_of, images_among

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy.typing as npt

    from napari_ood_seg.core.data.source import ImageSource

SUFFIX: Final = ".mat"

_HDF5: Final = b"\x89HDF\r\n\x1a\n"
_NUMERIC: Final = (
    *("double", "single", "logical"),
    *(f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)),
)
"""MATLAB's names of the types that can be an image."""


def open_mat(
    path: Path, *, axes: str | None = None, variable: str | None = None
) -> ImageSource:
    """Return an image in a MATLAB file, and its wavelengths; see `image_of`.

    Parameters
    ----------
    axes
        Instead of a guess, in MATLAB's order.
    variable
        Name of the image, ``struct/field`` for fields of version 7.3.

    Raises
    ------
    FileFormatError, ImageError
        If it is damaged, or it is not clear which array is the image.
    """
    with _arrays(path) as arrays:
        return image_of(arrays, path, axes=axes, variable=variable)


def mat_images(path: Path) -> tuple[str, ...]:
    """Return the names of the arrays that may be the image.

    Raises
    ------
    FileFormatError
        If the file is damaged.
    """
    with _arrays(path) as arrays:
        return images_among(arrays.shapes)


@contextmanager
def _arrays(path: Path) -> Iterator[Arrays]:
    from scipy.io.matlab import MatReadError

    try:
        yield _hdf5(path) if _is_hdf5(path) else _classic(path)
    except OODSegError:
        raise
    except (*READ_ERRORS, MatReadError) as error:
        raise damaged(path, error) from error


def _is_hdf5(path: Path) -> bool:
    """Look for the signature, which MATLAB puts behind 512 bytes of its own."""
    with path.open("rb") as file:
        start = file.read(512 + len(_HDF5))
    return _HDF5 in (start[: len(_HDF5)], start[512:])


def _classic(path: Path) -> Arrays:
    from scipy.io import loadmat, whosmat

    listed = whosmat(str(path))
    shapes = {
        str(name): tuple(int(n) for n in shape)
        for name, shape, kind in listed
        if kind in _NUMERIC
    }

    def read(name: str) -> npt.NDArray[Any]:
        require_sound(path, name)
        array: npt.NDArray[Any] = loadmat(str(path), variable_names=[name])[name]
        return array

    return Arrays(shapes, read)


def _hdf5(path: Path) -> Arrays:
    import h5py

    file = h5py.File(path, mode="r")
    shapes: dict[str, tuple[int, ...]] = {}

    def note(name: str, node: Any) -> None:  # noqa: ANN401 - h5py is untyped
        if isinstance(node, h5py.Dataset) and _is_numeric(node):
            shapes[name] = tuple(int(n) for n in node.shape[::-1])

    file.visititems(note)
    return Arrays(shapes, lambda name: FileArray(file[name], path), reverse=True)


def _is_numeric(dataset: Any) -> bool:  # noqa: ANN401 - h5py is untyped
    """Return whether an HDF5 dataset holds numbers; MATLAB keeps text as such, too."""
    kind = dataset.attrs.get("MATLAB_class", b"")
    kind = kind.decode("latin-1") if isinstance(kind, bytes) else str(kind)
    stored = dataset.name.startswith("/#")  # what cells refer to
    empty = bool(dataset.attrs.get("MATLAB_empty", 0))
    return (
        dataset.dtype.kind in "buif"
        and dataset.ndim >= 1
        and kind in ("", *_NUMERIC)
        and not (stored or empty)
    )

"""Read and replace files without surprises: checks, lazy arrays, atomic writes."""

from __future__ import annotations

import os
import shutil
import uuid
import zlib
from contextlib import contextmanager
from pathlib import Path
from struct import error as StructError  # noqa: N812 - an exception class
from tokenize import TokenError
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_ood_seg.core.errors import FileFormatError, ImageError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

READ_ERRORS: Final = (
    OSError,
    ValueError,
    TypeError,
    RuntimeError,
    LookupError,
    AttributeError,
    EOFError,
    SyntaxError,
    ArithmeticError,
    MemoryError,
    StructError,
    TokenError,
    zlib.error,
)
"""What readers raise on damaged files: none of them promises one exception."""


class FileArray:
    """An array in a file; reading a damaged part raises `ImageError`.

    Attributes
    ----------
    shape, dtype, ndim, size, nbytes
        As of a numpy array.
    """

    def __init__(self, data: Any, path: Path) -> None:  # noqa: ANN401 - zarr
        self._data = data
        self._path = path
        self.shape = tuple(int(n) for n in data.shape)
        self.dtype = np.dtype(data.dtype)
        self.ndim = len(self.shape)
        self.size = int(np.prod(self.shape, dtype=np.int64))
        self.nbytes = self.size * self.dtype.itemsize

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:  # noqa: ANN401 - any index
        try:
            return np.asarray(self._data[index])
        except READ_ERRORS as error:
            raise ImageError(
                f"a part of {self._path.name!r} cannot be read ({reason(error)}): "
                "the file is damaged or was changed, so copy it again"
            ) from error

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        return np.asarray(self[...], dtype=dtype)


def reason(error: BaseException) -> str:
    """Return the first line of the message of an error, never empty."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".:") if lines else type(error).__name__


def existing(path: str | Path) -> Path:
    """Return `path` as a `Path`.

    Raises
    ------
    ImageError
        If there is no such file or folder.
    """
    path = Path(path)
    try:
        found = path.exists()
    except OSError:
        found = False
    if not found:
        raise ImageError(f"there is no file {str(path)!r}: check the name and folder")
    return path


def damaged(path: Path, error: BaseException | str) -> FileFormatError:
    """Return the error to raise for a file that cannot be read to the end."""
    why = error if isinstance(error, str) else reason(error)
    return FileFormatError(
        f"cannot read {path.name!r} ({why}): the file is damaged, cut off or not "
        f"what its name says, so copy or export it again"
    )


def temporary_sibling(path: Path) -> Path:
    """Return an unused name beside `path`, so that a rename to it is atomic."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")


def cannot_write(path: Path, error: OSError) -> OutputError:
    """Return the error to raise when `path` cannot be written."""
    why = (error.strerror or reason(error)).lower()
    return OutputError(
        f"cannot write {str(path)!r} ({why}): choose a folder that exists, "
        "that you may write to and that has free space"
    )


@contextmanager
def temporary_folder(beside: Path) -> Iterator[Path]:
    """Make a folder beside a future output, and remove it in any case.

    Raises
    ------
    OutputError
        If it cannot be made.
    """
    folder = temporary_sibling(beside)
    try:
        folder.mkdir()
    except OSError as error:
        raise cannot_write(beside, error) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file at once: whoever looks sees the old one or the new one, whole.

    Raises
    ------
    OutputError
        If it cannot be written; an existing file is then as it was.
    """
    temporary = temporary_sibling(path)
    try:
        with temporary.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise cannot_write(path, error) from error
    finally:
        _remove(temporary)


def _remove(path: Path) -> None:
    try:
        path.unlink()
    except OSError:
        return


def replace_all(moves: dict[Path, Path]) -> None:
    """Move each finished file or folder to its final name, over what is there.

    Parameters
    ----------
    moves
        From finished to final; both in the same file system.

    Raises
    ------
    OutputError
        If one cannot be moved.
    """
    for finished, final in moves.items():
        try:
            _replace(finished, final)
        except OSError as error:
            raise cannot_write(final, error) from error


def _replace(finished: Path, final: Path) -> None:
    if not (finished.is_dir() and final.exists()):
        finished.replace(final)
        return
    old = temporary_sibling(final)  # a folder cannot be replaced in one step
    final.replace(old)
    try:
        finished.replace(final)
    except OSError:
        old.replace(final)
        raise
    if old.is_dir():
        shutil.rmtree(old, ignore_errors=True)
    else:
        _remove(old)

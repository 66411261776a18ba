"""Write predictions tile by tile: OME-Zarr, TIFF or NPZ, never a half file."""

from __future__ import annotations

import zipfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, Self, runtime_checkable

import numpy as np
import tifffile
import zarr
import zarr.errors

from napari_ood_seg.core.errors import OutputError
from napari_ood_seg.core.io import prediction_tiff, prediction_zarr
from napari_ood_seg.core.io.files import (
    READ_ERRORS,
    cannot_write,
    replace_all,
    temporary_folder,
)
from napari_ood_seg.core.io.result_info import SOFTWARE, ResultInfo

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import TracebackType

    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.types import ClassInfo, Prediction

_TIFF_SUFFIXES: Final = (".tif", ".tiff")


@runtime_checkable
class PredictionWriter(Protocol):
    """Takes the tiles of one prediction, in any order, one thread at a time.

    A context manager: leaving it finishes the files and gives them their names;
    leaving it by an error, or by closing a generator, removes everything written.
    Pixels that no tile covers are `UNLABELLED`, and NaN in the OOD map.
    """

    def __enter__(self) -> Self:
        """Start; the output is already known to be writable."""
        ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish, or clean up after an error."""
        ...

    def write(self, rows: slice, columns: slice, prediction: Prediction) -> None:
        """Store the prediction of one region, in pixels of the image.

        Raises
        ------
        OutputError
            If the disk is full or gone.
        """
        ...


def open_writer(
    path: str | Path,
    *,
    source: ImageSource,
    classes: Sequence[ClassInfo],
    keep: float,
    probabilities: bool = False,
    overwrite: bool = False,
) -> PredictionWriter:
    """Prepare an output; nothing appears under its name before it is complete.

    Parameters
    ----------
    path
        ``.zarr`` (OME-Zarr 0.5: the OOD map as the image, the classes as its
        labels), ``.tif`` or ``.tiff`` (``<stem>_classes``, ``<stem>_ood`` and
        perhaps ``<stem>_probabilities``), or ``.npz`` (held in memory).
    source
        Gives height, width, pixel size and unit.
    classes
        Names and colours of the classes, in the order of the probabilities.
    keep
        Share of what is typical; pixels below are saved as `UNKNOWN`.
    probabilities
        Whether to save them as well; every prediction must then have them.
    overwrite
        Whether to replace an output that is not an earlier result of ours.

    Raises
    ------
    OutputError
        If the suffix is not known, the folder cannot be written to, or there is
        something else of this name.
    """
    path = Path(path)
    info = ResultInfo(
        shape=(source.height, source.width),
        classes=tuple(classes),
        keep=keep,
        pixel_size=source.pixel_size,
        unit=source.unit,
        probabilities=probabilities,
    )
    outputs = _outputs(path, info)
    for output in outputs.values():
        _require_replaceable(output, overwrite=overwrite)
    with temporary_folder(path):
        pass  # fails before any work is done
    return _Writer(path=path, outputs=outputs, info=info)


def _outputs(path: Path, info: ResultInfo) -> dict[str, Path]:
    """Return the final path of each file that will be made."""
    suffix = path.suffix.lower()
    if suffix in _TIFF_SUFFIXES:
        names = tuple(info.arrays)
        return {n: path.with_name(f"{path.stem}_{n}{path.suffix}") for n in names}
    if suffix in (".zarr", ".npz"):
        return {"all": path}
    raise OutputError(
        f"cannot write {path.name!r}: end the name in .zarr, .tif or .npz"
    )


@dataclass(kw_only=True, eq=False)
class _Writer:
    """Collects tiles in a scratch zarr beside the output, then makes the output."""

    path: Path
    outputs: dict[str, Path]
    info: ResultInfo
    _stack: ExitStack = field(default_factory=ExitStack)
    _folder: Path = field(default_factory=Path)
    _arrays: dict[str, Any] = field(default_factory=dict)

    def __enter__(self) -> Self:
        self._folder = self._stack.enter_context(temporary_folder(self.path))
        try:
            self._arrays = self._make_arrays()
        except OSError as error:
            self._stack.close()
            raise cannot_write(self.path, error) from error
        return self

    def _make_arrays(self) -> dict[str, Any]:
        if self.path.suffix.lower() == ".npz":
            return {n: a.filled(self.info) for n, a in self.info.arrays.items()}
        return prediction_zarr.create(self._folder / "all", self.info)

    def write(self, rows: slice, columns: slice, prediction: Prediction) -> None:
        layers = {
            "classes": prediction.labels(keep=self.info.keep),
            "ood": np.float32(1) - prediction.typicality,
            "probabilities": prediction.probabilities,
        }
        try:
            for name, array in self._arrays.items():
                array[..., rows, columns] = layers[name]
        except OSError as error:
            raise cannot_write(self.path, error) from error

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        with self._stack:
            if kind is None:
                self._finish()

    def _finish(self) -> None:
        try:
            finished = self._make_files()
        except OSError as error:
            raise cannot_write(self.path, error) from error
        replace_all({finished[name]: final for name, final in self.outputs.items()})

    def _make_files(self) -> dict[str, Path]:
        suffix = self.path.suffix.lower()
        if suffix in _TIFF_SUFFIXES:
            return prediction_tiff.make(self._arrays, self._folder, self.info)
        if suffix == ".npz":
            file = self._folder / "all.npz"
            entries: dict[str, Any] = {**self._arrays, **self.info.as_arrays()}
            np.savez_compressed(file, **entries)
            return {"all": file}
        prediction_zarr.finish(self._folder / "all", self.info)
        return {"all": self._folder / "all"}


def _require_replaceable(path: Path, *, overwrite: bool) -> None:
    if overwrite or not path.exists() or _is_ours(path):
        return
    raise OutputError(
        f"{str(path)!r} exists already and is not a result of {SOFTWARE}: choose "
        "another name, or allow to overwrite it"
    )


def _is_ours(path: Path) -> bool:
    """Return whether an earlier `open_writer` made this file or folder."""
    suffix = path.suffix.lower()
    try:
        if path.is_dir():
            return SOFTWARE in zarr.open_group(path, mode="r").attrs
        if suffix in _TIFF_SUFFIXES:
            with tifffile.TiffFile(path) as tif:
                return bool(tif.pages.first.software == SOFTWARE)
        if suffix == ".npz":
            with path.open("rb") as file, np.load(file) as archive:
                return SOFTWARE in archive.files
    except (*READ_ERRORS, tifffile.TiffFileError, zipfile.BadZipFile):
        return False
    return False

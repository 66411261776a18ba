"""Our own file format: one JSON document and named arrays, without pickle.

A file is a safetensors container. Its metadata holds ``format``, ``kind`` and
``document``; the document always carries an integer ``schema_version``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from napari_ood_seg.core.errors import FileFormatError, OutputError
from napari_ood_seg.core.io.files import damaged, write_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy.typing as npt

    Tensors = dict[str, npt.NDArray[Any]]

FORMAT: Final = "napari-ood-seg"


def write_document(
    path: str | Path,
    *,
    kind: str,
    document: Mapping[str, Any],
    tensors: Mapping[str, npt.NDArray[Any]],
) -> None:
    """Write a file in one step; an existing one is replaced or left whole.

    Parameters
    ----------
    path
        Where to; any suffix.
    kind
        What the file holds, for example ``"model"``; asked for on reading.
    document
        JSON values, with an integer under ``"schema_version"``.
    tensors
        Boolean, integer or float arrays of any shape, also empty.

    Raises
    ------
    OutputError
        If the folder cannot be written to, or a number is NaN or infinite.
    """
    if not isinstance(document.get("schema_version"), int):
        raise TypeError("the document needs an integer schema_version")
    try:
        text = json.dumps(dict(document), allow_nan=False)
    except ValueError as error:
        raise OutputError(
            f"cannot write {str(path)!r}: a setting or measure in it is not a "
            "finite number, so check the scribbles and train again"
        ) from error
    metadata = {"format": FORMAT, "kind": kind, "document": text}
    plain = {name: _plain(array) for name, array in tensors.items()}
    write_bytes(Path(path), save(plain, metadata))


def read_document(
    path: str | Path, *, kind: str, oldest: int = 1, newest: int = 1
) -> tuple[dict[str, Any], Tensors]:
    """Return document and arrays of a file that `write_document` wrote.

    Parameters
    ----------
    path
        The file.
    kind
        What it must hold.
    oldest, newest
        The smallest and the largest ``schema_version`` that the caller understands.

    Raises
    ------
    FileFormatError
        If the file is missing, damaged, not ours, of another kind, or of another
        version.
    """
    path = Path(path)
    if not path.is_file():
        raise FileFormatError(
            f"there is no file {str(path)!r}: check the name and folder"
        )
    try:
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, ValueError) as error:
        raise damaged(path, error) from error
    return _document(path, metadata, kind=kind, oldest=oldest, newest=newest), tensors


def _plain(array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return the array as safetensors wants it: little-endian and in C order."""
    array = np.asarray(array)
    if array.dtype.kind not in "buif":
        raise TypeError(f"arrays must be numeric, got {array.dtype}")
    return np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")


def _document(
    path: Path, metadata: Mapping[str, str], *, kind: str, oldest: int, newest: int
) -> dict[str, Any]:
    if metadata.get("format") != FORMAT:
        raise FileFormatError(
            f"{path.name!r} was not made by {FORMAT}: choose a {kind} file saved here"
        )
    if metadata.get("kind") != kind:
        raise FileFormatError(
            f"{path.name!r} is a {metadata.get('kind')} file, not a {kind} file: "
            f"choose a {kind} file"
        )
    try:
        document = json.loads(metadata.get("document", ""))
    except ValueError as error:
        raise damaged(path, error) from error
    version = document.get("schema_version") if isinstance(document, dict) else None
    if not isinstance(version, int):
        raise damaged(path, "it does not say which version it is")
    if version > newest:
        raise FileFormatError(
            f"{path.name!r} was saved by a newer version of {FORMAT} (file version "
            f"{version}, this one reads up to {newest}): update {FORMAT}"
        )
    if version < oldest:
        raise FileFormatError(
            f"{path.name!r} was saved by an older version of {FORMAT} (file version "
            f"{version}, this one reads from {oldest}): make it again"
        )
    return dict(document)

"""Scribble files (``.oodscribbles``): strokes and classes, exactly as painted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_ood_seg.core.data.scribbles import Scribbles, Stroke
from napari_ood_seg.core.io.files import damaged
from napari_ood_seg.core.io.safe_file import read_document, write_document
from napari_ood_seg.core.types import MAX_CLASS_ID, ClassInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

SUFFIX: Final = ".oodscribbles"
_KIND: Final = "scribbles"
_SCHEMA_VERSION: Final = 1


def save_scribbles(
    path: str | Path,
    scribbles: Scribbles,
    classes: Sequence[ClassInfo],
    *,
    image_name: str = "",
    pixel_size: tuple[float, float] = (1.0, 1.0),
) -> None:
    """Save every stroke with its id, class, plane and pixels.

    Parameters
    ----------
    path
        Should end in `SUFFIX`; an existing file is replaced.
    scribbles, classes
        What was painted, and what its class ids mean.
    image_name
        The image it was painted on, for a person.
    pixel_size
        Height and width of a pixel of that image.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    document = {
        "schema_version": _SCHEMA_VERSION,
        "image_name": image_name,
        "shape": [int(n) for n in scribbles.shape],
        "pixel_size": [float(v) for v in pixel_size],
        "next_id": int(scribbles.next_id),
        "classes": [{"id": c.id, "name": c.name, "color": c.color} for c in classes],
    }
    tensors = _to_tensors(scribbles.strokes)
    write_document(path, kind=_KIND, document=document, tensors=tensors)


def load_scribbles(path: str | Path) -> tuple[Scribbles, tuple[ClassInfo, ...]]:
    """Return what `save_scribbles` saved.

    Raises
    ------
    FileFormatError
        If the file is missing, damaged, newer, or not a scribble file.
    """
    document, tensors = read_document(path, kind=_KIND, newest=_SCHEMA_VERSION)
    try:
        height, width = (int(n) for n in document["shape"])
        strokes = _from_tensors(tensors)
        scribbles = Scribbles(
            shape=(height, width), strokes=strokes, next_id=int(document["next_id"])
        )
        _check(scribbles)
        classes = tuple(ClassInfo(**entry) for entry in document["classes"])
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise damaged(Path(path), error) from error
    return scribbles, classes


def _to_tensors(strokes: Sequence[Stroke]) -> dict[str, npt.NDArray[Any]]:
    empty = np.zeros((0, 2), np.int32)
    return {
        "coords": np.concatenate([empty, *(s.coords for s in strokes)]).astype(
            np.int32
        ),
        "lengths": np.array([len(s) for s in strokes], np.int64),
        "ids": np.array([s.id for s in strokes], np.int64),
        "class_ids": np.array([s.class_id for s in strokes], np.int64),
        "planes": np.array([i for s in strokes for i in s.plane], np.int64),
        "plane_lengths": np.array([len(s.plane) for s in strokes], np.int64),
    }


def _from_tensors(tensors: Mapping[str, npt.NDArray[Any]]) -> tuple[Stroke, ...]:
    coords = _split(tensors["coords"].reshape(-1, 2), tensors["lengths"])
    planes = _split(tensors["planes"], tensors["plane_lengths"])
    ids, class_ids = tensors["ids"], tensors["class_ids"]
    return tuple(
        Stroke(
            id=int(stroke_id),
            class_id=int(class_id),
            coords=pixels.astype(np.int32, copy=True),
            plane=tuple(int(i) for i in plane),
        )
        for stroke_id, class_id, pixels, plane in zip(
            ids, class_ids, coords, planes, strict=True
        )
    )


def _split(
    values: npt.NDArray[Any], lengths: npt.NDArray[np.int64]
) -> list[npt.NDArray[Any]]:
    if (lengths < 0).any() or int(lengths.sum()) != len(values):
        raise ValueError("its strokes do not add up")
    return np.split(values, np.cumsum(lengths)[:-1]) if len(lengths) else []


def _check(scribbles: Scribbles) -> None:
    ids = [s.id for s in scribbles.strokes]
    if len(set(ids)) != len(ids) or any(i >= scribbles.next_id for i in ids):
        raise ValueError("its stroke ids are wrong")
    for stroke in scribbles.strokes:
        if not 1 <= stroke.class_id <= MAX_CLASS_ID:
            raise ValueError(f"it has a class id of {stroke.class_id}")
        if (stroke.coords < 0).any() or (stroke.coords >= scribbles.shape).any():
            raise ValueError("a stroke leaves its image")

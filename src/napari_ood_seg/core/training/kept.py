"""Trainings that are kept on disk, to be taken up again after a crash."""

from __future__ import annotations

import hashlib
import json
import time
from contextlib import suppress
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch

from napari_ood_seg.core.errors import FileFormatError, OutputError
from napari_ood_seg.core.features import weights

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from napari_ood_seg.core.config import DeepConfig
    from napari_ood_seg.core.training.instant import Scribbled
    from napari_ood_seg.core.training.warm import Seen

SUFFIX: Final = ".training"
_PIXELS: Final = 64
"""Edge of what is looked at of an image, to know it again."""

_SECONDS: Final = 30 * 24 * 3600.0
"""Trainings that nobody took up again for so long are removed."""


def file_of(folder: Path, images: Sequence[Scribbled], config: DeepConfig) -> Path:
    """Return where the training of these strokes with these settings is kept.

    An image is known by its shape and the pixels around its first stroke: its name
    may be another one after a crash.
    """
    found = hashlib.sha256(json.dumps(asdict(config), sort_keys=True).encode())
    for source, scribbles in images:
        found.update(f"{source.axes} {source.levels[0].shape}".encode())
        for stroke in scribbles.strokes:
            found.update(f"{stroke.class_id} {stroke.plane}".encode())
            found.update(np.ascontiguousarray(stroke.coords, np.int32).tobytes())
        for stroke in scribbles.strokes[:1]:
            row, column = (int(v) for v in stroke.coords.min(0))
            rows = slice(row, min(row + _PIXELS, source.height))
            columns = slice(column, min(column + _PIXELS, source.width))
            pixels = source.read(rows, columns, plane=stroke.plane)
            found.update(np.ascontiguousarray(pixels).tobytes())
    return folder / f"{found.hexdigest()[:32]}{SUFFIX}"


def prepare_folder(folder: Path) -> None:
    """Make a folder for trainings, and remove from it what is too old.

    Raises
    ------
    OutputError
        If it cannot be made.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(
            f"the training cannot be kept in {str(folder)!r} ({error.strerror}): "
            "free some space, or make the folder writable"
        ) from error
    for path in folder.glob(f"*{SUFFIX}"):
        with suppress(OSError):
            if path.stat().st_mtime < time.time() - _SECONDS:
                path.unlink()


def kept_since(path: Path) -> float | None:
    """Return when a training was last written, in seconds since 1970; `None` if never.

    Examples
    --------
    >>> from pathlib import Path
    >>> kept_since(Path("no/such.training"))
    """
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def forget(path: Path | None) -> None:
    """Remove a training, if it is there."""
    if path is not None:
        with suppress(OSError):
            path.unlink(missing_ok=True)


def told(images: Sequence[Scribbled], before: Seen | None) -> dict[str, Any]:
    """Return what a checkpoint tells of where a training began; see `seen_before`."""
    if before is None:
        return {"before": None}
    places = {image.source: i for i, image in enumerate(images)}
    return {
        "before": [
            [places[source], list(plane), torch.from_numpy(numbers)]
            for (source, plane), numbers in before.items()
        ]
    }


def seen_before(path: Path, images: Sequence[Scribbled]) -> Seen | None:
    """Return the pixels that a network had learned from before a kept training.

    `None` if that began from scratch.

    Raises
    ------
    FileFormatError
        If there is no such file, or it is damaged.
    """
    try:
        before = weights.load(path)["about"]["before"]
        if before is None:
            return None
        return {
            (images[i].source, tuple(plane)): numbers.numpy()
            for i, plane, numbers in before
        }
    except FileNotFoundError as error:
        raise FileFormatError(
            "no training with these strokes, images and settings is kept: train a "
            "network anew"
        ) from error
    except (OSError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise FileFormatError(
            "the training that was kept is damaged: train a network anew"
        ) from error

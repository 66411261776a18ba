"""The OME-Zarr 0.5 layout of a prediction.

```text
result.zarr                 image `ood`, float32 (y, x): 1 - typicality
  0 1 2 ...                 its levels, each half of the one before
  labels/classes/0 1 ...    uint8 (y, x): class ids, 255 unknown, 0 not predicted
  probabilities/0 1 ...     float32 (c, y, x), only if asked for
```
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import dask.array as da
import numpy as np
import zarr

from napari_ood_seg.core.io.result_info import (
    SOFTWARE,
    ResultArray,
    ResultInfo,
    rgb_bytes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

VERSION: Final = "0.5"
CHUNK: Final = 512
"""Edge of a stored chunk, and of the coarsest level at most, in pixels."""

_GROUPS: Final = {
    "ood": "",
    "classes": "labels/classes",
    "probabilities": "probabilities",
}


def create(folder: Path, info: ResultInfo) -> dict[str, Any]:
    """Make the groups and the empty finest levels, and return these by name.

    Parameters
    ----------
    folder
        Must not exist.
    info
        What to write.

    Raises
    ------
    OSError
        If the disk does not take it.
    """
    root = zarr.open_group(folder, mode="w-", zarr_format=3)
    return {
        name: _create_level(
            root.require_group(_GROUPS[name]) if _GROUPS[name] else root,
            level=0,
            shape=array.shape(info),
            like=array,
        )
        for name, array in info.arrays.items()
    }


def finish(folder: Path, info: ResultInfo) -> None:
    """Compute the coarser levels and write the metadata.

    Raises
    ------
    OSError
        If the disk does not take it.
    """
    root = zarr.open_group(folder, mode="r+")
    for name, array in info.arrays.items():
        group = root[_GROUPS[name]] if _GROUPS[name] else root
        assert isinstance(group, zarr.Group)
        n_levels = _build_levels(group, array, nearest=name == "classes")
        _describe(group, name, info, n_levels)
    _label(root["labels"], info)
    root.attrs[SOFTWARE] = info.as_dict()


def _label(labels: Any, info: ResultInfo) -> None:  # noqa: ANN401 - zarr.Group
    """Say which images are labels, and what each value means."""
    labels.attrs["ome"] = {"version": VERSION, "labels": ["classes"]}
    group = labels["classes"]
    meaning = {
        "version": VERSION,
        "colors": [
            {"label-value": value, "rgba": [*rgb_bytes(color), 255]}
            for value, (_, color) in info.legend.items()
        ],
        "properties": [
            {"label-value": value, "name": name}
            for value, (name, _) in info.legend.items()
        ],
        "source": {"image": "../../"},
    }
    group.attrs["ome"] = {**group.attrs["ome"], "image-label": meaning}


def _create_level(
    group: zarr.Group, *, level: int, shape: Sequence[int], like: ResultArray
) -> Any:  # noqa: ANN401 - zarr.Array
    names = "cyx"[-len(shape) :]
    return group.create_array(
        str(level),
        shape=tuple(shape),
        chunks=tuple(1 if n == "c" else CHUNK for n in names),
        dtype=like.dtype,
        fill_value=like.fill,
        dimension_names=tuple(names),
        chunk_key_encoding={"name": "default", "separator": "/"},
    )


def _build_levels(group: zarr.Group, like: ResultArray, *, nearest: bool) -> int:
    """Halve until a level fits in one chunk; return the number of levels."""
    level = 0
    current: Any = group["0"]
    while max(current.shape[-2:]) > CHUNK:
        level += 1
        smaller = _halved(_lazy(current), nearest=nearest)
        current = _create_level(group, level=level, shape=smaller.shape, like=like)
        # A task writes 2 x 2 whole chunks, so that no lock is needed.
        da.store(smaller, current, lock=False)
    return level + 1


def _lazy(array: Any) -> Any:  # noqa: ANN401 - zarr in, dask out
    blocks = (*array.chunks[:-2], 4 * CHUNK, 4 * CHUNK)  # bounds the memory
    return da.from_array(array, chunks=blocks)


def _halved(image: Any, *, nearest: bool) -> Any:  # noqa: ANN401 - dask
    """Return every second pixel, or the mean of 2 x 2; an odd last row is left out."""
    steps = {image.ndim - 2 + i: min(2, n) for i, n in enumerate(image.shape[-2:])}
    if not nearest:
        return da.coarsen(np.mean, image, steps, trim_excess=True)
    ends = [image.shape[axis] // n * n for axis, n in steps.items()]
    y, x = (slice(0, end, n) for end, n in zip(ends, steps.values(), strict=True))
    return image[..., y, x]


def _describe(group: zarr.Group, name: str, info: ResultInfo, n_levels: int) -> None:
    full: Any = group["0"]
    image: dict[str, Any] = {
        "name": name,
        "axes": _axes(full.ndim, info.unit),
        "datasets": [_dataset(group, level, info) for level in range(n_levels)],
    }
    omero = {} if name == "classes" else {"omero": _omero(name, info)}
    group.attrs["ome"] = {"version": VERSION, "multiscales": [image], **omero}


def _axes(ndim: int, unit: str) -> list[dict[str, str]]:
    known = {} if unit == "pixel" else {"unit": unit}
    space = [{"name": name, "type": "space", **known} for name in "yx"]
    return [{"name": "c", "type": "channel"}, *space] if ndim == 3 else space


def _dataset(group: zarr.Group, level: int, info: ResultInfo) -> dict[str, Any]:
    """Return path and scale of a level; an axis of one pixel is never halved."""
    full: Any = group["0"]
    factors = [2 ** min(level, int(n).bit_length() - 1) for n in full.shape[-2:]]
    scale = [float(s * f) for s, f in zip(info.pixel_size, factors, strict=True)]
    scale = [1.0, *scale] if full.ndim == 3 else scale
    return {
        "path": str(level),
        "coordinateTransformations": [{"type": "scale", "scale": scale}],
    }


def _omero(name: str, info: ResultInfo) -> dict[str, Any]:
    """Return names, colours and the range 0 to 1 of the channels, for viewers."""
    channels = [(c.name, c.color) for c in info.classes]
    shown = channels if name == "probabilities" else [("OOD", "#ffffff")]
    window = {"min": 0.0, "max": 1.0, "start": 0.0, "end": 1.0}
    return {
        "channels": [
            {"label": n, "color": c.removeprefix("#"), "active": True, "window": window}
            for n, c in shown
        ]
    }

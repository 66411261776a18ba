"""OME-Zarr 0.1 to 0.5 and plain zarr arrays: lazy levels, axes, scale, names."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import zarr
import zarr.errors

from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import ImageError, OODSegError
from napari_ood_seg.core.io.files import READ_ERRORS, FileArray, damaged
from napari_ood_seg.core.io.variables import axes_with
from napari_ood_seg.core.io.wavelengths import checked, in_nm, of_channels

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

_MARKERS: Final = ("zarr.json", ".zgroup", ".zarray", ".zattrs")


def is_zarr(path: Path) -> bool:
    """Return whether `path` is a folder that zarr may have written."""
    return path.is_dir() and (
        path.suffix.lower() == ".zarr"
        or any((path / name).exists() for name in _MARKERS)
    )


def open_zarr(path: Path, *, axes: str | None = None) -> ImageSource:
    """Return the image of an OME-Zarr group, or a plain zarr array.

    Parameters
    ----------
    path
        An existing folder; groups inside an OME-Zarr, such as a label image, too.
    axes
        Instead of what the file says.

    Raises
    ------
    FileFormatError
        If the metadata is damaged.
    ImageError
        If there is no single image in it.
    """
    try:
        node = _open(path)
        if isinstance(node, zarr.Array):
            return _from_array(node, path, axes)
        return _from_group(node, path, axes)
    except OODSegError:
        raise
    except READ_ERRORS as error:
        raise damaged(path, error) from error


def open_zarr_labels(path: Path) -> ImageSource:
    """Return a label image: the group itself, or the only one of an image group.

    Raises
    ------
    FileFormatError, ImageError
        As `open_zarr`, and if there are several label images.
    """
    labels = path / "labels"
    names = _label_names(labels) if labels.is_dir() else ()
    if len(names) > 1:
        raise ImageError(
            f"{path.name!r} has several label images ({', '.join(names)}): open one "
            f"of them, for example {str(labels / names[0])!r}"
        )
    return open_zarr(labels / names[0] if names else path)


def _label_names(folder: Path) -> tuple[str, ...]:
    try:
        node = _open(folder)
        return tuple(str(name) for name in _ome(node.attrs.asdict()).get("labels", ()))
    except READ_ERRORS as error:
        raise damaged(folder, error) from error


def _open(path: Path) -> zarr.Array[Any] | zarr.Group:
    """Return the node at `path`; without this check zarr takes a parent's."""
    if not any((path / name).exists() for name in _MARKERS):
        raise damaged(path, "it holds no zarr metadata")
    node: zarr.Array[Any] | zarr.Group = zarr.open(path, mode="r")
    return node


def _ome(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the OME metadata, which 0.5 keeps one key deeper than before."""
    inner = attributes.get("ome", attributes)
    return inner if isinstance(inner, dict) else attributes


def _from_group(group: zarr.Group, path: Path, axes: str | None) -> ImageSource:
    attributes = _ome(group.attrs.asdict())
    if "plate" in attributes or "well" in attributes:
        raise ImageError(
            f"{path.name!r} is a plate of many images: open one image folder inside "
            "it, for example A/1/0"
        )
    if "multiscales" in attributes:
        return _from_multiscale(group, attributes, path, axes)
    if "bioformats2raw.layout" in attributes and "0" in group:
        return open_zarr(path / "0", axes=axes)
    arrays = list(group.array_keys())
    if len(arrays) == 1:
        return open_zarr(path / arrays[0], axes=axes)
    raise ImageError(
        f"{path.name!r} holds {len(arrays)} arrays and does not say which is the "
        "image: open one of the folders inside it"
    )


def _from_array(array: zarr.Array[Any], path: Path, axes: str | None) -> ImageSource:
    """Return a plain array, whose attributes may list wavelengths."""
    nm = _listed(array.attrs.asdict())
    if axes is None and nm:
        axes = axes_with(array.shape, [len(nm)])
    source = ImageSource.from_array(
        FileArray(array, path), axes=axes, rgb=False if nm else None, name=path.name
    )
    if not nm or "C" not in source.axes:
        return source
    return replace(source, wavelengths=checked(nm, source.n_channels, path))


def _from_multiscale(
    group: zarr.Group, attributes: Mapping[str, Any], path: Path, axes: str | None
) -> ImageSource:
    image = attributes["multiscales"][0]
    levels: list[Any] = [group[entry["path"]] for entry in image["datasets"]]
    entries = _axis_entries(image, len(levels[0].shape))
    names = axes if axes is not None else _axes(entries, path)
    y, x = names.upper().index("Y"), names.upper().index("X")
    scale = _scale(image, len(entries))
    channels = _channel_names(attributes)
    n = levels[0].shape[names.upper().index("C")] if "C" in names.upper() else 1
    return ImageSource.from_array(
        [FileArray(level, path) for level in levels],
        axes=names,
        rgb=False,
        name=str(image.get("name") or path.name).strip("/") or path.name,
        pixel_size=(scale[y], scale[x]),
        unit=str(entries[x].get("unit") or "pixel"),
        channel_names=channels if len(channels) == n else (),
        wavelengths=_wavelengths(group, attributes, n),
    )


def _axis_entries(image: Mapping[str, Any], ndim: int) -> list[dict[str, Any]]:
    """Return one entry per axis; before 0.4 they were names or left out."""
    entries = image.get("axes", list("tczyx")[-ndim:])
    return [e if isinstance(e, dict) else {"name": str(e)} for e in entries]


def _axes(entries: Sequence[Mapping[str, Any]], path: Path) -> str:
    letters = "".join(_letter(entry) for entry in entries)
    if len(set(letters)) == len(letters) and set(letters) <= set("TZYXC"):
        return letters
    raise ImageError(
        f"{path.name!r} has the axes {[str(e.get('name')) for e in entries]}, which "
        "are not time, channel, z, y and x: name the axes when opening it"
    )


def _letter(entry: Mapping[str, Any]) -> str:
    by_type = {"channel": "C", "time": "T"}
    return by_type.get(str(entry.get("type")), str(entry.get("name")).upper())


def _scale(image: Mapping[str, Any], ndim: int) -> list[float]:
    """Return the pixel size along each axis of the finest level."""
    scale = [1.0] * ndim
    steps = [
        *image["datasets"][0].get("coordinateTransformations", ()),
        *image.get("coordinateTransformations", ()),
    ]
    for step in steps:
        if step.get("type") == "scale" and "scale" in step:
            scale = [a * float(b) for a, b in zip(scale, step["scale"], strict=True)]
    return scale


def _wavelengths(
    group: zarr.Group, attributes: Mapping[str, Any], n: int
) -> tuple[float, ...] | None:
    """Return what the channels say, or a list in the attributes of the group."""
    channels = (attributes.get("omero") or {}).get("channels", ())
    nm = of_channels(channels) or _listed(group.attrs.asdict())
    return nm if nm and len(nm) == n else None


def _listed(attributes: Mapping[str, Any]) -> tuple[float, ...]:
    """Return the numbers under ``wavelengths`` or ``wavelength``, in nm."""
    values = attributes.get("wavelengths", attributes.get("wavelength"))
    if not isinstance(values, list):
        return ()
    return in_nm(values, str(attributes.get("wavelength_units", ""))) or ()


def _channel_names(attributes: Mapping[str, Any]) -> tuple[str, ...]:
    channels = (attributes.get("omero") or {}).get("channels", ())
    return tuple(str(c["label"]) for c in channels if "label" in c)

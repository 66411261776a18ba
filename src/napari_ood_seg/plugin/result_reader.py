"""npe2 reader: results that were exported as OME-Zarr come back as our layers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ood_seg.core.io.result_info import SOFTWARE

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_ood_seg.core.data.source import ImageSource

    LayerData = tuple[Any, dict[str, Any], str]


def result_reader(
    path: str | list[str],
) -> Callable[[str | list[str]], list[LayerData]] | None:
    """Return a reader for OME-Zarr results of ours; other zarr is left to others."""
    paths = path if isinstance(path, list) else [path]
    return _read if all(_facts(Path(p)) for p in paths) else None


def _facts(folder: Path) -> dict[str, Any]:
    """Return what an export wrote about itself; empty if it is none of ours."""
    if not (folder / "zarr.json").is_file():
        return {}
    import zarr

    facts = zarr.open_group(folder, mode="r").attrs.asdict().get(SOFTWARE, {})
    return facts if isinstance(facts, dict) else {}


def _read(path: str | list[str]) -> list[LayerData]:
    paths = path if isinstance(path, list) else [path]
    return [layer for p in paths for layer in _layers(Path(p))]


def _layers(folder: Path) -> list[LayerData]:
    from napari_ood_seg.core.io.ome_zarr import open_zarr, open_zarr_labels
    from napari_ood_seg.core.types import UNKNOWN, ClassInfo
    from napari_ood_seg.plugin.colormaps import class_colors, ood_colors

    named = [c for c in _facts(folder)["classes"] if c["value"] != UNKNOWN]
    classes = [
        ClassInfo(id=c["value"], name=c["name"], color=c["color"]) for c in named
    ]
    stem = folder.name.removesuffix(".zarr").removesuffix(".ome")
    heatmap, labels = open_zarr(folder), open_zarr_labels(folder)
    heat = {
        "name": f"{stem} OOD",
        "colormap": ood_colors(),
        "contrast_limits": (0.0, 1.0),
        **_placed(heatmap),
    }
    found = {
        "name": f"{stem} classes",
        "colormap": class_colors(classes),
        "opacity": 0.55,
        "metadata": {"classes": tuple(classes)},
        **_placed(labels),
    }
    return [
        (_data(heatmap), heat, "image"),
        (_data(labels), found, "labels"),
    ]


def _data(source: ImageSource) -> Any:  # noqa: ANN401 - an array, or a list of levels
    return source.levels[0] if len(source.levels) == 1 else list(source.levels)


def _placed(source: ImageSource) -> dict[str, Any]:
    return {
        "scale": source.pixel_size,
        "units": (source.unit, source.unit),
        "multiscale": len(source.levels) > 1,
    }

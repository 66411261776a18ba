"""npe2 reader: hyperspectral files become image layers that know their wavelengths."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_ood_seg.core.errors import OODSegError
from napari_ood_seg.plugin.layers import FACTS

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from napari_ood_seg.core.data.source import ImageSource

    LayerData = tuple[Any, dict[str, Any], str]

_SHOWN: Final = "CTZYX"
"""napari shows the last two axes, others get sliders; T and Z lie where layers without
channels (scribbles) have them, as napari aligns axes from the end."""

_LABELS: Final = {"T": "time", "Z": "z", "C": "channel", "Y": "y", "X": "x"}


def image_reader(
    path: str | list[str],
) -> Callable[[str | list[str]], list[LayerData]] | None:
    """Return a reader for hyperspectral files, or `None` for those of other kinds.

    Several paths are the frames of a time series (napari's *Open Files as Stack*).
    """
    paths = path if isinstance(path, list) else [path]
    return _read if all(_is_ours(Path(p)) for p in paths) else None


def image_layer(source: ImageSource) -> LayerData:
    """Return the napari layer data of an image; channels get a slider.

    What napari cannot keep goes into the metadata, for `layers.source_of`.
    """
    axes = source.axes
    if not source.rgb:
        axes = "".join(a for a in _SHOWN if a in axes)
    shown = axes[:-1] if source.rgb else axes
    scale = [source.pixel_size["YX".index(a)] if a in "YX" else 1.0 for a in shown]
    labels = {**_LABELS, **({"C": "wavelength"} if source.wavelengths else {})}
    levels = [_native(_arranged(a, source.axes, axes)) for a in source.levels]
    keywords = {
        "name": source.name,
        "rgb": source.rgb,
        "scale": scale,
        "axis_labels": [labels[a] for a in shown],
        "multiscale": len(levels) > 1,
        "metadata": {
            FACTS: {
                "axes": axes,
                "wavelengths": source.wavelengths,
                "bands": source.bands,
            }
        },
    }
    if source.unit not in ("pixel", "px"):
        keywords["units"] = [source.unit if a in "YX" else "pixel" for a in shown]
    return levels if len(levels) > 1 else levels[0], keywords, "image"


def read_images(path: str) -> list[LayerData]:
    """Return the napari layer data of the images in a file, most hold one.

    Raises
    ------
    ImageError, FileFormatError
        If there is none that can be read.
    """
    from napari_ood_seg.core.io.images import images_in, open_image

    return [image_layer(open_image(path, variable=name)) for name in images_in(path)]


def _read(path: str | list[str]) -> list[LayerData]:
    from napari_ood_seg.core.io.images import open_series

    paths = path if isinstance(path, list) else [path]
    if len(paths) > 1:
        return [image_layer(open_series(paths))]
    return read_images(paths[0])


def _is_ours(path: Path) -> bool:
    """Return whether a file is of a kind that napari alone would not understand."""
    from napari_ood_seg.core.io import envi
    from napari_ood_seg.core.io.images import frames_of, open_image
    from napari_ood_seg.core.io.ome_zarr import is_zarr
    from napari_ood_seg.core.io.tivita import is_tivita

    suffix = path.suffix.lower()
    if suffix in (".mat", ".npz"):
        return True
    if suffix == envi.HEADER:
        return envi.is_header(path)
    if suffix in envi.DATA_SUFFIXES:
        return is_tivita(path) or envi.has_header(path)
    try:
        if path.is_dir() and not is_zarr(path):
            path = frames_of(path)[0]  # the others are as many as there may be
        return open_image(path).wavelengths is not None
    except OODSegError:
        return False


class InNativeOrder:
    """An array as it is stored, whose parts have the byte order of this machine.

    napari 0.8 shows no floats of another one, as TIVITA cameras write them. Nothing is
    read before it is asked for.
    """

    def __init__(self, data: npt.NDArray[Any]) -> None:
        self._data = data
        self.dtype = data.dtype.newbyteorder("=")
        self.shape, self.ndim, self.size = data.shape, data.ndim, data.size

    def __getitem__(self, key: Any) -> npt.NDArray[Any]:  # noqa: ANN401 - as numpy has it
        """Return a part."""
        return np.asarray(self._data[key], self.dtype)

    def __array__(
        self,
        dtype: npt.DTypeLike | None = None,
        copy: bool | None = None,
    ) -> npt.NDArray[Any]:
        """Return all of it."""
        return np.array(self._data, dtype or self.dtype, copy=copy)


def _native(data: Any) -> Any:  # noqa: ANN401 - any array
    if data.dtype.isnative:
        return data
    if isinstance(data, np.ndarray):
        return InNativeOrder(data)
    return data.astype(data.dtype.newbyteorder("="))


def _arranged(data: Any, have: str, wanted: str) -> Any:  # noqa: ANN401 - any array
    if have == wanted:
        return data
    order = [have.index(a) for a in wanted]
    if isinstance(data, np.ndarray):
        return data.transpose(order)
    import dask.array as da

    lazy = data if isinstance(data, da.Array) else da.from_array(data, name=False)
    return lazy.transpose(order)

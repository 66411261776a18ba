"""Options that several commands have."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from napari_ood_seg.core.data.source import ImageSource

Axes = Annotated[
    str | None,
    typer.Option(
        help="One letter of TZYXC per axis of the images, where the file is wrong "
        "or does not say, for example YXC.",
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
Images = Annotated[
    list[Path],
    typer.Argument(
        metavar="IMAGE...",
        show_default=False,
        help="TIFF, OME-Zarr, whole-slide, PNG, JPEG, NPY or NPZ.",
    ),
]
Model = Annotated[
    Path,
    typer.Argument(metavar="MODEL", show_default=False, help="A .oodseg model file."),
]


def opened(path: Path, axes: str | None) -> "ImageSource":
    """Return an image file, opened."""
    from napari_ood_seg.core.io.images import open_image

    return open_image(path, axes=axes)

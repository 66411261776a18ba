"""Options that several commands have."""

from dataclasses import dataclass
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
        help="TIFF, OME-Zarr, whole-slide, ENVI, TIVITA, MATLAB, PNG, JPEG, NPY, NPZ, "
        "or a folder with the frames of a time series.",
    ),
]
Model = Annotated[
    Path,
    typer.Argument(metavar="MODEL", show_default=False, help="A .oodseg model file."),
]


Variable = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="Name of the image in MATLAB and NPZ files that hold several arrays.",
    ),
]
White = Annotated[
    Path | None,
    typer.Option(
        metavar="IMAGE",
        help="Image of a white tile: values of the images become reflectance.",
    ),
]
Dark = Annotated[
    Path | None,
    typer.Option(metavar="IMAGE", help="Image with the shutter closed, with --white."),
]


@dataclass(frozen=True, slots=True)
class Reading:
    """How image files are read: what the options say."""

    axes: str | None = None
    variable: str | None = None
    white: Path | None = None
    dark: Path | None = None

    def opened(self, path: Path) -> "ImageSource":
        """Return an image file, opened."""
        from napari_ood_seg.core.io.images import open_image

        return open_image(
            path,
            axes=self.axes,
            variable=self.variable,
            white=self.white,
            dark=self.dark,
        )

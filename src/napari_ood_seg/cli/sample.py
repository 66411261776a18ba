"""``napari-ood-seg sample``."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_ood_seg.core.errors import OutputError

if TYPE_CHECKING:
    from napari_ood_seg.core.data.source import ImageSource


class SampleName(StrEnum):
    """The samples that there are."""

    HISTOLOGY = "histology"
    HYPERSPECTRAL = "hyperspectral"


Name = Annotated[SampleName, typer.Argument(help="Which sample.")]


def sample(
    name: Name = SampleName.HISTOLOGY,
    *,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where to.")
    ] = Path(),
) -> None:
    """Write a sample image and its scribbles, to try the other commands on.

    Histology: a PNG picture. Hyperspectral: an NPZ with 60 bands and their
    wavelengths.
    """
    from napari_ood_seg.core.io.files import cannot_write, write_bytes
    from napari_ood_seg.core.io.scribble_files import SUFFIX, save_scribbles
    from napari_ood_seg.samples import load_sample

    suffix = ".png" if name is SampleName.HISTOLOGY else ".npz"
    image, scribbles = output / f"{name}{suffix}", output / f"{name}{SUFFIX}"
    for path in (image, scribbles):
        if path.exists():
            raise OutputError(f"{str(path)!r} exists already: choose another folder")
    loaded = load_sample(name)
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(output, error) from error
    write_bytes(image, _encoded(loaded.image))
    save_scribbles(
        scribbles, loaded.scribbles, loaded.classes, image_name=loaded.image.name
    )
    print(f"wrote {image} and {scribbles}")


def _encoded(image: "ImageSource") -> bytes:
    """Return the bytes of a PNG, or of an NPZ that holds the wavelengths, too."""
    from io import BytesIO

    import imageio.v3 as iio
    import numpy as np

    pixels = np.asarray(image.levels[0])
    if image.rgb:
        return bytes(iio.imwrite("<bytes>", pixels, extension=".png", plugin="pillow"))
    buffer = BytesIO()
    np.savez_compressed(
        buffer, image=pixels, wavelengths=np.asarray(image.wavelengths or ())
    )
    return buffer.getvalue()

"""Where the files of the samples are."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path

from napari_ood_seg.core.errors import FileFormatError


def sample_file(name: str) -> Path:
    """Return the path of a file in the sample data folder.

    Raises
    ------
    FileFormatError
        If it is in neither the package nor the checkout.
    """
    packaged = Path(str(files("napari_ood_seg"))) / "sample_data" / name
    checkout = Path(__file__).parents[2] / "sample_data" / name
    for path in (packaged, checkout):
        if path.is_file():
            return path
    raise FileFormatError(
        f"the sample data file {name!r} is missing from this installation: install "
        "napari-ood-seg again"
    )

"""Time series: one frame per file, each read when it is looked at."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_ood_seg.core.errors import FileFormatError, ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from napari_ood_seg.core.data.source import ImageSource

    Open = Callable[[Path], ImageSource]

_PICTURES: Final = (".png", ".jpg", ".jpeg", ".bmp")
"""Cameras put previews of these kinds beside their cubes."""


def natural(path: Path) -> list[tuple[int, str]]:
    """Return a key that sorts names as people do: frame 2 before frame 10.

    Examples
    --------
    >>> from pathlib import Path
    >>> sorted(map(Path, ["f10.tif", "f2.tif", "F1.tif"]), key=natural)[-1].name
    'f10.tif'
    """
    parts = re.split(r"(\d+)", path.name.casefold())
    return [(int(p), "") if p.isdecimal() else (0, p) for p in parts]


def frames_in(folder: Path, supported: Callable[[Path], bool]) -> list[Path]:
    """Return the files of a folder that are frames, in natural order.

    Parameters
    ----------
    supported
        Whether a file is an image, and not a part of one.

    Raises
    ------
    ImageError
        If there is none, or they are of several kinds; pictures beside files of
        another kind are taken for previews.
    """
    try:
        files = [p for p in folder.iterdir() if p.is_file() and p.name[0] != "."]
    except OSError as error:
        raise ImageError(
            f"the folder {str(folder)!r} cannot be read: check its permissions"
        ) from error
    found = [p for p in files if supported(p)]
    cubes = [p for p in found if p.suffix.lower() not in _PICTURES]
    found = cubes or found
    kinds = Counter(p.suffix.lower() for p in found)
    if not found:
        raise ImageError(
            f"{folder.name!r} is a folder without an image in it: choose an image, or "
            "a folder with the frames of a series"
        )
    if len(kinds) > 1:
        listed = ", ".join(
            f"{n} {kind or 'without a suffix'}" for kind, n in kinds.items()
        )
        raise ImageError(
            f"{folder.name!r} is a folder with files of several kinds ({listed}): "
            "choose an image, or put the frames of a series into a folder of their own"
        )
    return sorted(found, key=natural)


def open_frames(paths: Sequence[Path], open_one: Open, *, name: str) -> ImageSource:
    """Return the files as one image with a time axis; a single one as it is.

    Parameters
    ----------
    paths
        In the order of time, one at least.
    open_one
        Opens a file; called for each of them now, and again when it is read.
    name
        Of the series.

    Raises
    ------
    ImageError
        If a frame has a time axis of its own, or cannot be opened.
    FileFormatError
        If the frames are not alike.
    """
    first = open_one(paths[0])
    if len(paths) == 1:
        return first
    if "T" in first.axes:
        raise ImageError(
            f"{paths[0].name!r} is a time series itself: open it alone, or name the "
            "axes of a frame"
        )
    for path in paths[1:]:
        _require_alike(first, open_one(path), paths[0], path)
    return replace(
        first,
        levels=(_stacked(paths, open_one, first),),
        axes=f"T{first.axes}",
        name=name,
    )


class Frame:
    """The pixels of one file, which is opened to read them and closed again."""

    def __init__(self, path: Path, open_one: Open, like: Any) -> None:  # noqa: ANN401 - any array
        self._path = path
        self._open = open_one
        self.shape = tuple(int(n) for n in like.shape)
        self.dtype = np.dtype(like.dtype)
        self.ndim = len(self.shape)

    def __getitem__(self, index: Any) -> npt.NDArray[Any]:  # noqa: ANN401 - any index
        data = self._open(self._path).levels[0]
        if (tuple(data.shape), np.dtype(data.dtype)) != (self.shape, self.dtype):
            raise ImageError(
                f"{self._path.name!r} was changed since the series was opened: open it "
                "again"
            )
        return np.array(data[index])


def _stacked(paths: Iterable[Path], open_one: Open, first: ImageSource) -> Any:  # noqa: ANN401 - dask is untyped
    import dask.array as da

    like = first.levels[0]
    return da.stack(
        [
            da.from_array(Frame(path, open_one, like), chunks=-1, name=False)
            for path in paths
        ]
    )


def _require_alike(first: ImageSource, other: ImageSource, a: Path, b: Path) -> None:
    have, wanted = _facts(other), _facts(first)
    wrong = next((what for what in wanted if have[what] != wanted[what]), None)
    if wrong is not None:
        raise FileFormatError(
            f"{b.name!r} is not like {a.name!r}: {wrong} {have[wrong]}, not "
            f"{wanted[wrong]}, so put only the frames of one series together"
        )
    if first.wavelengths != other.wavelengths:
        raise FileFormatError(
            f"{b.name!r} is not like {a.name!r}: the wavelengths differ, so put only "
            "the frames of one series together"
        )


def _facts(source: ImageSource) -> dict[str, object]:
    """Return what has to be the same in all frames, and how to say it."""
    nm = source.wavelengths
    return {
        "shape": tuple(source.levels[0].shape),
        "type": np.dtype(source.levels[0].dtype),
        "axes": source.axes,
        "bands in use": source.n_channels if source.bands is None else source.bands,
        "wavelengths": "unknown" if nm is None else f"{min(nm):g} to {max(nm):g} nm",
    }

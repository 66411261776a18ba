"""Which of the named arrays in a file is the image, and which its wavelengths."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_ood_seg.core.data.source import MAX_CHANNELS, ImageSource, guess_axes
from napari_ood_seg.core.errors import FileFormatError, ImageError
from napari_ood_seg.core.io.wavelengths import checked, in_nm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

_IMAGE_NAMES: Final = ("image", "cube")
_LISTED: Final = 12
"""Arrays that are named in an error."""

_WAVELENGTHS: Final = re.compile(
    r"_*(?:wave_?lengths?|wavelen|lambdas?|bands?|band_centers?|wl|wls|wvl|nm)(?:_nm)?_*",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Arrays:
    """The numeric arrays of a file.

    Attributes
    ----------
    shapes
        Of each array, by name.
    read
        Returns the array of a name, which may be lazy.
    reverse
        Whether what `read` returns has its axes the other way round.
    """

    shapes: Mapping[str, tuple[int, ...]]
    read: Callable[[str], Any]
    reverse: bool = False


def image_of(
    arrays: Arrays, path: Path, *, axes: str | None, variable: str | None
) -> ImageSource:
    """Return the image among the arrays of a file, with its wavelengths.

    Parameters
    ----------
    axes
        Instead of a guess.
    variable
        Name of the image; need not be given if it is clear, see `images_among`.

    Raises
    ------
    ImageError
        If it is not clear which array is the image, or it is none.
    FileFormatError
        If there are wavelengths, but not one for each band.
    """
    name = choose(arrays.shapes, path, variable)
    shape = arrays.shapes[name]
    lists = {
        n: max(s)
        for n, s in arrays.shapes.items()
        if n != name and is_wavelengths(n) and math.prod(s) == max(s, default=0) > 1
    }
    if axes is None and lists:
        axes = axes_with(shape, lists.values())
    axes = axes or guess_axes(shape)
    bands = _wavelengths(arrays, lists, axes, shape, path)
    return ImageSource.from_array(
        arrays.read(name),
        axes=axes[::-1] if arrays.reverse else axes,
        rgb=None if bands is None else False,
        name=path.name
        if len(images_among(arrays.shapes)) == 1
        else f"{path.name} {name}",
        wavelengths=bands,
    )


def _wavelengths(
    arrays: Arrays,
    lists: Mapping[str, int],
    axes: str,
    shape: Sequence[int],
    path: Path,
) -> tuple[float, ...] | None:
    """Return the values of the list that has one for each band, if any."""
    if "C" not in axes.upper():
        return None
    n = shape[axes.upper().index("C")]
    found = [name for name, size in lists.items() if size == n]
    sure = [name for name in lists if name.lower().startswith("wave")]
    if sure and not set(sure) & set(found):
        raise FileFormatError(
            f"{path.name!r} has {lists[sure[0]]} values in {sure[0]!r} for {n} bands: "
            "correct or rename that array, or say which axis the bands are (axes)"
        )
    for name in sorted(found, key=lambda name: name not in sure):
        values = np.asarray(arrays.read(name), np.float64).ravel()
        if name in sure or _plausible(values):
            return checked(in_nm(values.tolist()) or (), n, path)
    return None


def _plausible(values: Any) -> bool:  # noqa: ANN401 - (n,) float64
    """Return whether numbers can be wavelengths: positive, sorted, not 0 or 1 to n."""
    steps = np.diff(values)
    counted = values[0] in (0, 1) and bool((steps == 1).all())
    return bool((values > 0).all() and (steps > 0).all() and not counted)


def images_among(shapes: Mapping[str, tuple[int, ...]]) -> tuple[str, ...]:
    """Return the names of the arrays that may be the image; one if it is clear.

    An array named image or cube is, else the arrays with most axes that are longer
    than 1, from two on; without any, the only array.

    Examples
    --------
    >>> images_among({"X": (9, 8, 5), "mask": (9, 8), "wl": (1, 5)})
    ('X',)
    >>> images_among({"a": (9, 8, 5), "b": (9, 8, 5), "c": (5,)})
    ('a', 'b')
    """
    for name in _IMAGE_NAMES:
        if name in shapes:
            return (name,)
    depth = {name: min(sum(n > 1 for n in s), 3) for name, s in shapes.items()}
    most = max(depth.values(), default=0)
    if most >= 2:
        return tuple(name for name, d in depth.items() if d == most)
    return tuple(shapes) if len(shapes) == 1 else ()


def choose(
    shapes: Mapping[str, tuple[int, ...]], path: Path, variable: str | None
) -> str:
    """Return the name of the image: `variable`, or the only one that may be it.

    Raises
    ------
    ImageError
        If there is no such array, or it is not clear which one is meant.
    """
    listed = _listed(shapes)
    if variable is not None:
        if variable in shapes:
            return variable
        raise ImageError(
            f"{path.name!r} has no array {variable!r}: choose one of {listed}"
        )
    found = images_among(shapes)
    if len(found) == 1:
        return found[0]
    raise ImageError(
        f"{path.name!r} holds the arrays {listed}: say which is the image, by "
        "--variable NAME or open_image(..., variable=NAME)"
    )


def is_wavelengths(name: str) -> bool:
    """Return whether an array is named as wavelengths are.

    Examples
    --------
    >>> [is_wavelengths(n) for n in ("wavelengths", "Lambda", "WL", "waves", "lr")]
    [True, True, True, False, False]
    """
    return _WAVELENGTHS.fullmatch(name) is not None


def axes_with(shape: Sequence[int], n_bands: Iterable[int]) -> str:
    """Return the axes of an image, the channels being an axis as long as a list.

    Parameters
    ----------
    n_bands
        Lengths of the lists that may be wavelengths.

    Examples
    --------
    >>> axes_with((9, 8, 7), [8]), axes_with((9, 8, 7), []), axes_with((7, 9, 9), [9])
    ('YCX', 'YXC', 'YXC')
    """
    own = tuple(shape)
    lengths = {n for n in n_bands if 1 < n <= MAX_CHANNELS}
    matches = [i for i, n in enumerate(own) if n in lengths and i >= len(own) - 3]
    if len(own) < 3 or not matches:
        return guess_axes(own)
    rest = guess_axes(own, rgb=False).replace("C", "")
    return f"{rest[: matches[-1]]}C{rest[matches[-1] :]}"


def _listed(shapes: Mapping[str, tuple[int, ...]]) -> str:
    """Return names and shapes in words, the first few of many."""
    words = [
        f"{name if name.isprintable() else repr(name)} ({' x '.join(map(str, shape))})"
        for name, shape in list(shapes.items())[:_LISTED]
    ]
    more = len(shapes) - len(words)
    return ", ".join([*words, *([f"{more} more"] if more else [])]) or "none"

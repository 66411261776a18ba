"""Spectra of pixels and of strokes, reading only what is asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from weakref import ref

import numpy as np

from napari_ood_seg.core.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from weakref import ReferenceType

    import numpy.typing as npt

    from napari_ood_seg.core.data.scribbles import Stroke
    from napari_ood_seg.core.data.source import ImageSource

    Floats = npt.NDArray[np.float64]
    Coords = npt.NDArray[np.int32]

_BLOCK: Final = 32
"""Painted pixels are read in boxes of at most so many rows and columns."""

_BLOCKS: Final = 16
"""Of a stroke, at most so many boxes are read, evenly along it."""

_ROWS: Final = 2**23
"""A map of bands is computed from about so many values at a time."""

_MAP: Final = 2**27
"""A map is thinned so that no more values than this are read."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Spectrum:
    """Mean and spread of the spectra of some pixels.

    Attributes
    ----------
    mean, spread
        `(c,)` mean and standard deviation; NaN without pixels.
    n
        Number of pixels.
    """

    mean: Floats = field(repr=False)
    spread: Floats = field(repr=False)
    n: int


@dataclass(frozen=True, slots=True, eq=False)
class Sums:
    """What is kept of some pixels: their number, sum, and sum of squares, `(c,)`."""

    n: int
    total: Floats = field(repr=False)
    squares: Floats = field(repr=False)

    @classmethod
    def of(cls, spectra: Floats) -> Sums:
        """Return the sums of `(n, c)` spectra; those that are not finite are left out.

        >>> Sums.of(np.array([[1.0, 2.0], [np.nan, 2.0]])).n
        1
        """
        good = spectra[np.isfinite(spectra).all(axis=1)]
        return cls(len(good), good.sum(axis=0), (good**2).sum(axis=0))


def spectrum_of(sums: Iterable[Sums]) -> Spectrum:
    """Return mean and spread of all pixels in some sums; there must be one at least."""
    parts = list(sums)
    n = sum(s.n for s in parts)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.sum([s.total for s in parts], axis=0) / n
        variance = np.sum([s.squares for s in parts], axis=0) / n - mean**2
    spread = np.sqrt(np.maximum(variance, 0.0))
    return Spectrum(mean=mean, spread=spread, n=n)


def normalised(spectra: Floats) -> Floats:
    """Return `(n, c)` spectra over their mean, as a model sees them (per-pixel L1).

    Pixels without light have no shape: NaN.

    >>> normalised(np.array([[1.0, 3.0], [0.0, 0.0]])).tolist()
    [[0.5, 1.5], [nan, nan]]
    """
    light = spectra.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(light > 0, spectra / light, np.nan)


def read_pixels(
    source: ImageSource, coords: npt.ArrayLike, *, plane: Sequence[int] = ()
) -> Floats:
    """Return the `(n, c)` spectra of `(n, 2)` pixels, or of a part of very many.

    Pixels are read in small boxes around them, so a long stroke on a large image costs
    what it covers; of strokes that cover more than 16 boxes, some boxes are read.

    Raises
    ------
    ImageError
        If the image can no longer be read.
    """
    boxes = list(_boxes(np.asarray(coords, np.int64).reshape(-1, 2)))
    if len(boxes) > _BLOCKS:
        boxes = [boxes[i] for i in np.linspace(0, len(boxes) - 1, _BLOCKS).astype(int)]
    found = [np.zeros((0, source.n_channels))]
    for pixels in boxes:
        low, high = pixels.min(axis=0), pixels.max(axis=0) + 1
        box = source.read(slice(low[0], high[0]), slice(low[1], high[1]), plane=plane)
        rows, columns = (pixels - low).T
        found.append(box[:, rows, columns].T.astype(np.float64))
    return np.concatenate(found)


def _boxes(coords: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    """Yield the pixels of each box of a grid that holds some."""
    cells, which = np.unique(coords // _BLOCK, axis=0, return_inverse=True)
    for i in range(len(cells)):
        yield coords[which.ravel() == i]


class StrokeSpectra:
    """Sums of strokes, read once: as measured, and normalised.

    The image is somebody else's, and is not kept alive.
    """

    def __init__(self) -> None:
        self._known: dict[int, tuple[Stroke, tuple[Sums, Sums]]] = {}
        self._source: ReferenceType[ImageSource] | None = None

    def of(
        self, source: ImageSource, strokes: Sequence[Stroke]
    ) -> dict[int, tuple[Spectrum, Spectrum]]:
        """Return by class what its strokes measure: as it is, and normalised.

        What is known of strokes that are gone, or of another image, is forgotten.

        Raises
        ------
        ImageError
            If the image can no longer be read.
        """
        same = self._source is not None and self._source() is source
        before = self._known if same else {}
        self._source, self._known = ref(source), {}
        by_class: dict[int, list[tuple[Sums, Sums]]] = {}
        for stroke in strokes:
            known = before.get(id(stroke))  # kept beside it, so the id is still its own
            if known is None:
                known = (stroke, _both(source, stroke.coords, stroke.plane))
            self._known[id(stroke)] = known
            by_class.setdefault(stroke.class_id, []).append(known[1])
        return {
            class_id: (
                spectrum_of(raw for raw, _ in pairs),
                spectrum_of(shape for _, shape in pairs),
            )
            for class_id, pairs in by_class.items()
        }


def spectra_of(
    source: ImageSource, pieces: Sequence[Coords], *, plane: tuple[int, ...] = ()
) -> tuple[Spectrum, Spectrum]:
    """Return what pixels of a plane measure together: as it is, and normalised."""
    pairs = [_both(source, coords, plane) for coords in pieces]
    return spectrum_of(r for r, _ in pairs), spectrum_of(s for _, s in pairs)


def _both(
    source: ImageSource, coords: Coords, plane: tuple[int, ...]
) -> tuple[Sums, Sums]:
    spectra = read_pixels(source, coords, plane=plane)
    return Sums.of(spectra), Sums.of(normalised(spectra))


def band_mean(
    source: ImageSource, first: int, last: int, *, plane: tuple[int, ...] = ()
) -> npt.NDArray[np.float32]:
    """Return the mean of bands `first` to `last`, at every pixel or every so many.

    Only these bands are read, some rows at a time.

    Returns
    -------
    `(h, w)`, or every k-th row and column if that were too much to read.

    Raises
    ------
    ImageError
        If there are no such bands, or the image can no longer be read.
    """
    if not 0 <= first <= last < source.n_channels:
        raise ImageError(
            f"there are no bands {first} to {last}: the image has {source.n_channels}"
        )
    used = [first <= i <= last for i in range(source.n_channels)]
    few = source.with_bands(used)
    n = few.n_channels
    step = math.ceil(math.sqrt(few.height * few.width * n / _MAP))
    at_once = 1 if step > 1 else max(1, _ROWS // (few.width * n))
    stride = max(step, at_once)
    parts = [
        few.read(
            slice(y, min(y + at_once, few.height)), slice(0, few.width), plane=plane
        ).mean(axis=0)[:, ::step]
        for y in range(0, few.height, stride)
    ]
    return np.concatenate(parts).astype(np.float32)


def band_axis(source: ImageSource) -> tuple[Floats, str]:
    """Return where each band lies on the axis of a plot, and what the axis is called.

    >>> from napari_ood_seg.core.data.source import ImageSource
    >>> band_axis(ImageSource.from_array(np.zeros((4, 4, 2)), axes="YXC"))
    (array([1., 2.]), 'band')
    """
    if source.wavelengths is not None:
        return np.asarray(source.wavelengths, np.float64), "wavelength (nm)"
    return np.arange(1.0, source.n_channels + 1), "band"

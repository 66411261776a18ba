"""From what a sensor counted to reflectance, by a white and a dark reference."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_ood_seg.core.data.source import values_of
from napari_ood_seg.core.errors import ImageError
from napari_ood_seg.core.interrupt import checkpoint

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_ood_seg.core.data.source import ImageSource

    Floats = npt.NDArray[np.float32]

CEILING: Final = 2.0
"""Glare reflects more towards the camera than the white tile; more than this is cut."""

_AT_ONCE: Final = 2**20
"""Values that are computed at once; in between they take several times the room."""


def reflectance(
    raw: npt.ArrayLike,
    white: npt.ArrayLike,
    dark: npt.ArrayLike = 0.0,
    *,
    ceiling: float = CEILING,
) -> Floats:
    """Return ``(raw - dark) / (white - dark)``, the share of the light that came back.

    The usual correction for lamp and sensor, see Lu and Fei, "Medical hyperspectral
    imaging: a review", J. Biomed. Opt. 19 (2014). 0 is black; 1 is as bright as the
    white tile.

    Parameters
    ----------
    raw
        Counts of the sensor, of any shape and type.
    white, dark
        Counts for the white tile and with the shutter closed, taken with the same
        exposure; of a shape that broadcasts to that of `raw`.
    ceiling
        Largest reflectance; larger ones become this, negative ones 0.

    Returns
    -------
    float32 of the shape of `raw`, 0 to `ceiling`; NaN where the sensor is dead: the
    white tile is not brighter than the dark, or a value is not finite.

    Examples
    --------
    >>> reflectance([110, 60, 5, 900, 7], [210, 210, 210, 210, 10], 10).tolist()
    [0.5, 0.25, 0.0, 2.0, nan]
    """
    counts, full, none = (np.asarray(v, np.float64) for v in (raw, white, dark))
    span = np.where(full - none > 0, full - none, np.nan)
    with np.errstate(invalid="ignore"):  # infinite counts are dead, too
        share = (counts - none) / span
    share[~np.isfinite(share)] = np.nan
    return np.clip(share, 0.0, ceiling).astype(np.float32)


def bridged(spectra: npt.NDArray[Any], axis: int = -1) -> Floats:
    """Return spectra with dead values replaced by those of the bands beside them.

    A dead value of a sensor is the same band of the same column in a whole image.

    Parameters
    ----------
    spectra
        Of any shape.
    axis
        Along which the bands are.

    Returns
    -------
    float32: NaN becomes the linear interpolation between the nearest bands that are
    finite, or the nearest one at an end; spectra without any stay NaN.

    Examples
    --------
    >>> bridged(np.array([[1, np.nan, np.nan, 4], [np.nan, 3, 5, np.nan]])).tolist()
    [[1.0, 2.0, 3.0, 4.0], [3.0, 3.0, 5.0, 5.0]]
    """
    values = np.moveaxis(np.asarray(spectra, np.float32), axis, -1)
    known = np.isfinite(values)
    if known.all():
        return np.moveaxis(values, -1, axis)
    n = values.shape[-1]
    band = np.arange(n)
    before = np.maximum.accumulate(np.where(known, band, -1), axis=-1)
    after = np.minimum.accumulate(np.where(known, band, n)[..., ::-1], axis=-1)
    after = after[..., ::-1]
    left = np.where(before < 0, after, before).clip(0, n - 1)
    right = np.where(after == n, before, after).clip(0, n - 1)
    low = np.take_along_axis(values, left, axis=-1)
    high = np.take_along_axis(values, right, axis=-1)
    share = (band - left) / np.maximum(right - left, 1)
    filled = np.where(known, values, low + share * (high - low)).astype(np.float32)
    return np.moveaxis(filled, -1, axis)


def corrected(
    source: ImageSource, white: ImageSource, dark: ImageSource | None = None
) -> ImageSource:
    """Return an image in units of reflectance, computed where it is read.

    Parameters
    ----------
    source
        The counts; any axes.
    white, dark
        The references: of the size of the image, or with as many columns (lines of
        a push-broom camera, which are averaged), or of one pixel. Without `dark`, it
        is 0.

    Returns
    -------
    The image with one level of float32, see `reflectance`; dead values are bridged.

    Raises
    ------
    ImageError
        If a reference does not fit, or is nowhere brighter than the dark.
    """
    bright = _fitted(white, source, "white")
    floor = np.zeros_like(bright) if dark is None else _fitted(dark, source, "dark")
    if not (bright > floor).any():
        raise ImageError(
            f"the white reference {white.name!r} is nowhere brighter than the dark: "
            "check which is which"
        )
    found = _Reflectance(source.levels[0], bright, floor, axes=source.axes)
    return replace(source, levels=(found,))


class _Reflectance:
    """An array of counts as reflectance, computed where it is read.

    What `ImageSource` needs of an array, and no more: whoever looks at a pixel waits
    for no more than that, as would be so for the chunks of a dask array.

    Parameters
    ----------
    counts
        An array of these axes.
    white, dark
        Arrays with as many axes, of length 1 where they are even.
    axes
        As those of an `ImageSource`.
    """

    dtype: Final = np.dtype(np.float32)

    def __init__(
        self,
        counts: Any,  # noqa: ANN401 - any array
        white: Floats,
        dark: Floats,
        *,
        axes: str,
    ) -> None:
        self._counts, self._white, self._dark = counts, white, dark
        self._bands, self._rows = axes.find("C"), axes.index("Y")
        self.shape = tuple(int(n) for n in counts.shape)
        self.ndim = len(self.shape)

    def __getitem__(self, key: Any) -> Floats:  # noqa: ANN401 - what numpy takes
        keys = key if isinstance(key, tuple) else (key,)
        if not all(isinstance(k, slice | int | np.integer) for k in keys):
            found: Floats = np.asarray(self)[key]
            return found
        full = [*keys, *(slice(None),) * (self.ndim - len(keys))]
        where = [_as_slice(k, n) for k, n in zip(full, self.shape, strict=True)]
        left = [slice(None) if isinstance(k, slice) else 0 for k in full]
        if self._bands >= 0:  # all of them: dead ones are bridged by others
            where[self._bands], left[self._bands] = slice(None), full[self._bands]
        return self._computed(where)[tuple(left)]

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        found = self[(slice(None),) * self.ndim]
        return found if dtype is None else found.astype(dtype, copy=False)

    def _computed(self, where: list[slice]) -> Floats:
        """Return a region, some rows after the others."""
        sizes = [
            len(range(*s.indices(n))) for s, n in zip(where, self.shape, strict=True)
        ]
        out = np.empty(sizes, np.float32)
        n_rows, axis = sizes[self._rows], self._rows
        step = max(1, _AT_ONCE * n_rows // max(out.size, 1))
        rows = range(*where[axis].indices(self.shape[axis]))
        for first in range(0, n_rows, step):
            checkpoint()  # a job that is not wanted any more stops here
            some = rows[first : first + step]
            part = [*where]
            part[axis] = slice(some.start, some.stop, some.step)
            own = [slice(None)] * self.ndim
            own[axis] = slice(first, first + step)
            raw = values_of(self._counts[tuple(part)])
            beside = (_beside(v, part) for v in (self._white, self._dark))
            out[tuple(own)] = _correct(raw, *beside, bands=self._bands)
        return out


def _as_slice(key: Any, n: int) -> slice:  # noqa: ANN401 - slice or index
    """Return what has an index as its only element; slices as they are."""
    if isinstance(key, slice):
        return key
    at = int(key) + n if key < 0 else int(key)
    if not 0 <= at < n:
        raise IndexError(f"index {key} is out of bounds for an axis of {n}")
    return slice(at, at + 1)


def _beside(reference: Floats, where: list[slice]) -> Floats:
    """Return the part of a reference for a region; length 1 stays."""
    pairs = zip(where, reference.shape, strict=True)
    return reference[tuple(s if n > 1 else slice(None) for s, n in pairs)]


def _correct(
    raw: npt.NDArray[Any], white: Floats, dark: Floats, *, bands: int
) -> Floats:
    share = reflectance(raw, white, dark)
    return share if bands < 0 else bridged(share, axis=bands)


def _fitted(reference: ImageSource, source: ImageSource, what: str) -> Floats:
    """Return a reference along the axes of an image, of length 1 where it is even."""
    reference, image = _whole(reference), _whole(source)
    if reference.n_channels != image.n_channels:
        raise ImageError(
            f"the {what} reference {reference.name!r} has {reference.n_channels} "
            f"bands, the image {image.n_channels}: take one of the same camera"
        )
    size = (reference.height, reference.width)
    cube = reference.read(slice(0, size[0]), slice(0, size[1]))
    if size != (image.height, image.width):
        if size[1] != image.width and size != (1, 1):
            raise ImageError(
                f"the {what} reference {reference.name!r} has {size[0]} x {size[1]} "
                f"pixels, the image {image.height} x {image.width}: it needs the size "
                "of the image, the same width, or one pixel"
            )
        cube = cube.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32)
    letters = source.axes if "C" in source.axes else f"C{source.axes}"
    cube = cube.transpose(["CYX".index(a) for a in letters if a in "CYX"])
    cube = np.expand_dims(cube, [i for i, a in enumerate(letters) if a in "TZ"])
    return cube if "C" in source.axes else cube[0]


def _whole(source: ImageSource) -> ImageSource:
    """Return an image with all bands, also those that are not used."""
    return replace(source, bands=None, wavelengths=None, channel_names=())

"""A colour picture of an image with any channels."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

import numpy as np

from napari_ood_seg.core.data import colours
from napari_ood_seg.core.data.false_colours import (
    bands_picture,
    mnf_picture,
    nearest_bands,
    nir_picture,
    pca_picture,
)
from napari_ood_seg.core.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from napari_ood_seg.core.data.source import ImageSource

    Picture = npt.NDArray[np.uint8]
    DaskArray = Any

PICTURES: Final = ("colour", "near infrared", "principal components", "least noise")
"""Names that `picture` knows."""

_RGB_NM: Final = (620.0, 545.0, 460.0)
"""Wavelengths that are shown as red, green and blue."""

_STRIP: Final = 64
"""Rows that are read at a time where many bands make one colour."""

_WHITE: Final = 0.99
"""Share of the pixels that are not brighter than the picture's white."""


def preview_channels(source: ImageSource) -> tuple[int, int, int]:
    """Return the channels to show as red, green and blue.

    With wavelengths the bands nearest to 620, 545 and 460 nm, else channels from
    the end, middle and start.
    """
    if source.wavelengths is not None:
        red, green, blue = nearest_bands(source.wavelengths, _RGB_NM)
        return red, green, blue
    last = source.n_channels - 1
    return last, last // 2, 0


@dataclass(frozen=True, slots=True, eq=False)
class Tone:
    """How bright the values of a picture are shown, for each of its three colours.

    Attributes
    ----------
    low, high
        `(3, 1, 1)` what becomes black and full.
    curve
        From there, 0 to 1, to what a screen wants, 0 to 1.
    """

    low: npt.NDArray[np.float64]
    high: npt.NDArray[np.float64]
    curve: Callable[[npt.NDArray[np.float64]], npt.NDArray[np.float64]]

    @classmethod
    def fit(cls, source: ImageSource, *, plane: tuple[int, ...] = ()) -> Self:
        """Return the tone that suits a plane of an image; see `preview`."""
        return cls.of(_values(source, plane), source)

    @classmethod
    def of(cls, values: npt.NDArray[np.float32], source: ImageSource) -> Self:
        """Return the tone that suits `(3, h, w)` values of an image."""
        if _has_colours(source):
            white = max(float(np.quantile(values.max(0), _WHITE)), 1e-12)
            return cls(np.zeros((3, 1, 1)), np.full((3, 1, 1), white), colours.encoded)
        low, high = np.percentile(values, (1, 99), axis=(1, 2), keepdims=True)
        spectral = source.wavelengths is not None
        return cls(low, high, np.sqrt if spectral else _as_it_is)

    def __call__(self, values: npt.NDArray[np.float32]) -> Picture:
        """Return the `(h, w, 3)` picture of `(3, h, w)` values."""
        shown = np.empty((*values.shape[1:], 3), np.uint8)
        for top in range(0, len(shown), _STRIP):
            rows = slice(top, top + _STRIP)
            span = np.maximum(self.high - self.low, 1e-12)
            part = (values[:, rows] - self.low) / span
            shown[rows] = _as_picture(self.curve(np.clip(part, 0, 1)))
        return shown


def preview(
    source: ImageSource, *, plane: tuple[int, ...] = (), tone: Tone | None = None
) -> Picture:
    """Return a `(h, w, 3)` uint8 picture of one plane of an image.

    Images whose wavelengths cover enough of the visible, see `colours.cover`, are
    shown as the eye would see them in daylight, see `daylight`. Of others, the
    `preview_channels` are stretched each from its 1st to its 99th percentile, then
    brightened by a square root for spectral images, which are dark.

    Parameters
    ----------
    tone
        That of another plane, so that both can be compared; without, its own.
    """
    values = _values(source, plane)
    return (tone or Tone.of(values, source))(values)


def previews(source: ImageSource) -> DaskArray:
    """Return the `(*planes, h, w, 3)` uint8 pictures of all planes of an image.

    Each is made when it is looked at; all have the tone of the first one.
    """
    from dask import array as dask_array

    n = len(source.plane_shape)
    shape = (*source.plane_shape, source.height, source.width, 3)
    chunks = (*((1,) * k for k in source.plane_shape), *((k,) for k in shape[n:]))
    return dask_array.map_blocks(
        partial(_block, source, Tone.fit(source)), dtype=np.uint8, chunks=chunks
    )


def _block(
    source: ImageSource, tone: Tone, *, block_id: tuple[int, ...]
) -> npt.NDArray[np.uint8]:
    plane = block_id[:-3]
    found = preview(source, plane=plane, tone=tone)
    return found.reshape(*(1 for _ in plane), *found.shape)


def daylight(source: ImageSource, *, plane: tuple[int, ...] = ()) -> Picture:
    """Return a `(h, w, 3)` uint8 sRGB picture under D65; see `colours.srgb`.

    One exposure for the whole plane makes the brightest channel 1 at the 99th
    percentile of its pixels, so that values need be reflectance only up to a factor.
    Pixels that are not finite are black.

    Raises
    ------
    ImageError
        If wavelengths are unknown or do not cover enough of the visible.
    """
    colours.require_colours(_wavelengths(source))
    return preview(source, plane=plane)


def _has_colours(source: ImageSource) -> bool:
    nm = source.wavelengths
    return nm is not None and colours.cover(nm) >= colours.LEAST_COVER


def _values(source: ImageSource, plane: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """Return `(3, h, w)` what is shown of a plane, before it has a tone."""
    if not _has_colours(source):
        return np.nan_to_num(_read(source, preview_channels(source), plane))
    visible = source.with_bands([380 <= w <= 780 for w in _wavelengths(source)])
    weights = colours.linear_rgb_weights(_wavelengths(visible))
    linear = np.empty((3, source.height, source.width), np.float32)
    for top in range(0, source.height, _STRIP):
        rows = slice(top, min(top + _STRIP, source.height))
        spectra = visible.read(rows, slice(0, source.width), plane=plane)
        finite = np.isfinite(spectra).all(0)
        linear[:, rows] = colours.mixed(weights, np.where(finite, spectra, 0))
    return linear


def _as_it_is(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return values


def picture(
    source: ImageSource, name: str = "colour", *, plane: tuple[int, ...] = ()
) -> Picture:
    """Return a `(h, w, 3)` uint8 picture of a plane, by one of the names in `PICTURES`.

    ``colour`` is the `preview`; the others are false colours, see `false_colours`.

    Raises
    ------
    ImageError
        If there is no such picture, or ``near infrared`` is asked for and no band is
        near.
    """
    if name not in PICTURES:
        raise ImageError(
            f"there is no picture {name!r}: choose one of {', '.join(PICTURES)}"
        )
    if name == "colour":
        return preview(source, plane=plane)
    everything = tuple(range(source.n_channels))
    if name == "near infrared":
        return nir_picture(_read(source, everything, plane), _wavelengths(source))
    make = pca_picture if name == "principal components" else mnf_picture
    return make(_read(source, everything, plane))


def three_bands(
    source: ImageSource, channels: Sequence[int], *, plane: tuple[int, ...] = ()
) -> Picture:
    """Return a `(h, w, 3)` picture of any three channels, each stretched by itself.

    Raises
    ------
    ImageError
        If there are not three, or the image lacks one.
    """
    if len(channels) == 3 and all(0 <= i < source.n_channels for i in channels):
        return bands_picture(_read(source, channels, plane), (0, 1, 2))
    raise ImageError(
        f"channels {tuple(channels)} of {source.n_channels} are no picture: give "
        f"three from 0 to {source.n_channels - 1}"
    )


def _wavelengths(source: ImageSource) -> tuple[float, ...]:
    if source.wavelengths is None:
        raise ImageError(
            f"the wavelengths of {source.name!r} are unknown: choose a picture that "
            "needs none, or name them when the image is opened"
        )
    return source.wavelengths


def _read(
    source: ImageSource, channels: Sequence[int], plane: tuple[int, ...]
) -> npt.NDArray[np.float32]:
    """Return some channels of a plane, `(n, h, w)`, in the order asked for."""
    read = sorted(set(channels))
    few = source.with_bands([i in read for i in range(source.n_channels)])
    whole = few.read(slice(0, few.height), slice(0, few.width), plane=plane)
    return whole[[read.index(i) for i in channels]]


def _as_picture(values: npt.NDArray[np.floating]) -> Picture:
    """Return `(3, h, w)` values from 0 to 1 as `(h, w, 3)`."""
    shown: Picture = (values * 255).round().astype(np.uint8)
    return np.ascontiguousarray(shown.transpose(1, 2, 0))

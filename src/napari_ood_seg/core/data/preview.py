"""A colour picture of an image with any channels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

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
    from collections.abc import Sequence

    import numpy.typing as npt

    from napari_ood_seg.core.data.source import ImageSource

    Picture = npt.NDArray[np.uint8]

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


def preview(source: ImageSource, *, plane: tuple[int, ...] = ()) -> Picture:
    """Return a `(h, w, 3)` uint8 picture of one plane of an image.

    Images whose wavelengths cover enough of the visible, see `colours.cover`, are
    shown as the eye would see them in daylight, see `daylight`. Of others, the
    `preview_channels` are stretched each from its 1st to its 99th percentile, then
    brightened by a square root for spectral images, which are dark.
    """
    nm = source.wavelengths
    if nm is not None and colours.cover(nm) >= colours.LEAST_COVER:
        return daylight(source, plane=plane)
    channels = preview_channels(source)
    chosen = np.nan_to_num(_read(source, channels, plane))
    low, high = np.percentile(chosen, (1, 99), axis=(1, 2), keepdims=True)
    scaled = np.clip((chosen - low) / np.maximum(high - low, 1e-12), 0, 1)
    if nm is not None:
        scaled = np.sqrt(scaled)
    return _as_picture(scaled)


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
    nm = _wavelengths(source)
    colours.require_colours(nm)
    visible = source.with_bands([380 <= w <= 780 for w in nm])
    bands = visible.wavelengths or ()
    linear = np.empty((3, source.height, source.width), np.float32)
    strips = [
        slice(top, min(top + _STRIP, source.height))
        for top in range(0, source.height, _STRIP)
    ]
    for rows in strips:
        spectra = visible.read(rows, slice(0, source.width), plane=plane)
        finite = np.isfinite(spectra).all(0)
        seen = colours.xyz(np.where(finite, spectra, 0), bands)
        linear[:, rows] = colours.linear_rgb(seen)
    white = max(float(np.quantile(linear.max(0), _WHITE)), 1e-12)
    shown = np.empty((source.height, source.width, 3), np.uint8)
    for rows in strips:
        exposed = linear[:, rows].astype(np.float64) / white
        shown[rows] = _as_picture(colours.encoded(exposed))
    return shown


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

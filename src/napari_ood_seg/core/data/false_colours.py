"""Spectra in false colours: three bands, near infrared, PCA, minimum noise fraction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from napari_ood_seg.core.errors import ImageError
from napari_ood_seg.core.interrupt import checkpoint

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Cube = npt.NDArray[Any]
    Floats = npt.NDArray[np.float64]
    Picture = npt.NDArray[np.uint8]

NIR: Final = (850.0, 750.0, 650.0)
"""Wavelengths in nm that the near infrared picture shows as red, green and blue."""

_NOISELESS: Final = 1e-6
"""Least noise along an axis, as a share of the largest."""

_FITTED: Final = 50_000
"""At most about twice so many pixels enter the covariance of a cube."""

_STRIP: Final = 64
"""Rows that are computed at a time."""


def nearest_bands(
    wavelengths: Sequence[float], wanted: Sequence[float]
) -> tuple[int, ...]:
    """Return for each wanted wavelength the nearest band; of two, the first.

    Examples
    --------
    >>> nearest_bands([500, 600, 700], [690, 510, 9999])
    (2, 0, 2)
    """
    bands = np.asarray(wavelengths, np.float64)
    return tuple(int(np.abs(bands - nm).argmin()) for nm in wanted)


def stretched(values: Cube, *, share: float = 0.01) -> Picture:
    """Return `(c, h, w)` values as a `(h, w, c)` picture, each channel by itself.

    What is black and white is a quantile of the finite values at `share` from each
    end; values that are not finite are black.

    Examples
    --------
    >>> stretched(np.array([[[0.0, 1.0, 2.0]]]), share=0.0).tolist()
    [[[0], [128], [255]]]
    """
    out = np.zeros(values.shape, np.uint8)
    for channel, shown in zip(values, out, strict=True):
        finite = np.isfinite(channel)
        if not finite.any():
            continue
        known = channel[finite].astype(np.float64)
        low, high = np.quantile(known, (share, 1 - share))
        shown[finite] = np.round(
            255 * np.clip((known - low) / max(high - low, 1e-12), 0, 1)
        )
    return np.ascontiguousarray(out.transpose(1, 2, 0))


def bands_picture(cube: Cube, channels: Sequence[int]) -> Picture:
    """Return a `(h, w, 3)` picture of three channels of a `(c, h, w)` cube.

    Raises
    ------
    ImageError
        If there are not three, or the cube lacks one.
    """
    if len(channels) != 3 or not all(0 <= i < len(cube) for i in channels):
        raise ImageError(
            f"channels {tuple(channels)} of {len(cube)} are no picture: give three "
            f"from 0 to {len(cube) - 1}"
        )
    return stretched(cube[list(channels)])


def nir_picture(cube: Cube, wavelengths: Sequence[float]) -> Picture:
    """Return a `(h, w, 3)` picture of the bands nearest to `NIR`.

    Raises
    ------
    ImageError
        If one of them is further than 50 nm from the nearest band.
    """
    channels = nearest_bands(wavelengths, NIR)
    missing = [
        f"{nm:g}"
        for nm, i in zip(NIR, channels, strict=True)
        if abs(wavelengths[i] - nm) > 50
    ]
    if missing:
        raise ImageError(
            f"no band is near {' and '.join(missing)} nm: the bands from "
            f"{min(wavelengths):g} to {max(wavelengths):g} nm make no near infrared "
            "picture"
        )
    return bands_picture(cube, channels)


def principal_axes(cube: Cube) -> Floats:
    """Return `(c, c)` principal axes of the spectra, in columns, the largest first.

    The sign is such that the largest entry of each is positive.

    Notes
    -----
    Hotelling (J. Educ. Psychol. 24:417, 1933).
    """
    _, axes = np.linalg.eigh(_covariance(_spectra(cube, _places(_known(cube)))))
    return _signed(axes[:, ::-1])


def noise_axes(cube: Cube) -> Floats:
    """Return `(c, c)` axes of the spectra, in columns, the least noisy first.

    They make the share of the noise in the variance smallest; the noise of each has
    variance 1. Noise is half the covariance of the differences of neighbours to the
    right, where both are finite.

    Notes
    -----
    Minimum noise fraction, Green et al. (IEEE Trans. Geosci. Remote Sens. 26:65,
    1988).
    """
    known = _known(cube)
    signal = _covariance(_spectra(cube, _places(known)))
    pairs = _places(known[:, 1:] & known[:, :-1])
    steps = _spectra(cube[:, :, 1:], pairs) - _spectra(cube[:, :, :-1], pairs)
    return _signed(least_noisy(signal, _covariance(steps) / 2)[1][:, ::-1])


def least_noisy(signal: Floats, noise: Floats) -> tuple[Floats, Floats]:
    """Return `(c,)` variances over that of the noise, ascending, and `(c, c)` axes.

    The axes, in columns, make the share of the noise in the variance smallest; the
    noise along each has variance 1. See `noise_axes`.

    Parameters
    ----------
    signal, noise
        `(c, c)` covariances.

    Examples
    --------
    >>> values, axes = least_noisy(np.diag([4.0, 9.0]), np.diag([1.0, 9.0]))
    >>> values.round(6).tolist(), abs(axes).round(6).tolist()
    ([1.0, 4.0], [[0.0, 1.0], [0.333333, 0.0]])
    """
    sizes, turned = np.linalg.eigh(noise)
    floor = _NOISELESS * max(float(sizes.max()), 1e-300)
    whitening = turned / np.sqrt(np.maximum(sizes, floor))
    values, axes = np.linalg.eigh(whitening.T @ signal @ whitening)
    return values, whitening @ axes


def pca_picture(cube: Cube) -> Picture:
    """Return a `(h, w, 3)` picture of the first three principal components."""
    return _projected(cube, principal_axes(cube))


def mnf_picture(cube: Cube) -> Picture:
    """Return a `(h, w, 3)` picture of the three components with the least noise."""
    return _projected(cube, noise_axes(cube))


def _projected(cube: Cube, axes: Floats) -> Picture:
    shown = axes[:, [min(i, axes.shape[1] - 1) for i in range(3)]].T
    values = np.empty((3, *cube.shape[1:]))
    for top in range(0, cube.shape[1], _STRIP):
        checkpoint()
        rows = np.s_[:, top : top + _STRIP]
        values[rows] = np.tensordot(shown, cube[rows].astype(np.float64), 1)
    return stretched(values)


def _known(cube: Cube) -> npt.NDArray[np.bool_]:
    """Return which `(h, w)` pixels are finite in all channels."""
    known = np.ones(cube.shape[1:], np.bool_)
    for channel in cube:
        known &= np.isfinite(channel)
    return known


def _places(known: npt.NDArray[np.bool_]) -> npt.NDArray[np.intp]:
    """Return the `(2, n)` rows and columns of some evenly spaced known pixels."""
    checkpoint()
    rows, columns = np.nonzero(known)
    if len(rows) < 2:
        raise ImageError("the image has no two finite pixels: there is nothing to show")
    step = max(1, len(rows) // _FITTED)
    return np.stack([rows[::step], columns[::step]])


def _spectra(cube: Cube, places: npt.NDArray[np.intp]) -> Floats:
    """Return the `(n, c)` spectra at `(2, n)` rows and columns."""
    rows, columns = places
    return cube[:, rows, columns].astype(np.float64).T


def _covariance(rows: Floats) -> Floats:
    centred = rows - rows.mean(0)
    covariance: Floats = centred.T @ centred / len(rows)
    return covariance


def _signed(axes: Floats) -> Floats:
    """Return `axes` with the largest entry of each column positive."""
    top = np.abs(axes).argmax(0)
    signs = np.where(axes[top, np.arange(axes.shape[1])] < 0, -1.0, 1.0)
    return axes * signs

"""Which bands of a spectral image carry a signal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from napari_ood_seg.core.data.source import ImageSource

_ROWS = 32
"""Rows that are looked at to judge the bands of an image."""


def live_bands(
    cube: npt.NDArray[Any], *, saturation: float | None = None
) -> npt.NDArray[np.bool_]:
    """Return `(c,)` whether each band of a `(c, ...)` cube carries a signal.

    A band is dead if all its finite values are the same (zeros, a constant, a
    saturated sensor), if it has none, or if `saturation` is reached by most of its
    values.

    Parameters
    ----------
    cube
        Any integers or floats.
    saturation
        The value at which the sensor was full; without, only bands that are full
        everywhere are found.

    Examples
    --------
    >>> nan = np.nan
    >>> cube = [[1, 2, 3], [0, 0, 0], [nan, nan, nan], [nan, 1, 2], [9, 9, 4]]
    >>> live_bands(np.array(cube)).tolist()
    [True, False, False, True, True]
    >>> live_bands(np.array(cube), saturation=9).tolist()
    [True, False, False, True, False]
    """
    flat = np.asarray(cube, np.float64).reshape(len(cube), -1)
    finite = np.isfinite(flat)
    low = np.where(finite, flat, np.inf).min(axis=1)
    high = np.where(finite, flat, -np.inf).max(axis=1)
    live: npt.NDArray[np.bool_] = low < high
    if saturation is not None:
        full = (flat >= saturation) & finite
        live &= 2 * full.sum(axis=1) <= finite.sum(axis=1)
    return live


def without_dead_bands(
    source: ImageSource, *, plane: Sequence[int] = (), saturation: float | None = None
) -> ImageSource:
    """Return an image without the bands that are dead in a sample of its rows.

    Images that a model is to be applied to need the same bands: give them those of
    the first one, ``replace(image, bands=first.bands, wavelengths=...)``.

    Parameters
    ----------
    plane
        Of which plane, as for `ImageSource.read`.
    saturation
        As for `live_bands`.

    Raises
    ------
    ImageError
        If no band carries a signal, or the image cannot be read.
    """
    step = max(1, source.height // _ROWS)
    rows = [
        source.read(slice(y, y + 1), slice(0, source.width), plane=plane)
        for y in range(step // 2, source.height, step)
    ]
    live = live_bands(np.concatenate(rows, axis=1), saturation=saturation)
    return source.with_bands(live.tolist())

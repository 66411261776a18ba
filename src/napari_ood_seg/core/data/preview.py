"""A colour picture of an image with any channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_ood_seg.core.data.source import ImageSource

_RGB_NM = (620.0, 545.0, 460.0)
"""Wavelengths that are shown as red, green and blue."""


def preview_channels(source: ImageSource) -> tuple[int, int, int]:
    """Return the channels to show as red, green and blue.

    With wavelengths the bands nearest to 620, 545 and 460 nm, else channels from
    the end, middle and start.
    """
    if source.wavelengths is not None:
        bands = np.asarray(source.wavelengths)
        red, green, blue = (int(np.abs(bands - nm).argmin()) for nm in _RGB_NM)
        return red, green, blue
    last = source.n_channels - 1
    return last, last // 2, 0


def preview(
    source: ImageSource, *, plane: tuple[int, ...] = ()
) -> npt.NDArray[np.uint8]:
    """Return a `(h, w, 3)` uint8 picture of one plane of an image.

    Each channel is stretched from its 1st to its 99th percentile, then
    brightened by a square root for spectral images, which are dark.
    """
    channels = preview_channels(source)
    read = sorted(set(channels))
    few = source.with_bands([i in read for i in range(source.n_channels)])
    whole = few.read(slice(0, few.height), slice(0, few.width), plane=plane)
    chosen = np.nan_to_num(whole[[read.index(i) for i in channels]])
    low, high = np.percentile(chosen, (1, 99), axis=(1, 2), keepdims=True)
    scaled = np.clip((chosen - low) / np.maximum(high - low, 1e-12), 0, 1)
    if source.wavelengths is not None:
        scaled = np.sqrt(scaled)
    picture: npt.NDArray[np.uint8] = (scaled * 255).round().astype(np.uint8)
    return np.ascontiguousarray(picture.transpose(1, 2, 0))

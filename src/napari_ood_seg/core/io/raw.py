"""Map pixels that lie bare in a file, after looking whether they are all there."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ood_seg.core.errors import FileFormatError
from napari_ood_seg.core.io.files import damaged

if TYPE_CHECKING:
    from pathlib import Path


def map_pixels(
    path: Path, *, dtype: np.dtype[Any], shape: tuple[int, int, int], offset: int
) -> np.memmap[Any, np.dtype[Any]]:
    """Return the pixels of a file; nothing is read until a part is asked for.

    Parameters
    ----------
    dtype
        With the byte order of the file.
    shape
        As they lie in the file, the last axis running fastest.
    offset
        Bytes in front of the pixels.

    Raises
    ------
    FileFormatError
        If the file is too short for that, or so much longer that it must be
        something else: by a line along the last two axes.
    """
    wanted = offset + math.prod(shape) * dtype.itemsize
    try:
        size = path.stat().st_size
    except OSError as error:
        raise damaged(path, error) from error
    if size < wanted or size - wanted >= math.prod(shape[1:]) * dtype.itemsize:
        pixels = " x ".join(str(n) for n in shape)
        raise FileFormatError(
            f"{path.name!r} has {size:,} bytes where {pixels} {dtype.name} values "
            f"after {offset} bytes make {wanted:,}: it is "
            f"{'cut off' if size < wanted else 'longer'}, or its header is wrong, so "
            "copy it again or correct the header"
        )
    try:
        return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=shape)
    except (OSError, ValueError) as error:
        raise damaged(path, error) from error

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_ood_seg.core.data.bands import live_bands, without_dead_bands
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import ImageError

if TYPE_CHECKING:
    import numpy.typing as npt

H, W = 80, 6


def cube() -> npt.NDArray[np.float32]:
    """Return `(c, h, w)`: live, zero, constant, NaN, full, half NaN, mostly full."""
    rng = np.random.default_rng(0)
    out = rng.integers(1, 4000, (7, H, W)).astype(np.float32)
    out[1], out[2], out[3], out[4] = 0, 17, np.nan, 4095
    out[5, ::2] = np.nan
    out[6, : 3 * H // 4] = 4095
    return out


def test_live_bands() -> None:
    live = [True, False, False, False, False, True]
    assert live_bands(cube()).tolist() == [*live, True]
    assert live_bands(cube(), saturation=4095).tolist() == [*live, False]
    integers = np.nan_to_num(cube()).astype(np.uint16)
    assert live_bands(integers).tolist() == [*live, True]


@pytest.mark.parametrize("axes", ["CYX", "YCX", "YXC", "TYXC"])
def test_of_an_image(axes: str) -> None:
    data = cube().transpose(["CYX".index(a) for a in axes if a != "T"])
    if "T" in axes:
        data = np.stack([np.zeros_like(data), data])
    nm = tuple(range(500, 1200, 100))
    source = ImageSource.from_array(data, axes=axes, rgb=False, wavelengths=nm)
    found = without_dead_bands(source, plane=(1,), saturation=4095)
    assert (found.bands, found.wavelengths) == ((0, 5), (500, 1000))
    np.testing.assert_array_equal(
        found.read(slice(3, 9), slice(1, 4), plane=(1,)), cube()[[0, 5], 3:9, 1:4]
    )


def test_nothing_is_live() -> None:
    source = ImageSource.from_array(np.zeros((3, 9, 9)), axes="CYX")
    with pytest.raises(ImageError, match="0 of 3 bands"):
        without_dead_bands(source)


def test_an_image_that_is_all_live_stays_whole() -> None:
    source = ImageSource.from_array(cube()[[0, 5]], axes="CYX")
    assert without_dead_bands(source).bands is None

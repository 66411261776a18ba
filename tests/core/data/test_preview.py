from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_ood_seg.core.data.preview import preview, preview_channels
from napari_ood_seg.core.data.source import ImageSource


def cube(n: int, **facts: Any) -> ImageSource:
    data = np.random.default_rng(0).random((n, 20, 30), np.float32)
    return ImageSource.from_array(data, axes="CYX", **facts)


@pytest.mark.parametrize(
    ("n", "channels"), [(1, (0, 0, 0)), (2, (1, 0, 0)), (5, (4, 2, 0))]
)
def test_without_wavelengths_end_middle_start(
    n: int, channels: tuple[int, int, int]
) -> None:
    assert preview_channels(cube(n)) == channels


@pytest.mark.parametrize("step", [10.0, -10.0], ids=["ascending", "descending"])
def test_with_wavelengths_the_nearest_bands(step: float) -> None:
    bands = tuple(600 + step * (i - 20) for i in range(41))
    chosen = preview_channels(cube(41, wavelengths=bands))
    for i, nm in zip(chosen, (620, 545, 460), strict=True):
        assert abs(bands[i] - nm) <= 5


def test_each_channel_is_stretched_to_its_percentiles() -> None:
    source = cube(3)
    picture = preview(source)
    assert picture.shape == (20, 30, 3)
    assert picture.dtype == np.uint8
    for i, channel in enumerate((2, 1, 0)):
        values = source.levels[0][channel].astype(float)
        low, high = np.percentile(values, (1, 99))
        expected = ((values - low) / (high - low)).clip(0, 1) * 255
        np.testing.assert_allclose(picture[..., i], expected, atol=0.51)


def test_spectra_are_brightened() -> None:
    source = cube(3, wavelengths=(460.0, 545.0, 620.0))
    plain = preview(cube(3)).astype(float) / 255
    np.testing.assert_allclose(preview(source), np.sqrt(plain) * 255, atol=17)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite_and_constant_images(value: float) -> None:
    data = np.random.default_rng(0).random((3, 20, 30), np.float32)
    data[:, 3, 3] = value
    assert preview(ImageSource.from_array(data, axes="CYX")).std() > 20
    flat = np.full((20, 30), 5.0)
    assert (
        preview(ImageSource.from_array(flat)).tolist() == np.zeros((20, 30, 3)).tolist()
    )


def test_a_plane_of_a_stack() -> None:
    stack = np.random.default_rng(0).random((2, 20, 30))
    got = preview(ImageSource.from_array(stack, axes="ZYX"), plane=(1,))
    alone = preview(ImageSource.from_array(stack[1], axes="YX"))
    np.testing.assert_array_equal(got, alone)


def test_only_the_channels_that_are_shown_are_kept() -> None:
    source = cube(41, wavelengths=tuple(400.0 + 10 * i for i in range(41)))
    expected = preview(source)
    hidden = np.array(source.levels[0])
    hidden[[i for i in range(41) if i not in preview_channels(source)]] = np.nan
    same = ImageSource.from_array(hidden, axes="CYX", wavelengths=source.wavelengths)
    np.testing.assert_array_equal(preview(same), expected)

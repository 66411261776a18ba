from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from napari_ood_seg.core.data import colours
from napari_ood_seg.core.data.false_colours import (
    mnf_picture,
    nir_picture,
    pca_picture,
    stretched,
)
from napari_ood_seg.core.data.preview import (
    Tone,
    daylight,
    picture,
    preview,
    preview_channels,
    previews,
    three_bands,
)
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import ImageError


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


@pytest.mark.parametrize(
    "first", [400.0, 500.0, 600.0], ids=["colour", "no blue", "bands"]
)
def test_only_the_channels_that_are_shown_are_kept(first: float) -> None:
    source = cube(61, wavelengths=tuple(first + 10 * i for i in range(61)))
    expected = preview(source)
    hidden = np.array(source.levels[0])
    assert source.wavelengths is not None
    shown = [i for i, nm in enumerate(source.wavelengths) if nm <= 780]
    if first == 600.0:  # too little of the visible: three bands
        shown = list(preview_channels(source))
    hidden[[i for i in range(61) if i not in shown]] = np.nan
    same = ImageSource.from_array(hidden, axes="CYX", wavelengths=source.wavelengths)
    np.testing.assert_array_equal(preview(same), expected)


def test_wavelengths_of_the_visible_make_colours_up_to_the_exposure() -> None:
    nm = tuple(400.0 + 10 * i for i in range(31))
    source = cube(31, wavelengths=nm)
    linear = colours.linear_rgb(colours.xyz(source.levels[0], nm))
    exposed = linear / np.quantile(linear.max(0), 0.99)
    expected = 255 * colours.encoded(exposed).transpose(1, 2, 0)
    np.testing.assert_allclose(preview(source), expected, atol=0.51)
    brighter = ImageSource.from_array(50 * source.levels[0], axes="CYX", wavelengths=nm)
    assert np.abs(preview(brighter).astype(int) - preview(source)).max() <= 1


def test_strips_are_those_of_the_whole_and_holes_are_black() -> None:
    nm = tuple(400.0 + 10 * i for i in range(31))
    data = np.random.default_rng(0).random((31, 150, 4), np.float32)
    data[3, 100, 2] = np.inf
    found = daylight(ImageSource.from_array(data, axes="CYX", wavelengths=nm))
    again = daylight(ImageSource.from_array(data[:, ::-1], axes="CYX", wavelengths=nm))
    np.testing.assert_array_equal(found, again[::-1])
    assert found[100, 2].tolist() == [0, 0, 0]
    assert found.min(2).astype(bool).sum() > 0.9 * 600


def test_pictures_by_name() -> None:
    nm = tuple(600.0 + 30 * i for i in range(12))
    source = cube(12, wavelengths=nm)
    whole = source.levels[0]
    np.testing.assert_array_equal(picture(source), preview(source))
    for name, expected in (
        ("near infrared", nir_picture(whole, nm)),
        ("principal components", pca_picture(whole)),
        ("least noise", mnf_picture(whole)),
    ):
        np.testing.assert_array_equal(picture(source, name), expected)
    np.testing.assert_array_equal(
        three_bands(source, (7, 2, 7)), stretched(whole[[7, 2, 7]])
    )


def test_pictures_that_cannot_be_made_say_why() -> None:
    with pytest.raises(ImageError, match="no picture 'sepia': choose one of colour"):
        picture(cube(3), "sepia")
    with pytest.raises(ImageError, match="wavelengths of 'image' are unknown"):
        picture(cube(12), "near infrared")
    with pytest.raises(ImageError, match="give three from 0 to 2"):
        three_bands(cube(3), (0, 3, 1))


@pytest.mark.parametrize("nm", [None, (400, 700), (500, 1000), (600, 1000)])
def test_pictures_of_a_series_have_the_tone_of_its_first_frame(
    nm: tuple[int, int] | None, rng: np.random.Generator
) -> None:
    first = rng.uniform(0.1, 0.5, (31, 20, 30)).astype(np.float32)
    data = np.stack([first, first / 2, first[:, ::-1]], axis=1)  # channels, time
    wavelengths = None if nm is None else np.linspace(*nm, 31)
    source = ImageSource.from_array(data, axes="CTYX", wavelengths=wavelengths)
    found = previews(source)
    assert (found.shape, found.dtype) == ((3, 20, 30, 3), np.uint8)
    alone, darker, turned = (np.asarray(found[t]) for t in range(3))
    np.testing.assert_array_equal(alone, preview(source, plane=(0,)))
    np.testing.assert_array_equal(turned, alone[::-1])
    assert darker.mean() < 0.8 * alone.mean()
    lit = preview(source, plane=(1,))  # with its own tone
    assert np.abs(lit.astype(int) - alone).max() <= 1
    tone = Tone.fit(source)
    np.testing.assert_array_equal(darker, preview(source, plane=(1,), tone=tone))

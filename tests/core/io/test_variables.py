from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ood_seg.core.errors import FileFormatError, ImageError
from napari_ood_seg.core.io.variables import (
    Arrays,
    axes_with,
    choose,
    image_of,
    images_among,
    is_wavelengths,
)

PATH = Path("a.mat")


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        ({"cube": (9, 8, 5), "other": (9, 8, 5)}, ("cube",)),
        ({"X": (9, 8, 5), "gt": (9, 8), "wl": (1, 5), "n": (1, 1)}, ("X",)),
        ({"X": (9, 8, 5), "Y": (2, 9, 8, 5)}, ("X", "Y")),
        ({"gt": (9, 8), "wl": (1, 5)}, ("gt",)),
        ({"a": (9, 8), "b": (9, 8)}, ("a", "b")),
        ({"wl": (1, 5)}, ("wl",)),
        ({"wl": (1, 5), "n": ()}, ()),
        ({}, ()),
    ],
)
def test_images_among(
    shapes: dict[str, tuple[int, ...]], expected: tuple[str, ...]
) -> None:
    assert images_among(shapes) == expected


def test_choose() -> None:
    shapes = {"X": (9, 8, 5), "Y": (9, 8, 5), "z": (1, 5)}
    assert choose(shapes, PATH, "z") == "z"
    listed = r"X \(9 x 8 x 5\), Y \(9 x 8 x 5\), z \(1 x 5\)"
    with pytest.raises(ImageError, match=rf"no array 'x': choose one of {listed}"):
        choose(shapes, PATH, "x")
    with pytest.raises(
        ImageError, match=rf"arrays {listed}: .*--variable NAME or open"
    ):
        choose(shapes, PATH, None)
    with pytest.raises(ImageError, match="holds the arrays none"):
        choose({}, PATH, None)
    many = {f"a{i}\n": (9, 8, 5) for i in range(40)}
    with pytest.raises(ImageError, match=r"'a11\\n' \(9 x 8 x 5\), 28 more") as error:
        choose(many, PATH, None)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *((n, True) for n in ("wavelength", "Wavelengths", "wave_length", "lambda")),
        *((n, True) for n in ("bands", "WL", "wvl", "wavelengths_nm", "lambdas")),
        *((n, False) for n in ("wave", "awl", "bands_used", "lambda1", "x", "")),
    ],
)
def test_is_wavelengths(name: str, expected: bool) -> None:
    assert is_wavelengths(name) == expected


@pytest.mark.parametrize(
    ("shape", "lengths", "axes"),
    [
        ((40, 30, 7), [7], "YXC"),
        ((7, 40, 30), [7], "CYX"),
        ((40, 7, 30), [7], "YCX"),
        ((40, 30, 70), [70], "YXC"),
        ((30, 30, 30), [30], "YXC"),
        ((40, 30, 3), [3], "YXC"),
        ((40, 30, 7), [9], "YXC"),
        ((5, 40, 30, 7), [7], "ZYXC"),
        ((5, 40, 7, 30), [7], "ZYCX"),
        ((40, 30), [30], "YX"),
    ],
)
def test_axes_with(shape: tuple[int, ...], lengths: list[int], axes: str) -> None:
    assert axes_with(shape, lengths) == axes


def image(arrays: dict[str, Any], **options: Any) -> Any:
    shapes = {name: np.shape(a) for name, a in arrays.items()}
    named = {name: np.asarray(a) for name, a in arrays.items()}
    how = {"axes": None, "variable": None, **options}
    return image_of(Arrays(shapes, named.__getitem__), PATH, **how)


CUBE = np.random.default_rng(0).random((9, 8, 4))


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        ({"wavelengths": [500, 600, 700, 800]}, (500, 600, 700, 800)),
        ({"wl": [[0.5], [0.6], [0.7], [0.8]]}, (500, 600, 700, 800)),
        ({"bands": [1, 2, 3, 4]}, None),  # counted
        ({"bands": [0, 1, 2, 3]}, None),
        ({"bands": [10, 20]}, None),  # of other things
        ({"lambda": [0.0, 0.1, 0.2, 0.3]}, None),
        ({"lambda": [5, 7, 6, 9]}, None),
        ({"lambda": 0.1}, None),
        (
            {"bands": [450, 460, 470, 480], "wavelength": [500, 600, 700, 800]},
            (500, 600, 700, 800),
        ),
    ],
)
def test_wavelengths(lists: dict[str, Any], expected: tuple[float, ...] | None) -> None:
    source = image({"X": CUBE, **lists})
    assert source.wavelengths == (None if expected is None else pytest.approx(expected))
    assert (source.axes, source.name) == ("YXC", "a.mat")
    assert source.rgb == (expected is None)  # four channels are colours if unnamed
    np.testing.assert_array_equal(source.levels[0], CUBE)


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ([500, 600, 700], "3 values in 'wavelengths' for 4 bands"),
        ([500, 600, 700, -1], "a band is at -1.0 nm"),
        ([500, 600, np.nan, 700], "a band is at nan nm"),
    ],
)
def test_wrong_wavelengths(values: list[float], sentence: str) -> None:
    with pytest.raises(FileFormatError, match=rf"'a.mat' .*{sentence}"):
        image({"X": CUBE, "wavelengths": values})


def test_of_several_the_name_says_which() -> None:
    source = image({"X": CUBE, "Y": CUBE + 1}, variable="Y")
    assert source.name == "a.mat Y"
    np.testing.assert_array_equal(source.levels[0], CUBE + 1)

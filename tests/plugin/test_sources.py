from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image

from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import ImageError
from napari_ood_seg.plugin.sources import Sources, describe


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (ImageSource.from_array(np.zeros((20, 30))), "20 x 30, 1 channel"),
        (ImageSource.from_array(np.zeros((20, 30, 3))), "20 x 30, colour"),
        (
            ImageSource.from_array(
                np.zeros((3, 20, 30)), axes="CYX", wavelengths=(500.0, 600.0, 700.4)
            ),
            "20 x 30, 3 channels, 500-700 nm",
        ),
        (
            ImageSource.from_array(
                np.zeros((2, 7, 20, 30)),
                axes="TZYX",
                pixel_size=(0.5, 0.5),
                unit="micrometer",
            ),
            "20 x 30, 1 channel, T 2, Z 7, 0.5 micrometer per pixel",
        ),
    ],
)
def test_describe(source: ImageSource, words: str) -> None:
    assert describe(source) == words


@pytest.fixture
def stack() -> Image:
    return Image(np.zeros((5, 6, 7), np.uint8))


def test_a_layer_is_read_once(stack: Image) -> None:
    sources = Sources()
    source = sources.of(stack)
    assert sources.of(stack) is source
    assert sources.of(stack, source.axes) is source
    assert sources.layer_of(source) is stack


def test_other_axes_are_another_image(stack: Image) -> None:
    sources = Sources()
    before, after = sources.of(stack, "CYX"), sources.of(stack, "ZYX")
    assert (before.n_channels, after.n_channels) == (5, 1)
    assert sources.of(stack) is after
    assert sources.layer_of(before) is None


def test_axes_that_do_not_fit_change_nothing(stack: Image) -> None:
    sources = Sources()
    before = sources.of(stack, "CYX")
    with pytest.raises(ImageError):
        sources.of(stack, "TZCYX")
    assert sources.of(stack) is before
    assert list(sources.readable([stack])) == [before]


def test_replaced_data_keep_their_axes_if_they_can(stack: Image) -> None:
    sources = Sources()
    before = sources.of(stack, "TYX")
    stack.data = np.zeros((4, 8, 9), np.uint8)
    assert sources.renew(stack) == "TYX"
    assert sources.of(stack).plane_axes == "T"
    assert sources.of(stack) is not before
    stack.data = np.zeros((8, 9), np.uint8)
    assert sources.renew(stack) is None
    assert sources.of(stack).axes == "YX"


def test_forgotten(stack: Image) -> None:
    sources = Sources()
    source = sources.of(stack)
    sources.forget(stack)
    assert sources.layer_of(source) is None

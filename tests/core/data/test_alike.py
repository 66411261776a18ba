from __future__ import annotations

import numpy as np
import pytest

from napari_ood_seg.core.data.alike import (
    joined,
    may_join,
    same_view,
    with_bands_at,
)
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import ImageError, ModelMismatchError


def image(*nm: float, n: int = 0, name: str = "image") -> ImageSource:
    """Return an image with bands at some wavelengths, or with `n` unknown ones."""
    data = np.arange(12.0 * (n or len(nm))).reshape(-1, 3, 4)
    return ImageSource.from_array(data, axes="CYX", name=name, wavelengths=nm or None)


FEW = image(500, 520, 540, name="few")
MANY = image(500, 510, 520, 530, 540, name="many")
LONG = image(500, 520, 540, 560, 580, name="long")
NEAR = image(500.04, 519.95, 540, name="near")
FAR = image(700, 720, 740, name="far")
BLIND = image(n=3, name="blind")


def test_bands_of_another() -> None:
    for same in (FEW, NEAR, BLIND):
        assert with_bands_at(same, FEW.wavelengths, 3) is same
    found = with_bands_at(MANY, FEW.wavelengths, 3)
    whole = slice(0, 3), slice(0, 4)
    np.testing.assert_array_equal(found.read(*whole), MANY.read(*whole)[::2])
    with pytest.raises(ImageError, match="3 of 3 bands from 500 to 540 nm cannot"):
        with_bands_at(FAR, FEW.wavelengths, 3)
    with pytest.raises(ModelMismatchError, match="'blind' has 3 channels instead of 5"):
        with_bands_at(BLIND, None, 5)


@pytest.mark.parametrize(
    ("sources", "names", "n"),
    [
        ([FEW], "", 3),
        ([FEW, NEAR, BLIND], "", 3),
        ([FEW, MANY], "many", 3),
        ([MANY, FEW], "few", 5),
        ([LONG, FEW], "long", 3),
        ([LONG, MANY, FEW], "long few", 5),
        ([BLIND, MANY, FEW], "many", 3),
    ],
)
def test_bands_of_the_first_that_all_can_have(
    sources: list[ImageSource], names: str, n: int
) -> None:
    found = joined(sources)
    changed = [b.name for b, a in zip(sources, found, strict=True) if b is not a]
    assert changed == names.split()
    assert {s.n_channels for s in found} == {n}


def test_preferred_bands() -> None:
    assert joined([MANY, FEW], preferred=[FEW])[1] is FEW
    assert joined([FEW, LONG], preferred=[LONG])[0] is FEW  # nothing is extrapolated


@pytest.mark.parametrize(
    ("sources", "said"),
    [
        (
            [MANY, BLIND],
            "'many' has 5 channels, 'blind' 3: train on alike ones",
        ),
        (
            [FEW, MANY, FAR],
            (
                "'few' and 'far' have other wavelengths, and neither can be resampled "
                "to those of the other: train on one of them"
            ),
        ),
    ],
)
def test_images_that_have_nothing_in_common(
    sources: list[ImageSource], said: str
) -> None:
    with pytest.raises(ModelMismatchError) as caught:
        joined(sources)
    assert str(caught.value) == f"the images differ: {said}"


def test_may_join() -> None:
    assert may_join(FEW, LONG)
    assert may_join(LONG, FEW)
    assert not may_join(FEW, FAR)
    assert not may_join(BLIND, MANY)


def test_views_of_one_image() -> None:
    view = MANY.resampled((500, 520))
    assert same_view(MANY, MANY)
    assert not same_view(MANY, view)
    assert same_view(view, MANY.resampled((500, 520.05)))
    assert not same_view(view, MANY.resampled((500, 530)))

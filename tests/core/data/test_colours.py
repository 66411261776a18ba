from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from skimage import color

from napari_ood_seg.core.data import colours
from napari_ood_seg.core.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

skimage_color: Any = color  # untyped
EVERY_10 = tuple(range(380, 781, 10))
UNEVEN: tuple[float, ...] = (
    380.0,
    398.0,
    412.0,
    433.0,
    447.0,
    470.0,
    481.0,
    505.0,
    530.0,
    538.0,
)
UNEVEN += (561.0, 575.0, 600.0, 622.0, 650.0, 680.0, 701.0, 730.0, 760.0, 780.0)


def chromaticity(xyz: Floats) -> Floats:
    shares: Floats = (xyz / xyz.sum(0))[:2]
    return shares


def by_hand(spectrum: Floats, bands: Sequence[float]) -> Floats:
    """Return X, Y, Z by a sum over every nanometre, in a loop."""
    observer = colours.standard_observer()
    out = np.zeros(3)
    for nm, response in zip(observer.wavelengths, observer.response.T, strict=True):
        out += response * np.interp(nm, bands, spectrum)
    return out


def test_white_has_the_chromaticity_that_cie_publishes() -> None:
    white = colours.standard_observer().white
    np.testing.assert_allclose(chromaticity(white), [0.31272, 0.32903], atol=1e-4)
    assert white[1] == pytest.approx(1)


@pytest.mark.parametrize("bands", [EVERY_10, UNEVEN, EVERY_10[::-1]])
def test_a_perfect_white_is_white(bands: Sequence[float]) -> None:
    found = colours.srgb(np.ones(len(bands)), bands)
    np.testing.assert_allclose(found, 1, atol=1e-12)
    grey = colours.srgb(np.full(len(bands), 0.2140411), bands)
    np.testing.assert_allclose(grey, 0.5, atol=1e-6)


@pytest.mark.parametrize("bands", [EVERY_10, UNEVEN])
def test_colours_are_those_of_a_sum_over_every_nanometre(bands: Any) -> None:
    spectra = np.random.default_rng(0).random((len(bands), 6))
    found = colours.xyz(spectra, bands)
    for one, spectrum in zip(found.T, spectra.T, strict=True):
        np.testing.assert_allclose(one, by_hand(spectrum, bands), rtol=1e-10)
    linear = np.moveaxis(found, 0, -1)
    np.testing.assert_allclose(
        colours.srgb(spectra, bands).T, skimage_color.xyz2rgb(linear), atol=2e-3
    )


def test_a_band_counts_by_the_distance_to_its_neighbours() -> None:
    even = tuple(range(380, 781, 5))
    dense = tuple(sorted({*even, *range(560, 600)}))
    curve = np.interp(dense, [380, 780], [0.2, 0.9])  # a straight line
    np.testing.assert_allclose(
        colours.xyz(curve, dense),
        colours.xyz(np.interp(even, [380, 780], [0.2, 0.9]), even),
        rtol=1e-12,
    )


def test_the_invisible_has_no_colour() -> None:
    bands = (300.0, 340.0, *EVERY_10, 800.0, 900.0, 1000.0)
    spectra = np.random.default_rng(0).random((len(bands), 4))
    inside = colours.srgb(spectra[2:-3], EVERY_10)
    np.testing.assert_allclose(colours.srgb(spectra, bands), inside, atol=1e-12)


@pytest.mark.parametrize(
    ("centre", "name"), [(460, "blue"), (535, "green"), (640, "red")]
)
def test_a_narrow_line_has_the_colour_that_it_looks(centre: float, name: str) -> None:
    line = np.exp(-(((np.array(EVERY_10) - centre) / 15) ** 2))
    found = colours.srgb(line, EVERY_10)
    assert ("red", "green", "blue")[int(found.argmax())] == name


def test_too_little_of_the_visible_is_one_clear_error() -> None:
    tivita = tuple(range(500, 996, 5))
    with pytest.raises(ImageError) as caught:
        colours.srgb(np.ones(len(tivita)), tivita)
    assert str(caught.value) == (
        "bands from 500 to 995 nm cover 4% of what the eye sees: a colour picture "
        "needs 50%, with bands at most 40 nm apart"
    )


@pytest.mark.parametrize(
    ("bands", "enough"),
    [
        (range(450, 951, 4), True),
        (range(470, 901, 5), False),
        (range(400, 701, 40), True),
        (range(400, 701, 50), False),
        ((400, *range(700, 1001, 10)), False),
        ((550,), False),
    ],
)
def test_how_much_must_be_covered(bands: Sequence[float], enough: bool) -> None:
    assert (colours.cover(tuple(bands)) >= colours.LEAST_COVER) == enough

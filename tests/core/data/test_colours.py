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
TIVITA = tuple(range(500, 996, 5))


def chromaticity(xyz: Floats) -> Floats:
    shares: Floats = (xyz / xyz.sum(0))[:2]
    return shares


def by_hand(spectrum: Floats, bands: Sequence[float]) -> Floats:
    """Return X, Y, Z by a sum over every nanometre, in a loop.

    What is beyond the bands is as the last one.
    """
    observer = colours.standard_observer()
    out = np.zeros(3)
    for nm, response in zip(observer.wavelengths, observer.response.T, strict=True):
        out += response * np.interp(nm, bands, spectrum)
    return out


def test_white_has_the_chromaticity_that_cie_publishes() -> None:
    white = colours.standard_observer().white
    np.testing.assert_allclose(chromaticity(white), [0.31272, 0.32903], atol=1e-4)
    assert white[1] == pytest.approx(1)


@pytest.mark.parametrize("bands", [EVERY_10, UNEVEN, EVERY_10[::-1], TIVITA])
def test_a_perfect_white_is_white(bands: Sequence[float]) -> None:
    found = colours.srgb(np.ones(len(bands)), bands)
    np.testing.assert_allclose(found, 1, atol=1e-12)
    grey = colours.srgb(np.full(len(bands), 0.2140411), bands)
    np.testing.assert_allclose(grey, 0.5, atol=1e-6)


@pytest.mark.parametrize("bands", [EVERY_10, UNEVEN, UNEVEN[7:], TIVITA])
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


def test_the_first_band_stands_for_what_is_below_it() -> None:
    below = tuple(range(380, 500, 5))
    spectra = np.random.default_rng(0).random((len(TIVITA), 4))
    whole = np.concatenate([np.repeat(spectra[:1], len(below), 0), spectra])
    found = colours.xyz(spectra, TIVITA)
    np.testing.assert_allclose(found, colours.xyz(whole, (*below, *TIVITA)), rtol=1e-12)
    share = colours.xyz_weights(TIVITA)[2, 0] / colours.standard_observer().white[2]
    assert share == pytest.approx(0.97, abs=0.01)


def test_what_tissue_and_drapes_look_like_without_the_blue() -> None:
    grey = np.full(len(TIVITA), 0.4)
    red = np.interp(TIVITA, [500, 590, 620, 995], [0.04, 0.05, 0.3, 0.6])
    green = np.interp(TIVITA, [500, 525, 560, 995], [0.1, 0.25, 0.05, 0.05])
    r, g, b = colours.srgb(np.stack([grey, red, green], 1), TIVITA)
    np.testing.assert_allclose([r[0], g[0], b[0]], colours.encoded(np.array(0.4)))
    assert r[1] > 1.5 * max(g[1], b[1])
    assert g[2] > max(r[2], b[2])


def test_too_little_of_the_visible_is_one_clear_error() -> None:
    bands = tuple(range(600, 1001, 5))
    with pytest.raises(ImageError) as caught:
        colours.srgb(np.ones(len(bands)), bands)
    assert str(caught.value) == (
        "bands from 600 to 1000 nm cover 16% of what the eye sees: a colour picture "
        "needs 50%, with bands at most 40 nm apart"
    )


@pytest.mark.parametrize(
    ("bands", "enough"),
    [
        (range(450, 951, 4), True),
        (TIVITA, True),
        (range(550, 901, 5), True),
        (range(560, 901, 5), False),
        (range(400, 591, 5), True),
        (range(400, 581, 5), False),
        (range(400, 701, 40), True),
        (range(400, 701, 50), False),
        ((400, *range(700, 1001, 10)), False),
        ((550,), False),
    ],
)
def test_how_much_must_be_covered(bands: Sequence[float], enough: bool) -> None:
    assert (colours.cover(tuple(bands)) >= colours.LEAST_COVER) == enough

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_ood_seg.core.data import spectra
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.data.spectra import (
    StrokeSpectra,
    Sums,
    band_axis,
    band_mean,
    normalised,
    read_pixels,
    spectra_of,
    spectrum_of,
)
from napari_ood_seg.core.errors import ImageError

if TYPE_CHECKING:
    import numpy.typing as npt

SHAPE = (3, 70, 90, 5)


class Counting:
    """An array that counts how many values are read from it."""

    def __init__(self, data: npt.NDArray[np.float32]) -> None:
        self.data, self.shape, self.dtype = data, data.shape, data.dtype
        self.values = 0

    def __getitem__(self, index: Any) -> npt.NDArray[np.float32]:
        out: npt.NDArray[np.float32] = self.data[index]
        self.values += out.size
        return out


@pytest.fixture
def array(rng: np.random.Generator) -> Counting:
    return Counting(rng.random(SHAPE, dtype=np.float32) + 0.1)


@pytest.fixture
def source(array: Counting) -> ImageSource:
    return ImageSource.from_array(array, axes="TYXC", rgb=False)


def wavy(rng: np.random.Generator, n: int) -> npt.NDArray[np.int32]:
    """Return `n` different pixels in no order."""
    flat = rng.choice(SHAPE[1] * SHAPE[2], n, replace=False)
    return np.stack(np.divmod(flat, SHAPE[2]), axis=1).astype(np.int32)


def test_pixels_are_those_of_the_image(
    source: ImageSource, array: Counting, rng: np.random.Generator
) -> None:
    coords = wavy(rng, 200)
    found = read_pixels(source, coords, plane=(1,))
    rows, columns = coords.T
    expected = array.data[1, rows, columns]
    np.testing.assert_allclose(sorted(found.tolist()), sorted(expected.tolist()))


def test_one_pixel_reads_one_pixel(source: ImageSource, array: Counting) -> None:
    found = read_pixels(source, [(40, 7)], plane=(2,))
    np.testing.assert_allclose(found, array.data[2, 40:41, 7])
    assert array.values == SHAPE[3]


def test_a_long_stroke_reads_what_it_covers(
    source: ImageSource, array: Counting
) -> None:
    line = np.stack([np.full(90, 5), np.arange(90)], axis=1)
    assert len(read_pixels(source, line)) == 90
    assert array.values == 90 * SHAPE[3]


def test_of_very_large_strokes_a_part_is_read(
    source: ImageSource, array: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spectra, "_BLOCKS", 3)
    everything = np.argwhere(np.ones(SHAPE[1:3], bool))
    found = read_pixels(source, everything)
    assert len(found) <= 3 * 32 * 32
    assert array.values == found.size


def test_no_pixel_is_no_spectrum(source: ImageSource) -> None:
    assert read_pixels(source, np.zeros((0, 2))).shape == (0, SHAPE[3])
    raw, shape = spectra_of(source, [np.zeros((0, 2), np.int32)])
    assert raw.n == shape.n == 0
    assert np.isnan(raw.mean).all()


def test_mean_and_spread_are_those_of_all_pixels(rng: np.random.Generator) -> None:
    pixels = rng.normal(5.0, 2.0, (60, 4))
    parts = [Sums.of(p) for p in np.split(pixels, [7, 30])]
    found = spectrum_of(parts)
    np.testing.assert_allclose(found.mean, pixels.mean(axis=0))
    np.testing.assert_allclose(found.spread, pixels.std(axis=0))
    assert found.n == 60


def test_what_is_not_finite_counts_for_nothing() -> None:
    pixels = np.array([[1.0, 2.0], [np.inf, 1.0], [3.0, 4.0]])
    found = spectrum_of([Sums.of(pixels)])
    np.testing.assert_allclose(found.mean, [2.0, 3.0])
    assert found.n == 2


def test_shapes_do_not_know_the_light(rng: np.random.Generator) -> None:
    pixels = rng.random((30, 6)) + 0.1
    light = rng.uniform(0.2, 5.0, (30, 1))
    np.testing.assert_allclose(normalised(light * pixels), normalised(pixels))
    np.testing.assert_allclose(normalised(pixels).mean(axis=1), 1.0)


def test_classes_are_measured_on_all_planes(
    source: ImageSource, array: Counting, rng: np.random.Generator
) -> None:
    first, second = wavy(rng, 40), wavy(rng, 30)
    scribbles = Scribbles((SHAPE[1], SHAPE[2]))
    scribbles = scribbles.add(1, first, plane=(0,)).add(1, second, plane=(2,))
    scribbles = scribbles.add(4, first, plane=(1,))
    found = StrokeSpectra().of(source, scribbles.strokes)
    ones = np.concatenate(
        [array.data[0][tuple(first.T)], array.data[2][tuple(second.T)]]
    )
    np.testing.assert_allclose(found[1][0].mean, ones.mean(axis=0), rtol=1e-5)
    np.testing.assert_allclose(found[1][0].spread, ones.std(axis=0), rtol=1e-4)
    shapes = array.data[1][tuple(first.T)].astype(float)
    shapes /= shapes.mean(axis=1, keepdims=True)
    np.testing.assert_allclose(found[4][1].mean, shapes.mean(axis=0), rtol=1e-5)
    assert (found[1][0].n, found[4][0].n) == (70, 40)


def test_a_stroke_is_read_once(
    source: ImageSource, array: Counting, rng: np.random.Generator
) -> None:
    known = StrokeSpectra()
    before = Scribbles((SHAPE[1], SHAPE[2])).add(1, wavy(rng, 50), plane=(0,))
    known.of(source, before.strokes)
    after = before.add(2, [(3, 3)], plane=(1,))
    array.values = 0
    found = known.of(source, after.strokes)
    assert array.values == SHAPE[3]
    assert set(found) == {1, 2}
    assert set(known.of(source, before.strokes)) == {1}


def test_another_image_is_measured_anew(source: ImageSource) -> None:
    other = ImageSource.from_array(np.ones(SHAPE, np.float32), axes="TYXC", rgb=False)
    strokes = Scribbles((SHAPE[1], SHAPE[2])).add(1, [(0, 0)], plane=(0,)).strokes
    known = StrokeSpectra()
    known.of(source, strokes)
    np.testing.assert_allclose(known.of(other, strokes)[1][0].mean, 1.0)


def test_map_is_the_mean_of_its_bands(
    source: ImageSource, array: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spectra, "_ROWS", 1000)  # several reads
    found = band_mean(source, 1, 3, plane=(2,))
    np.testing.assert_allclose(found, array.data[2, ..., 1:4].mean(-1), rtol=1e-6)
    assert array.values == SHAPE[1] * SHAPE[2] * 3


def test_map_of_a_large_image_is_thinned(
    source: ImageSource, array: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spectra, "_MAP", SHAPE[1] * SHAPE[2] // 4)
    found = band_mean(source, 0, 0)
    np.testing.assert_allclose(found, array.data[0, ::2, ::2, 0])


@pytest.mark.parametrize("bands", [(-1, 2), (3, 2), (2, 5)])
def test_bands_that_are_not_there(source: ImageSource, bands: tuple[int, int]) -> None:
    with pytest.raises(ImageError, match="the image has 5"):
        band_mean(source, *bands)


def test_axis_is_in_nm_where_that_is_known() -> None:
    nm = (500.0, 600.0)
    cube = np.zeros((4, 4, 2))
    source = ImageSource.from_array(cube, axes="YXC", wavelengths=nm)
    bands, label = band_axis(source)
    assert (tuple(bands), label) == (nm, "wavelength (nm)")

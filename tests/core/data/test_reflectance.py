from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from dask import array as dask_array
from dask.callbacks import Callback

import napari_ood_seg.core.data.reflectance as reflectance_module
from napari_ood_seg.core.data.reflectance import bridged, corrected, reflectance
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import ImageError

if TYPE_CHECKING:
    import numpy.typing as npt

nan, inf = np.nan, np.inf
H, W, C = 6, 5, 4
RNG = np.random.default_rng(0)
RAW = RNG.integers(100, 3000, (H, W, C)).astype(np.uint16)
WHITE = RNG.integers(3000, 4000, (H, W, C)).astype(np.uint16)
DARK = RNG.integers(0, 90, (H, W, C)).astype(np.uint16)


def image(data: Any, axes: str = "YXC", **facts: Any) -> ImageSource:
    return ImageSource.from_array(data, axes=axes, rgb=False, **facts)


def whole(source: ImageSource, plane: tuple[int, ...] = ()) -> Any:
    rows, columns = slice(0, source.height), slice(0, source.width)
    return source.read(rows, columns, plane=plane)


def one_by_one(white: Any = WHITE, dark: Any = DARK) -> npt.NDArray[np.float64]:
    """Return the reflectance `(c, h, w)` of `RAW` in plain Python."""
    out = np.zeros((C, H, W))
    for y, x, c in np.ndindex(H, W, C):
        w, d = (float(np.broadcast_to(v, RAW.shape)[y, x, c]) for v in (white, dark))
        out[c, y, x] = min(max((float(RAW[y, x, c]) - d) / (w - d), 0.0), 2.0)
    return out


def test_by_hand() -> None:
    raw = np.array([[100, 600, 1100], [90, 5000, 350]], np.uint16)
    white = np.array([1100, 1100, 600], np.uint16)
    dark = np.array([100, 100, 100], np.uint16)
    expected = [[0, 0.5, 2], [0, 2, 0.5]]
    np.testing.assert_allclose(reflectance(raw, white, dark), expected)
    assert reflectance(raw, white, dark).dtype == np.float32
    assert reflectance(raw, white, dark, ceiling=1.0)[0, 2] == 1
    np.testing.assert_allclose(reflectance([5], [10]), [0.5])


@pytest.mark.parametrize(
    ("raw", "white", "dark"),
    [(5, 10, 10), (5, 9, 10), (5, 0, 0), (nan, 10, 0), (5, nan, 0), (inf, 10, 0)],
)
def test_dead(raw: float, white: float, dark: float) -> None:
    assert np.isnan(reflectance([raw], [white], [dark])).all()


@pytest.mark.parametrize("axis", [0, 1, -1])
def test_bridged(axis: int) -> None:
    spectra = np.array([
        [1, 2, 3, 4, 5],
        [nan, 2, nan, nan, 8],
        [nan, nan, 7, nan, nan],
        [nan, nan, nan, nan, nan],
    ])  # fmt: skip
    expected = np.array([
        [1, 2, 3, 4, 5],
        [2, 2, 4, 6, 8],
        [7, 7, 7, 7, 7],
        [nan, nan, nan, nan, nan],
    ])  # fmt: skip
    turned = bridged(np.moveaxis(spectra, -1, axis), axis=axis)
    np.testing.assert_allclose(np.moveaxis(turned, axis, -1), expected)


def test_bridged_is_interpolation() -> None:
    spectra = np.where(RNG.random((50, 12)) < 0.4, nan, RNG.random((50, 12)))
    spectra[:, 3] = 0.5  # one is known
    known = np.isfinite(spectra)
    band = np.arange(12)
    expected = [
        np.interp(band, band[k], s[k]) for s, k in zip(spectra, known, strict=True)
    ]
    np.testing.assert_allclose(bridged(spectra), expected, rtol=1e-5)


@pytest.mark.parametrize("axes", ["YXC", "YCX", "CYX", "TYXC", "CTYX"])
@pytest.mark.parametrize("lazy", [False, True])
def test_of_an_image(axes: str, lazy: bool) -> None:
    data = RAW.transpose(["YXC".index(a) for a in axes if a != "T"])
    if "T" in axes:
        data = np.stack([data, data * 0], axis=axes.index("T"))
    chunked: Any = dask_array.from_array  # untyped
    nm = (500.0, 600.0, 700.0, 800.0)
    source = image(
        chunked(data, chunks=2) if lazy else data, axes, wavelengths=nm, name="it"
    )
    found = corrected(source, image(WHITE), image(DARK.transpose(2, 0, 1), "CYX"))
    assert (found.axes, found.wavelengths, found.name) == (axes, nm, "it")
    assert found.levels[0].dtype == np.float32
    np.testing.assert_allclose(whole(found), one_by_one(), rtol=1e-5)
    part = found.read(slice(1, 3), slice(2, 5))
    np.testing.assert_allclose(part, one_by_one()[:, 1:3, 2:5], rtol=1e-5)
    if "T" in axes:
        assert (whole(found, (1,)) == 0).all()


def test_lines_of_a_push_broom_camera_and_one_pixel() -> None:
    line = WHITE[:3].mean(axis=0, keepdims=True)
    found = corrected(image(RAW), image(WHITE[:3]), image(DARK[:1, :1]))
    np.testing.assert_allclose(whole(found), one_by_one(line, DARK[:1, :1]), rtol=1e-5)


def test_nobody_who_watches_dask_is_told() -> None:
    """See the test of the same name in test_source."""
    counts = image(dask_array.from_array(RAW, chunks=2))
    found = corrected(counts, white=image(WHITE), dark=image(DARK))
    told: list[Any] = []
    with Callback(pretask=lambda key, *_: told.append(key)):
        read = whole(found)
    np.testing.assert_allclose(read, one_by_one(), rtol=1e-5)
    assert not told


def test_without_dark() -> None:
    found = corrected(image(RAW), image(WHITE))
    np.testing.assert_allclose(whole(found), one_by_one(dark=0), rtol=1e-5)


def test_grey_images() -> None:
    found = corrected(
        image(RAW[..., 0], "YX"), image(WHITE[..., 0], "YX"), image(DARK[..., 0], "YX")
    )
    np.testing.assert_allclose(whole(found), one_by_one()[:1], rtol=1e-5)


def test_a_dead_pixel_is_bridged() -> None:
    white = WHITE.copy()
    white[:, 2, 1] = 0
    found = whole(corrected(image(RAW), image(white), image(DARK)))
    expected = one_by_one()
    expected[1, :, 2] = (expected[0, :, 2] + expected[2, :, 2]) / 2
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_bands_that_are_not_used() -> None:
    source = image(RAW, wavelengths=(1, 2, 3, 4)).with_bands([True, False, True, True])
    found = corrected(source, image(WHITE), image(DARK))
    assert (found.bands, found.wavelengths) == ((0, 2, 3), (1, 3, 4))
    np.testing.assert_allclose(whole(found), one_by_one()[[0, 2, 3]], rtol=1e-5)


class Counted:
    """An array that knows how much of it was read."""

    def __init__(self, data: Any) -> None:
        self._data = data
        self.shape, self.dtype, self.ndim = data.shape, data.dtype, data.ndim
        self.n_read = 0

    def __getitem__(self, index: Any) -> Any:
        part = self._data[index]
        self.n_read += part.size
        return part


def test_only_what_is_looked_at_is_read() -> None:
    data = Counted(np.broadcast_to(RAW[:1, :1], (3000, 3000, C)))
    found = corrected(image(data), image(WHITE[:1, :1]), image(DARK[:1, :1]))
    assert data.n_read == 0
    part = found.read(slice(700, 710), slice(300, 310))
    assert data.n_read == 10 * 10 * C
    np.testing.assert_allclose(
        part[:, 0, 0], reflectance(RAW[0, 0], WHITE[0, 0], DARK[0, 0])
    )


@pytest.mark.parametrize("axes", ["YXC", "CYX"])
@pytest.mark.parametrize("at_once", [2**22, 12, 1])
@pytest.mark.parametrize(
    "key",
    [
        np.s_[:],
        np.s_[2],
        np.s_[-1],
        np.s_[1:4, 2, :],
        np.s_[::2, 1::3],
        np.s_[..., 0],
        np.s_[3:3],
    ],
    ids=str,
)
def test_it_is_indexed_as_numpy_is(
    axes: str, at_once: int, key: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reflectance_module, "_AT_ONCE", at_once)
    white = WHITE.copy()
    white[:, 2, 1] = 0  # dead: bridged by bands that nobody asks for
    order = ["YXC".index(a) for a in axes]
    raw = image(RAW.transpose(order), axes)
    found = corrected(raw, image(white), image(DARK)).levels[0]
    expected = bridged(reflectance(RAW, white, DARK)).transpose(order)
    np.testing.assert_array_equal(found[key], expected[key])


def test_an_index_beyond_the_end() -> None:
    found = corrected(image(RAW), image(WHITE)).levels[0]
    with pytest.raises(IndexError, match="index 6 is out of bounds"):
        found[6]


@pytest.mark.parametrize(
    ("white", "dark", "sentence"),
    [
        (WHITE[..., :3], DARK, "white reference 'image' has 3 bands, the image 4"),
        (WHITE, DARK[..., :3], "dark reference 'image' has 3 bands, the image 4"),
        (WHITE[:, :3], DARK, "has 6 x 3 pixels, the image 6 x 5"),
        (WHITE[:, :1], DARK, "has 6 x 1 pixels, the image 6 x 5"),
        (DARK, WHITE, "nowhere brighter than the dark"),
        (WHITE * 0, DARK * 0, "nowhere brighter than the dark"),
    ],
)
def test_references_that_do_not_fit(white: Any, dark: Any, sentence: str) -> None:
    with pytest.raises(ImageError, match=sentence):
        corrected(image(RAW), image(white), image(dark))

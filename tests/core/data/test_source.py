from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from dask import array as dask_array
from dask.callbacks import Callback

from napari_ood_seg.core.data.source import ImageSource, guess_axes
from napari_ood_seg.core.errors import ImageError

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

from_dask: Any = dask_array.from_array  # untyped
H, W, C = 7, 9, 5
CUBE = np.arange(C * H * W, dtype=np.float32).reshape(C, H, W)
ROWS, COLUMNS = slice(2, 6), slice(1, 8)
REGION = CUBE[:, ROWS, COLUMNS]


def arranged(axes: str) -> npt.NDArray[np.float32]:
    """Return an image of these axes whose plane 0 is `CUBE`; other planes differ."""
    data, have = CUBE, "CYX"
    if "C" not in axes:
        data, have = CUBE[0], "YX"
    for axis, n in (("Z", 3), ("T", 2)):
        if axis in axes:
            data = np.stack([data + 1000 * i for i in range(n)])
            have = axis + have
    return data.transpose([have.index(a) for a in axes])


@pytest.mark.parametrize(
    "axes",
    ["YX", "CYX", "YXC", "YCX", "XYC", "ZYX", "ZCYX", "CZYX", "TZYXC", "TYX", "YXCZT"],
)
def test_any_order_of_axes_is_read_alike(axes: str) -> None:
    source = ImageSource.from_array(arranged(axes), axes=axes, rgb=False)
    expected = REGION if "C" in axes else REGION[:1]
    block = source.read(ROWS, COLUMNS)
    np.testing.assert_array_equal(block, expected)
    assert block.dtype == np.float32
    assert (source.height, source.width) == (H, W)
    assert source.n_channels == (C if "C" in axes else 1)


def test_nobody_who_watches_dask_is_told() -> None:
    """As napari's cache is, which two threads at once break."""
    source = ImageSource.from_array(from_dask(CUBE, chunks=3), axes="CYX")
    told: list[Any] = []
    with Callback(pretask=lambda key, *_: told.append(key)):
        read = source.read(ROWS, COLUMNS)
    np.testing.assert_array_equal(read, REGION)
    assert not told


def test_planes() -> None:
    source = ImageSource.from_array(arranged("TZYX"), axes="TZYX")
    assert source.plane_axes == "TZ"
    assert source.plane_shape == (2, 3)
    for plane, offset in (((), 0), ((1,), 1000), ((1, 2), 3000)):
        # stacked twice: 1000 per Z, then 1000 per T
        block = source.read(ROWS, COLUMNS, plane=plane)
        np.testing.assert_array_equal(block, REGION[:1] + offset)


def test_rgba_leaves_alpha_out() -> None:
    image = np.random.default_rng(0).integers(0, 255, (H, W, 4)).astype(np.uint8)
    source = ImageSource.from_array(image)
    assert source.rgb
    assert source.n_channels == 3
    block = source.read(slice(0, H), slice(0, W))
    np.testing.assert_array_equal(block, image[..., :3].transpose(2, 0, 1))
    four = ImageSource.from_array(image, axes="YXC", rgb=False)
    assert four.n_channels == 4


@pytest.mark.parametrize(
    "dtype", ["u1", "u2", "u4", "i2", "i8", "f2", "f8", "?", ">u2"]
)
def test_any_numeric_type_is_read_as_float32(dtype: str) -> None:
    image = (CUBE[0] % 2).astype(dtype)
    block = ImageSource.from_array(image).read(slice(0, H), slice(0, W))
    assert block.dtype == np.float32
    np.testing.assert_array_equal(block[0], CUBE[0] % 2)


def test_values_beyond_float32_are_infinite_and_nobody_warns() -> None:
    image = np.full((3, 3), np.finfo(np.float64).max)
    assert np.isinf(ImageSource.from_array(image).read(slice(0, 3), slice(0, 3))).all()


@pytest.mark.parametrize(
    "wrap",
    [
        pytest.param(lambda a: from_dask(a, chunks=3), id="dask"),
        pytest.param(lambda a: zarr.array(a), id="zarr"),
        pytest.param(lambda a: [a, a[:, ::2, ::2]], id="multiscale"),
    ],
)
def test_lazy_arrays(wrap: Callable[[Any], Any]) -> None:
    source = ImageSource.from_array(wrap(CUBE), axes="CYX")
    np.testing.assert_array_equal(source.read(ROWS, COLUMNS), REGION)
    assert (source.height, source.width, source.n_channels) == (H, W, C)


class Watched:
    """An array that remembers what was read of it."""

    shape, dtype = CUBE.shape, CUBE.dtype

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def __getitem__(self, index: Any) -> npt.NDArray[np.float32]:
        self.asked.append(index)
        out: npt.NDArray[np.float32] = CUBE[index]
        return out


def test_only_the_region_is_read() -> None:
    array = Watched()
    source = ImageSource.from_array(array, axes="CYX")
    assert array.asked == []
    source.read(ROWS, COLUMNS)
    assert array.asked == [(slice(0, C), ROWS, COLUMNS)]


class Broken(Watched):
    def __getitem__(self, index: Any) -> npt.NDArray[np.float32]:
        raise OSError("disk on fire")


def test_an_unreadable_file_is_one_sentence() -> None:
    source = ImageSource.from_array(Broken(), axes="CYX", name="slide")
    with pytest.raises(ImageError) as caught:
        source.read(ROWS, COLUMNS)
    assert str(caught.value) == "cannot read image 'slide': disk on fire"


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((480, 640), "YX"),
        ((480, 640, 3), "YXC"),
        ((480, 640, 4), "YXC"),
        ((3, 480, 640), "CYX"),
        ((2, 480, 640), "CYX"),
        ((480, 640, 2), "YXC"),
        ((480, 640, 200), "YXC"),
        ((200, 480, 640), "CYX"),
        ((9, 480, 640, 3), "ZYXC"),
        ((9, 3, 480, 640), "ZCYX"),
        ((5, 9, 3, 480, 640), "TZCYX"),
        ((5, 9, 480, 640, 3), "TZYXC"),
    ],
    ids=str,
)
def test_guessed_axes(shape: tuple[int, ...], axes: str) -> None:
    assert guess_axes(shape) == axes


def test_colour_may_be_told() -> None:
    assert guess_axes((100, 480, 3), rgb=False) == "YXC"
    assert guess_axes((3, 480, 4), rgb=False) == "CYX"
    assert guess_axes((3, 480, 640), rgb=True) == "YXC"


def with_shape(*shape: int) -> npt.NDArray[np.uint8]:
    return np.zeros(shape, np.uint8)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ImageSource.from_array(with_shape(0, 5)), "image is empty"),
        (lambda: ImageSource.from_array(with_shape(5, 0, 3)), "image is empty"),
        (lambda: ImageSource.from_array(with_shape(0, 5, 5), axes="CYX"), "is empty"),
        (lambda: ImageSource.from_array([]), "no resolution level"),
        (lambda: ImageSource.from_array(with_shape(5)), "needs 2 to 5 axes"),
        (lambda: ImageSource.from_array(with_shape(1, 1, 1, 1, 5, 5)), "2 to 5 axes"),
        (lambda: ImageSource.from_array(with_shape(5, 5), axes="YXC"), "do not fit"),
        (lambda: ImageSource.from_array(with_shape(5, 5), axes="YY"), "do not fit"),
        (lambda: ImageSource.from_array(with_shape(5, 5), axes="YC"), "do not fit"),
        (lambda: ImageSource.from_array(with_shape(5, 5), axes="YQ"), "do not fit"),
        (
            lambda: ImageSource.from_array(np.zeros((5, 5), complex)),
            "type complex128 are not supported: use integers, floats or booleans",
        ),
        (lambda: ImageSource.from_array(np.full((5, 5), "a")), "are not supported"),
        (
            lambda: ImageSource.from_array(CUBE, axes="CYX", wavelengths=(1.0, 2.0)),
            "2 wavelengths for 5 channels: give one per channel",
        ),
    ],
)
def test_one_clear_sentence(make: Callable[[], Any], message: str) -> None:
    with pytest.raises(ImageError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_one_pixel_is_an_image() -> None:
    source = ImageSource.from_array(np.full((1, 1), 7.0))
    assert source.read(slice(0, 1), slice(0, 1)).tolist() == [[[7.0]]]


def test_other_axes_keep_the_facts() -> None:
    source = ImageSource.from_array(
        with_shape(3, 8, 4), axes="CYX", name="a", pixel_size=(0.5, 0.25)
    )
    swapped = source.with_axes("yxc")
    assert (swapped.height, swapped.width, swapped.n_channels) == (3, 8, 4)
    assert (swapped.name, swapped.pixel_size) == ("a", (0.5, 0.25))
    assert not swapped.rgb


@pytest.mark.parametrize("axes", ["CYX", "YXC", "YCX", "TZYXC", "YXCZT", "TCZYX"])
@pytest.mark.parametrize("wrap", [np.asarray, from_dask])
def test_only_some_bands_are_used(axes: str, wrap: Callable[[Any], Any]) -> None:
    nm = (400.0, 500.0, 600.0, 700.0, 800.0)
    source = ImageSource.from_array(
        wrap(arranged(axes)),
        axes=axes,
        rgb=False,
        wavelengths=nm,
        channel_names=tuple("abcde"),
    )
    fewer = source.with_bands([False, True, True, False, True])
    assert (fewer.n_channels, fewer.bands) == (3, (1, 2, 4))
    assert fewer.wavelengths == (500.0, 600.0, 800.0)
    assert fewer.channel_names == ("b", "c", "e")
    np.testing.assert_array_equal(fewer.read(ROWS, COLUMNS), REGION[[1, 2, 4]])
    fewest = fewer.with_bands([True, False, True])
    assert (fewest.bands, fewest.wavelengths) == ((1, 4), (500.0, 800.0))
    np.testing.assert_array_equal(fewest.read(ROWS, COLUMNS), REGION[[1, 4]])
    assert source.with_bands([True] * 5).bands is None


def test_bands_that_do_not_fit() -> None:
    source = ImageSource.from_array(CUBE, axes="CYX")
    for used in ([False] * 5, [True] * 4):
        with pytest.raises(ImageError, match="use one at least"):
            source.with_bands(used)
    for bands in ((), (4, 5), (2, 1), (-1, 1), (1, 1)):
        with pytest.raises(ImageError, match="ascending indices"):
            ImageSource(levels=(CUBE,), axes="CYX", bands=bands)


class TestResampled:
    nm = (500.0, 510.0, 530.0, 540.0, 560.0)

    def source(self, axes: str = "CYX") -> ImageSource:
        return ImageSource.from_array(
            arranged(axes), axes=axes, rgb=False, wavelengths=self.nm
        )

    @pytest.mark.parametrize("axes", ["CYX", "YXC", "XYC", "TZYXC"])
    def test_spectra_are_joined_by_straight_lines(self, axes: str) -> None:
        wanted = (502.5, 520.0, 560.0, 540.0)
        found = self.source(axes).resampled(wanted)
        expected = np.apply_along_axis(
            lambda spectrum: np.interp(wanted, self.nm, spectrum), 0, REGION
        )
        np.testing.assert_allclose(found.read(ROWS, COLUMNS), expected, rtol=1e-6)
        assert found.wavelengths == wanted
        assert found.n_channels == 4
        assert (found.height, found.width) == (H, W)

    def test_some_of_the_bands_are_those_of_all(self) -> None:
        whole = self.source().resampled((505.0, 515.0, 525.0))
        some = whole.with_bands([True, False, True])
        assert some.wavelengths == (505.0, 525.0)
        np.testing.assert_array_equal(
            some.read(ROWS, COLUMNS), whole.read(ROWS, COLUMNS)[[0, 2]]
        )

    def test_of_the_bands_that_are_used(self) -> None:
        used = [True, False, True, True, True]
        few = self.source().with_bands(used).resampled((515.0,))
        np.testing.assert_allclose(
            few.read(ROWS, COLUMNS)[0], (REGION[0] + REGION[2]) / 2
        )

    def test_nothing_is_read_before_it_is_asked_for(self) -> None:
        data = from_dask(CUBE, chunks=(1, 4, 4)).map_blocks(_fail, dtype=CUBE.dtype)
        source = ImageSource.from_array(data, axes="CYX", wavelengths=self.nm)
        assert source.resampled((505.0,)).n_channels == 1

    def test_what_cannot_be_done_says_why(self) -> None:
        plain = ImageSource.from_array(CUBE, axes="CYX")
        with pytest.raises(ImageError, match="wavelengths of 'image' are unknown"):
            plain.resampled((505.0,))
        with pytest.raises(ImageError, match="was resampled before"):
            self.source().resampled((505.0,)).resampled((505.0,))


def _fail(block: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    raise AssertionError("read too early")

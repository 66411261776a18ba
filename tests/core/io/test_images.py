from __future__ import annotations

from typing import TYPE_CHECKING, Any

import imageio.v3 as iio
import numpy as np
import pytest
import zarr
from PIL import Image

from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.errors import FileFormatError, ImageError, OODSegError
from napari_ood_seg.core.io.images import is_supported, open_image, read_labels
from napari_ood_seg.core.io.scribble_files import save_scribbles

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_ood_seg.core.data.source import ImageSource

NM = [500.0, 550.0, 600.0, 650.0]
RGB = np.random.default_rng(0).integers(0, 255, (40, 30, 3), np.uint8)


def whole(source: ImageSource) -> Any:
    return source.read(slice(0, source.height), slice(0, source.width))


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".PNG"])
def test_colour_pictures(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    iio.imwrite(path, RGB)
    source = open_image(path)
    assert (source.axes, source.rgb, source.name) == ("YXC", True, path.name)
    np.testing.assert_array_equal(whole(source), RGB.transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("mode", "channels"),
    [("L", 1), ("LA", 1), ("P", 3), ("RGBA", 3), ("I;16", 1), ("1", 1)],
)
def test_png_modes(tmp_path: Path, mode: str, channels: int) -> None:
    picture = Image.fromarray(RGB)
    if mode == "I;16":
        picture = Image.fromarray(RGB[..., 0].astype(np.uint16) * 200)
    else:
        picture = picture.convert(mode)
    picture.save(tmp_path / "a.png")
    source = open_image(tmp_path / "a.png")
    assert source.n_channels == channels
    assert source.rgb == (channels == 3)
    if mode == "I;16":
        np.testing.assert_array_equal(whole(source)[0], RGB[..., 0] * np.float32(200))


@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
def test_jpeg(tmp_path: Path, mode: str) -> None:
    flat = np.full((16, 16, 3), (200, 100, 50), np.uint8)
    Image.fromarray(flat).convert(mode).save(tmp_path / "a.jpg", quality=98)
    source = open_image(tmp_path / "a.jpg")
    assert source.n_channels == (1 if mode == "L" else 3)
    if mode == "RGB":
        np.testing.assert_allclose(whole(source).mean((1, 2)), (200, 100, 50), atol=3)


def test_npy_is_not_read_at_once(tmp_path: Path) -> None:
    cube = np.random.default_rng(0).random((20, 30, 7))
    np.save(tmp_path / "a.npy", cube)
    source = open_image(tmp_path / "a.npy")
    assert isinstance(source.levels[0], np.memmap)
    assert source.axes == "YXC"
    part = source.read(slice(3, 5), slice(7, 11))
    np.testing.assert_allclose(part, cube[3:5, 7:11].transpose(2, 0, 1), rtol=1e-6)


def test_axes_can_be_named(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, 20, 30)))
    assert open_image(tmp_path / "a.npy", axes="zyx").plane_shape == (5,)


@pytest.mark.parametrize("key", ["image", "cube", "anything"])
def test_npz(tmp_path: Path, key: str) -> None:
    cube = np.random.default_rng(0).random((20, 30, 4)).astype(np.float32)
    extra: dict[str, Any] = (
        {} if key == "anything" else {"wavelengths": NM, "other": cube}
    )
    np.savez(tmp_path / "a.npz", **{key: cube, **extra})
    source = open_image(tmp_path / "a.npz", axes="YXC")
    assert source.wavelengths == (None if key == "anything" else tuple(NM))
    np.testing.assert_array_equal(source.levels[0], cube)


def test_npz_with_several_arrays(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", one=RGB, two=RGB)
    with pytest.raises(ImageError, match=r"one \(40 x 30 x 3\), two .*--variable NAME"):
        open_image(tmp_path / "a.npz")


def test_is_supported(tmp_path: Path) -> None:
    zarr.open_array(tmp_path / "folder", mode="w", shape=(4, 4), dtype="u1")
    assert is_supported(tmp_path / "folder")
    assert is_supported("a.SVS")
    assert not is_supported("a.docx")
    assert not is_supported(tmp_path)


def _nothing(_path: Path) -> None:
    pass


def _write(data: bytes) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        path.write_bytes(data)

    return make


def _save(array: Any) -> Callable[[Path], None]:
    def make(path: Path) -> None:
        np.save(path, array, allow_pickle=True)

    return make


def _folder(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("name", "make", "error", "sentence"),
    [
        ("a.png", _nothing, ImageError, "there is no file"),
        ("a\0.png", _nothing, ImageError, "there is no file"),
        ("a.docx", _write(b"x"), ImageError, "not a supported image"),
        ("folder", _folder, ImageError, "is a folder"),
        ("a.zarr", _folder, FileFormatError, "no zarr metadata"),
        *[
            (f"a.{suffix}", _write(data), FileFormatError, "damaged")
            for suffix in ("png", "jpg", "bmp", "tif", "svs", "npy", "npz")
            for data in (b"", b"not an image", bytes(4096))
        ],
        ("a.npy", _save(np.array([{}])), FileFormatError, "Python objects"),
        ("a.npy", _save(np.zeros((3, 3), complex)), ImageError, "complex128"),
        ("a.npy", _save(np.zeros((0, 3))), ImageError, "empty"),
        ("a.npy", _save(np.zeros(3)), ImageError, "2 to 5 axes"),
    ],
)
def test_one_sentence(
    tmp_path: Path,
    name: str,
    make: Callable[[Path], None],
    error: type[OODSegError],
    sentence: str,
) -> None:
    make(tmp_path / name)
    with pytest.raises(error, match=sentence) as caught:
        open_image(tmp_path / name)
    assert "\n" not in str(caught.value)
    assert name.split("\0")[0] in str(caught.value)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp", ".npy", ".npz"])
def test_cut_off(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix == ".npy":
        np.save(path, RGB)
    elif suffix == ".npz":
        np.savez_compressed(path, image=RGB)
    else:
        iio.imwrite(path, RGB)
    data = path.read_bytes()
    for part in (0.0, 0.05, 0.3, 0.6, 0.9):
        path.write_bytes(data[: int(part * len(data))])
        with pytest.raises(FileFormatError, match=path.name):
            open_image(path)


# Scribble masks -------------------------------------------------------------------

MASK = np.zeros((20, 30), np.uint8)
MASK[3:5, 4:20] = 2
MASK[10:, 7] = 1


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "bool"])
def test_masks(tmp_path: Path, dtype: str) -> None:
    mask = (MASK > 0 if dtype == "bool" else MASK).astype(dtype)
    Image.fromarray(mask).save(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", mask)
    for name in ("a.png", "a.npy"):
        labels = read_labels(tmp_path / name)
        assert labels.dtype.kind in "ui"
        np.testing.assert_array_equal(labels, mask)


def test_scribble_file_is_a_mask(tmp_path: Path) -> None:
    save_scribbles(tmp_path / "a.oodscribbles", Scribbles.from_labels(MASK), ())
    np.testing.assert_array_equal(read_labels(tmp_path / "a.oodscribbles"), MASK)


@pytest.mark.parametrize(
    ("mode", "name", "sentence"),
    [
        ("RGB", "a.png", "holds colours"),
        ("P", "a.png", "holds colours"),
        ("LA", "a.png", "holds colours"),
        ("L", "a.jpg", "is a JPEG"),
        ("RGB", "a.npy", "one class number per pixel"),
        ("F", "a.npy", "whole numbers"),
    ],
)
def test_not_a_mask(tmp_path: Path, mode: str, name: str, sentence: str) -> None:
    picture = Image.fromarray(RGB).convert(mode)
    if name.endswith("npy"):
        np.save(tmp_path / name, np.asarray(picture))
    else:
        picture.save(tmp_path / name)
    with pytest.raises(ImageError, match=sentence):
        read_labels(tmp_path / name)


# White and dark references --------------------------------------------------------


def test_reflectance(tmp_path: Path) -> None:
    raw = np.random.default_rng(0).integers(10, 200, (20, 30, 7)).astype(np.uint16)
    np.save(tmp_path / "raw.npy", raw)
    np.save(tmp_path / "white.npy", np.full_like(raw, 210))
    np.save(tmp_path / "dark.npy", np.full_like(raw, 10))
    white, dark = tmp_path / "white.npy", tmp_path / "dark.npy"
    found = whole(open_image(tmp_path / "raw.npy", white=white, dark=dark))
    np.testing.assert_allclose(found, (raw.transpose(2, 0, 1) - 10) / 200, rtol=1e-6)
    plain = open_image(tmp_path / "raw.npy")  # companions count only if asked for
    assert plain.levels[0].dtype == np.uint16
    np.testing.assert_array_equal(whole(plain), raw.transpose(2, 0, 1))


def test_references_that_are_missing(tmp_path: Path) -> None:
    np.save(tmp_path / "raw.npy", RGB)
    with pytest.raises(ImageError, match=r"there is no file .*white"):
        open_image(tmp_path / "raw.npy", white=tmp_path / "white.npy")
    with pytest.raises(ImageError, match=r"'dark\.npy' is a dark reference without"):
        open_image(tmp_path / "raw.npy", dark=tmp_path / "dark.npy")

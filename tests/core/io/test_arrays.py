from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_ood_seg.core.errors import FileFormatError, ImageError
from napari_ood_seg.core.io.arrays import npz_images
from napari_ood_seg.core.io.images import images_in, open_image

if TYPE_CHECKING:
    from pathlib import Path

CUBE = np.random.default_rng(0).integers(0, 60000, (20, 30, 7)).astype(np.uint16)
NM = np.linspace(0.5, 0.8, 7)


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz(tmp_path: Path, order: str, save: object) -> None:
    path = tmp_path / "a.npz"
    assert callable(save)
    cube = np.asarray(CUBE, order="F" if order == "F" else "C")
    save(path, hsi=cube, gt=CUBE[..., 0], wl=NM, note="text")
    source = open_image(path)
    assert source.levels[0].dtype == np.uint16
    assert source.wavelengths == pytest.approx(NM * 1000)
    np.testing.assert_array_equal(source.levels[0], CUBE)
    assert npz_images(path) == ("hsi",)
    assert images_in(path) == (None,)
    np.testing.assert_array_equal(
        open_image(path, variable="gt").levels[0], CUBE[..., 0]
    )


def test_several(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, a=CUBE, b=CUBE[::2])
    assert images_in(path) == ("a", "b")
    with pytest.raises(ImageError, match=r"a \(20 x 30 x 7\), b \(10 x 30 x 7\)"):
        open_image(path)
    assert open_image(path, variable="b").height == 10


def test_only_the_image_is_read(tmp_path: Path) -> None:
    """An array that cannot be read does no harm if it is not asked for."""
    path = tmp_path / "a.npz"
    np.savez(path, image=CUBE, other=CUBE)
    data = bytearray(path.read_bytes())
    at = data.rindex(CUBE.tobytes()[:64])
    data[at] ^= 255
    path.write_bytes(data)
    np.testing.assert_array_equal(open_image(path).levels[0], CUBE)
    with pytest.raises(FileFormatError, match=r"cannot read 'a.npz'"):
        open_image(path, variable="other")


def test_nothing_that_is_numbers(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", note="text")
    with pytest.raises(ImageError, match="holds the arrays none"):
        open_image(tmp_path / "a.npz")


def test_a_time_series_in_one_file(tmp_path: Path) -> None:
    movie = np.stack([CUBE, CUBE + 1, CUBE + 2])
    np.save(tmp_path / "a.npy", movie)
    source = open_image(tmp_path / "a.npy", axes="TYXC")
    assert isinstance(source.levels[0], np.memmap)
    assert (source.plane_axes, source.plane_shape) == ("T", (3,))
    for t in range(3):
        part = source.read(slice(0, 5), slice(0, 5), plane=(t,))
        np.testing.assert_array_equal(part, movie[t, :5, :5].transpose(2, 0, 1))

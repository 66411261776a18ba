from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_ood_seg.core.errors import FileFormatError
from napari_ood_seg.core.io.images import open_image

if TYPE_CHECKING:
    from pathlib import Path

NAME = "2020_01_31_12_00_00_SpecCube.dat"
HEIGHT, WIDTH = 3, 4


def write(path: Path, cube: Any) -> None:
    """Write a `(h, w, c)` cube value by value, as the format says."""
    height, width, bands = cube.shape
    with path.open("wb") as file:
        file.write(struct.pack(">iii", width, height, bands))
        for x in range(width):
            for y in reversed(range(height)):
                for b in range(bands):
                    file.write(struct.pack(">f", cube[y, x, b]))


@pytest.mark.parametrize("name", [NAME, "SpecCube.dat", "a_SPECCUBE.DAT"])
def test_cube(tmp_path: Path, name: str) -> None:
    cube = np.random.default_rng(0).random((HEIGHT, WIDTH, 100), np.float32)
    write(tmp_path / name, cube)
    source = open_image(tmp_path / name)
    assert (source.axes, source.rgb, source.name) == ("YXC", False, name)
    assert source.wavelengths is not None
    assert source.wavelengths[:2] == (500.0, 505.0)
    assert source.wavelengths[-1] == 995.0
    np.testing.assert_array_equal(source.levels[0], cube)
    part = source.read(slice(1, 3), slice(2, 4))
    np.testing.assert_array_equal(part, cube[1:3, 2:4].transpose(2, 0, 1))
    assert isinstance(source.levels[0], np.memmap)


def test_the_first_value_is_the_lowest_row(tmp_path: Path) -> None:
    values = np.arange(1, 1 + 2 * 3 * 1, dtype=">f4")
    (tmp_path / NAME).write_bytes(struct.pack(">iii", 2, 3, 1) + values.tobytes())
    image = open_image(tmp_path / NAME).read(slice(0, 3), slice(0, 2))[0]
    assert image.tolist() == [[3, 6], [2, 5], [1, 4]]


def test_another_camera_has_no_wavelengths(tmp_path: Path) -> None:
    write(tmp_path / NAME, np.ones((HEIGHT, WIDTH, 7)))
    assert open_image(tmp_path / NAME).wavelengths is None


def _header(width: int, height: int, bands: int, values: int) -> bytes:
    return struct.pack(">iii", width, height, bands) + bytes(4 * values)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "0 bytes, fewer than its header"),
        (bytes(11), "11 bytes, fewer than its header"),
        (bytes(12), "0 x 0 pixels and 0 bands"),
        (_header(-4, 3, 100, 1200), "-4 x 3 pixels"),
        (_header(4, 3, -100, 1200), "-100 bands"),
        (_header(4, 3, 2**31 - 1, 1200), "2147483647 bands"),
        (_header(2**31 - 1, 2**31 - 1, 100, 1200), "cut off"),
        (_header(4, 3, 100, 1199), "cut off"),
        (_header(4, 3, 100, 2400), "longer"),
        (_header(4, 3, 100, 1200)[:-1], "cut off"),
        (struct.pack("<iii", 4, 3, 100) + bytes(4800), "1677721600 bands"),
        (b"some text that is no cube at all", "no TIVITA cube"),
    ],
)
def test_one_sentence(tmp_path: Path, data: bytes, sentence: str) -> None:
    (tmp_path / NAME).write_bytes(data)
    with pytest.raises(FileFormatError, match=sentence) as caught:
        open_image(tmp_path / NAME)
    assert NAME in str(caught.value)
    assert "\n" not in str(caught.value)

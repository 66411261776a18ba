from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.io import savemat

from napari_ood_seg.core.errors import FileFormatError, ImageError
from napari_ood_seg.core.io.images import open_image
from napari_ood_seg.core.io.mat_elements import require_sound

if TYPE_CHECKING:
    from pathlib import Path

CUBE = np.random.default_rng(0).integers(0, 200, (9, 11, 7)).astype(np.uint16)
VALUES = 184
"""Where the tag of the values of the first array is, if its name is short."""


def write(path: Path, **options: Any) -> bytearray:
    arrays = {"x": CUBE, "wl": np.linspace(500, 800, 7), "longer_name": CUBE / 3}
    savemat(path, {**arrays, "text": "words", "cell": [1, "a"]}, **options)
    return bytearray(path.read_bytes())


@pytest.mark.parametrize("options", [{}, {"do_compression": True}, {"format": "4"}])
def test_what_scipy_writes(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "a.mat"
    if "format" in options:
        savemat(path, {"x": CUBE[..., 0], "longer_name": CUBE[..., 0]}, **options)
    else:
        write(path, **options)
    for name in ("x", "longer_name"):
        require_sound(path, name)


def test_big_endian(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    values = CUBE.astype(">u2").tobytes(order="F")
    body = struct.pack(">4I", 6, 8, 11, 0)
    body += struct.pack(">5I4x", 5, 12, *CUBE.shape)
    body += struct.pack(">2H4s", 1, 1, b"x")  # a short name, within its tag
    body += struct.pack(">2I", 4, len(values)) + values + bytes(-len(values) % 8)
    header = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(">H", 0x100) + b"MI"
    path.write_bytes(header + struct.pack(">2I", 14, len(body)) + body)
    require_sound(path, "x")
    np.testing.assert_array_equal(open_image(path).levels[0], CUBE)


@pytest.mark.parametrize(
    ("at", "value", "why"),
    [
        (VALUES, 260, "'x' is not as long as it says"),  # scipy would crash
        (VALUES, 0xFF04, "'x' is not as long as it says"),
        (VALUES, 9, "'x' is not as long as it says"),
        (VALUES + 4, 1, "'x' is not as long as it says"),
        (160, 10, "'x' is not as long as it says"),
        (160, 0xFFFFFFFF, "'x' is not as long as it says"),
        (132, 10**9, "an array in it is incomplete"),
        (128, 99, "an array in it is incomplete"),
        (156, 8, "incomplete|not as long"),
    ],
)
def test_damage(tmp_path: Path, at: int, value: int, why: str) -> None:
    path = tmp_path / "a.mat"
    data = write(path)
    assert struct.unpack_from("<2I", data, VALUES) == (4, CUBE.nbytes)
    struct.pack_into("<I", data, at, value)
    path.write_bytes(data)
    with pytest.raises(FileFormatError, match=why):
        require_sound(path, "x")


def test_missing_and_complex_arrays(tmp_path: Path) -> None:
    path = tmp_path / "a.mat"
    write(path)
    with pytest.raises(FileFormatError, match="'y' is incomplete"):
        require_sound(path, "y")
    savemat(path, {"x": CUBE + 1j})
    with pytest.raises(ImageError, match="'x' holds complex numbers"):
        require_sound(path, "x")


@pytest.mark.parametrize("at", range(VALUES, VALUES + 4))
def test_a_wrong_type_does_not_end_the_process(tmp_path: Path, at: int) -> None:
    data = write(tmp_path / "a.mat")
    data[at] = 255
    (tmp_path / "a.mat").write_bytes(data)
    with pytest.raises(FileFormatError, match=r"cannot read 'a\.mat'"):
        open_image(tmp_path / "a.mat", variable="x")

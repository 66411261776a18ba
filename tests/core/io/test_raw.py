from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_ood_seg.core.errors import FileFormatError
from napari_ood_seg.core.io.raw import map_pixels

if TYPE_CHECKING:
    from pathlib import Path

SHAPE = (3, 4, 5)
U2 = np.dtype(">u2")
CUBE = np.arange(60, dtype=U2).reshape(SHAPE)


@pytest.mark.parametrize("more", [0, 39], ids=["exact", "padded"])
def test_pixels(tmp_path: Path, more: int) -> None:
    path = tmp_path / "a.raw"
    path.write_bytes(bytes(7) + CUBE.tobytes() + bytes(more))
    found = map_pixels(path, dtype=U2, shape=SHAPE, offset=7)
    assert found.dtype == U2
    np.testing.assert_array_equal(found, CUBE)


@pytest.mark.parametrize(
    ("size", "why"),
    [(126, "cut off"), (0, "cut off"), (127 + 40, "longer"), (10**5, "longer")],
)
def test_wrong_size(tmp_path: Path, size: int, why: str) -> None:
    path = tmp_path / "a.raw"
    path.write_bytes(bytes(size))
    with pytest.raises(FileFormatError, match=why) as caught:
        map_pixels(path, dtype=U2, shape=SHAPE, offset=7)
    assert f"{size:,} bytes" in str(caught.value)
    assert "3 x 4 x 5 uint16 values after 7 bytes make 127" in str(caught.value)


def test_absurd_shapes_take_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.raw"
    path.write_bytes(bytes(100))
    for shape in ((2**31 - 1,) * 3, (10**30, 1, 1)):
        with pytest.raises(FileFormatError, match="cut off"):
            map_pixels(path, dtype=U2, shape=shape, offset=0)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match=r"'gone.raw'"):
        map_pixels(tmp_path / "gone.raw", dtype=U2, shape=SHAPE, offset=0)

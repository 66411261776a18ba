"""Files are written by scipy (version 5) and h5py (7.3), as MATLAB lays them out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pytest
from scipy.io import savemat

from napari_ood_seg.core.errors import FileFormatError, ImageError, OODSegError
from napari_ood_seg.core.io.images import images_in, open_image
from napari_ood_seg.core.io.mat import mat_images

if TYPE_CHECKING:
    from pathlib import Path

    from napari_ood_seg.core.data.source import ImageSource

CUBE = np.random.default_rng(0).integers(0, 200, (20, 30, 7))
NM = np.linspace(500, 800, 7)
MATLAB = {"f8": "double", "f4": "single", "u1": "uint8", "u2": "uint16", "i2": "int16"}
WRITERS = ["5", "5 compressed", "7.3", "7.3 compressed"]


def write(path: Path, arrays: dict[str, Any], kind: str = "5") -> None:
    """Write arrays; MATLAB's own are never below two axes."""
    arrays = {name: np.atleast_2d(a) for name, a in arrays.items()}
    if kind.startswith("5"):
        savemat(path, arrays, do_compression="compressed" in kind)
        return
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, array in arrays.items():
            options = {"compression": "gzip"} if "compressed" in kind else {}
            data = file.create_dataset(name, data=array.T, **options)  # columns first
            matlab = MATLAB.get(f"{array.dtype.kind}{array.dtype.itemsize}", "char")
            data.attrs["MATLAB_class"] = np.bytes_(matlab)
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file, Platform: GLNXA64".ljust(124) + b"\0\2IM")


def cube_of(source: ImageSource) -> Any:
    """Return the pixels as `(h, w, c)`."""
    data = np.asarray(source.levels[0])
    return data.transpose([source.axes.index(a) for a in "YXC"])


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("dtype", MATLAB)
def test_cube(tmp_path: Path, kind: str, dtype: str) -> None:
    cube = CUBE.astype(dtype)
    arrays = {"hsi": cube, "gt": cube[..., 0], "wavelengths": NM}
    write(tmp_path / "a.mat", arrays, kind)
    source = open_image(tmp_path / "a.mat")
    assert source.levels[0].dtype == np.dtype(dtype)
    assert source.wavelengths == pytest.approx(NM)
    assert not source.rgb
    np.testing.assert_array_equal(cube_of(source), cube)
    part = source.read(slice(3, 9), slice(20, 30))
    np.testing.assert_array_equal(part, cube[3:9, 20:30].transpose(2, 0, 1))


@pytest.mark.parametrize("kind", WRITERS)
def test_several(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.mat"
    write(
        path,
        {"a": CUBE / 1, "b": CUBE[::2] / 2, "note": np.array([[65, 66]], np.uint32)},
        kind,
    )
    assert mat_images(path) == images_in(path) == ("a", "b")
    with pytest.raises(ImageError, match=r"a \(20 x 30 x 7\), b \(10 x 30 x 7\)"):
        open_image(path)
    source = open_image(path, variable="b")
    assert source.name == "a.mat b"
    np.testing.assert_array_equal(cube_of(source), CUBE[::2] / 2)
    with pytest.raises(ImageError, match="no array 'c': choose one of a"):
        open_image(path, variable="c")


@pytest.mark.parametrize("kind", WRITERS)
def test_the_bands_may_come_first(tmp_path: Path, kind: str) -> None:
    write(tmp_path / "a.mat", {"x": CUBE.transpose(2, 0, 1) / 1, "lambda": NM}, kind)
    source = open_image(tmp_path / "a.mat")
    assert source.wavelengths == pytest.approx(NM)
    np.testing.assert_array_equal(cube_of(source), CUBE)
    named = open_image(tmp_path / "a.mat", axes="ZYX")
    assert named.plane_shape == (7,)
    np.testing.assert_array_equal(
        named.read(slice(0, 20), slice(0, 30), plane=(3,))[0], CUBE[..., 3]
    )


def test_version_7_3_is_lazy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.mat"
    with h5py.File(path, "w") as file:  # 80 GB, of which nothing is stored
        file.create_dataset("x", shape=(100, 10_000, 10_000), dtype="f8", chunks=True)
    source = open_image(path)
    assert (source.height, source.width, source.n_channels) == (10_000, 10_000, 100)
    assert not source.read(slice(0, 2), slice(9_990, 10_000)).any()


def test_fields_of_a_struct(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "a.mat", "w") as file:
        file["data/cube"] = CUBE.T
        file["data/wavelength"] = NM[None]
        file["#refs#/b"] = CUBE.T
    source = open_image(tmp_path / "a.mat")
    np.testing.assert_array_equal(cube_of(source), CUBE)


@pytest.mark.parametrize("kind", WRITERS)
def test_wrong_number_of_wavelengths(tmp_path: Path, kind: str) -> None:
    write(tmp_path / "a.mat", {"x": CUBE / 1, "wavelengths": NM[:-1]}, kind)
    with pytest.raises(FileFormatError, match="6 values in 'wavelengths' for 7 bands"):
        open_image(tmp_path / "a.mat")


def test_nothing_in_it(tmp_path: Path) -> None:
    savemat(tmp_path / "a.mat", {"note": "text"})
    with pytest.raises(ImageError, match="holds the arrays none"):
        open_image(tmp_path / "a.mat")
    savemat(tmp_path / "b.mat", {"x": CUBE + 1j})
    with pytest.raises(ImageError, match="holds complex numbers"):
        open_image(tmp_path / "b.mat")


@pytest.mark.parametrize("kind", WRITERS)
def test_cut_off(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.mat"
    write(path, {"x": np.random.default_rng(0).random((20, 30, 7)), "wl": NM}, kind)
    data = path.read_bytes()
    for end in (0, 4, 100, 127, 130, 200, 513, 600, len(data) // 2, len(data) - 700):
        path.write_bytes(data[:end])
        with pytest.raises(OODSegError, match=r"a\.mat") as caught:
            np.asarray(open_image(path).levels[0])
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("seed", range(15))
def test_damage_is_one_sentence(tmp_path: Path, kind: str, seed: int) -> None:
    path = tmp_path / "a.mat"
    write(path, {"x": CUBE / 1, "wl": NM}, kind)
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    for at in rng.integers(0, min(len(data), 3000), 8):
        data[at] = rng.integers(0, 256)
    path.write_bytes(data)
    try:
        np.asarray(open_image(path).levels[0])
    except OODSegError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either is fine

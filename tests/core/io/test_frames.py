from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
from spectral.io import envi as writer

from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import FileFormatError, ImageError
from napari_ood_seg.core.io.frames import natural, open_frames
from napari_ood_seg.core.io.images import open_image, open_series

if TYPE_CHECKING:
    import numpy.typing as npt

H, W, C = 6, 8, 5
NM = [500.0, 550.0, 600.0, 650.0, 700.0]
MOVIE = np.random.default_rng(0).integers(0, 60_000, (11, H, W, C)).astype(np.uint16)


def write(
    path: Path, cube: npt.NDArray[Any], nm: list[float] = NM, **more: Any
) -> None:
    writer.save_image(
        str(path),
        cube,
        dtype=cube.dtype,
        force=True,
        **{"interleave": "bil", "metadata": {"wavelength": nm}, **more},
    )


def read(source: ImageSource, t: int) -> Any:
    """Return a frame as `(h, w, c)`."""
    rows, columns = slice(0, source.height), slice(0, source.width)
    return source.read(rows, columns, plane=(t,)).transpose(1, 2, 0)


def test_natural_order() -> None:
    names = ["f10.png", "f9.png", "F1.png", "f2b.png", "f2a.png", "10.png", "a.png"]
    ordered = [p.name for p in sorted(map(Path, names), key=natural)]
    assert ordered == [
        "10.png", "a.png", "F1.png", "f2a.png", "f2b.png", "f9.png", "f10.png",
    ]  # fmt: skip


def test_a_folder_is_a_time_series(tmp_path: Path) -> None:
    folder = tmp_path / "movie"
    folder.mkdir()
    for t, cube in enumerate(MOVIE):
        write(folder / f"frame{t}.hdr", cube)
    iio.imwrite(folder / "preview.png", np.zeros((9, 9), np.uint8))
    (folder / "notes.txt").write_text("not a frame")
    (folder / "._frame1.hdr").write_bytes(b"what macOS leaves behind")
    source = open_image(folder)
    assert (source.axes, source.name, source.plane_shape) == ("TYCX", "movie", (11,))
    assert source.wavelengths == tuple(NM)
    assert source.levels[0].dtype == np.uint16
    for t, cube in enumerate(MOVIE):  # frame 10 comes after frame 9
        np.testing.assert_array_equal(read(source, t), cube)


def test_colour_frames(tmp_path: Path) -> None:
    frames = MOVIE[:3, ..., :3].astype(np.uint8)
    for t, frame in enumerate(frames):
        iio.imwrite(tmp_path / f"{t}.png", frame)
    source = open_image(tmp_path)
    assert (source.axes, source.rgb, source.plane_shape) == ("TYXC", True, (3,))
    np.testing.assert_array_equal(read(source, 2), frames[2])


def test_one_frame_is_an_image(tmp_path: Path) -> None:
    """A TIVITA folder holds one cube and previews."""
    write(tmp_path / "a.hdr", MOVIE[0])
    iio.imwrite(tmp_path / "preview.png", np.zeros((9, 9), np.uint8))
    assert open_image(tmp_path).axes == "YCX"


def test_files_in_a_given_order(tmp_path: Path) -> None:
    for t in range(3):
        write(tmp_path / f"{t}.hdr", MOVIE[t])
    source = open_series([tmp_path / f"{t}.hdr" for t in (2, 0)])
    np.testing.assert_array_equal(read(source, 0), MOVIE[2])
    np.testing.assert_array_equal(read(source, 1), MOVIE[0])
    with pytest.raises(ImageError, match="no frame"):
        open_series([])


def test_each_frame_is_read_when_it_is_looked_at() -> None:
    opened: list[str] = []

    def open_one(path: Path) -> ImageSource:
        opened.append(path.stem)
        return ImageSource.from_array(MOVIE[int(path.stem)], axes="YXC", rgb=False)

    source = open_frames([Path(f"{t}.x") for t in range(11)], open_one, name="it")
    opened.clear()
    np.testing.assert_array_equal(read(source, 7), MOVIE[7])
    assert set(opened) == {"7"}


def test_white_reference_of_a_series(tmp_path: Path) -> None:
    folder = tmp_path / "movie"
    folder.mkdir()
    for t in range(2):
        write(folder / f"{t}.hdr", MOVIE[t])
    write(tmp_path / "white.hdr", np.full((1, W, C), 60_000, np.uint16))
    source = open_image(folder, white=tmp_path / "white.hdr")
    np.testing.assert_allclose(read(source, 1), MOVIE[1] / 60_000, rtol=1e-5)


@pytest.mark.parametrize(
    ("cube", "nm", "sentence"),
    [
        (MOVIE[0, :-1], NM, r"shape \(5, 5, 8\), not \(6, 5, 8\)"),
        (MOVIE[0].astype(np.float32), NM, "type float32, not uint16"),
        (MOVIE[0], [400.0, *NM[1:]], "wavelengths 400 to 700 nm, not 500 to 700 nm"),
        (MOVIE[0], [500.0, 551.0, *NM[2:]], "the wavelengths differ"),
    ],
)
def test_frames_must_be_alike(
    tmp_path: Path, cube: npt.NDArray[Any], nm: list[float], sentence: str
) -> None:
    write(tmp_path / "1.hdr", MOVIE[0])
    write(tmp_path / "2.hdr", cube, nm)
    with pytest.raises(
        FileFormatError, match=rf"'2.hdr' is not like '1.hdr': .*{sentence}"
    ):
        open_image(tmp_path)


def test_bands_in_use_must_be_alike(tmp_path: Path) -> None:
    write(tmp_path / "1.hdr", MOVIE[0])
    write(tmp_path / "2.hdr", MOVIE[1], metadata={"bbl": [1, 1, 1, 1, 0]})
    with pytest.raises(FileFormatError, match=r"bands in use \(0, 1, 2, 3\), not 5"):
        open_image(tmp_path)


def test_a_damaged_frame(tmp_path: Path) -> None:
    for t in range(3):
        write(tmp_path / f"{t}.hdr", MOVIE[t])
    data = (tmp_path / "1.img").read_bytes()
    (tmp_path / "1.img").write_bytes(data[:-1])
    with pytest.raises(FileFormatError, match=r"'1.img' has 479 bytes"):
        open_image(tmp_path)


def test_a_frame_that_changes_later(tmp_path: Path) -> None:
    for t in range(2):
        np.save(tmp_path / f"{t}.npy", MOVIE[t])
    source = open_image(tmp_path)
    np.save(tmp_path / "1.npy", MOVIE[1, :-1])
    np.testing.assert_array_equal(read(source, 0), MOVIE[0])
    with pytest.raises(ImageError, match=r"'1.npy' was changed"):
        read(source, 1)
    (tmp_path / "1.npy").unlink()
    with pytest.raises(ImageError, match=r"there is no file .*1\.npy"):
        read(source, 1)


def test_folders_that_are_no_series(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="folder without an image"):
        open_image(tmp_path)
    np.save(tmp_path / "a.npy", MOVIE[0])
    tifffile.imwrite(tmp_path / "a.tif", MOVIE[0])
    with pytest.raises(ImageError, match="several kinds") as caught:
        open_image(tmp_path)
    assert "1 .npy" in str(caught.value)
    (tmp_path / "a.tif").unlink()
    np.save(tmp_path / "b.npy", MOVIE[1])
    with pytest.raises(ImageError, match=r"'a.npy' is a time series itself"):
        open_image(tmp_path, axes="TYX")

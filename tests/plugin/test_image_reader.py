from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
import zarr
from napari.layers import Image, Layer
from npe2 import PluginManager, PluginManifest
from spectral.io import envi as writer

from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import FileFormatError
from napari_ood_seg.core.io.images import open_image
from napari_ood_seg.plugin.image_reader import image_layer, image_reader
from napari_ood_seg.plugin.layers import source_of

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugin.driver import Driver

PLUGIN = "napari-ood-seg"
H, W, C = 24, 32, 12
CUBE = np.random.default_rng(0).integers(0, 4000, (H, W, C)).astype(np.uint16)
NM = tuple(500.0 + 10 * i for i in range(C))


@pytest.fixture(autouse=True)
def our_plugin() -> None:
    """Make sure that npe2 knows us, whatever ran before."""
    PluginManager.instance().discover()


def write(path: Path, cube: Any = CUBE, **metadata: Any) -> Path:
    metadata = {"wavelength": NM, "wavelength units": "nm", **metadata}
    writer.save_image(
        str(path), cube, dtype=cube.dtype, interleave="bip", metadata=metadata
    )
    return path


def whole(source: ImageSource, t: int = 0) -> Any:
    """Return a plane as `(h, w, c)`."""
    rows, columns = slice(0, source.height), slice(0, source.width)
    return source.read(rows, columns, plane=(t,)).transpose(1, 2, 0)


def layers_of(*paths: Path) -> list[Image]:
    names = [str(p) for p in paths]
    path = names if len(names) > 1 else names[0]
    read = image_reader(path)
    assert read is not None
    layers = [Layer.create(*data) for data in read(path)]
    assert all(isinstance(layer, Image) for layer in layers)
    return layers


def test_bands_get_a_slider_and_wavelengths(tmp_path: Path) -> None:
    write(tmp_path / "a.hdr", **{"pixel size": [0.5, 0.25, "units=Meters"]})
    (layer,) = layers_of(tmp_path / "a.hdr")
    assert (layer.name, layer.rgb, layer.data.shape) == ("a.img", False, (C, H, W))
    assert tuple(layer.axis_labels) == ("wavelength", "y", "x")
    assert tuple(layer.scale) == (1, 0.25, 0.5)
    assert [str(u) for u in layer.units] == ["pixel", "meter", "meter"]
    assert isinstance(layer.data, np.memmap)
    source = source_of(layer)
    assert (source.axes, source.wavelengths) == ("CYX", NM)
    assert (source.pixel_size, source.unit) == ((0.25, 0.5), "meter")
    np.testing.assert_array_equal(whole(source), CUBE)


def test_bad_bands_are_shown_but_not_used(tmp_path: Path) -> None:
    good = [1] * C
    good[0] = good[5] = 0
    write(tmp_path / "a.hdr", bbl=good)
    (layer,) = layers_of(tmp_path / "a.hdr")
    assert layer.data.shape == (C, H, W)
    source = source_of(layer)
    used = [i for i in range(C) if good[i]]
    assert source.n_channels == C - 2
    assert source.wavelengths == tuple(NM[i] for i in used)
    np.testing.assert_array_equal(whole(source), CUBE[..., used])
    other = source_of(layer, "ZYX")  # read another way, bands are planes
    assert (other.bands, other.wavelengths, other.plane_shape) == (None, None, (C,))


def test_data_that_were_replaced_have_all_bands(tmp_path: Path) -> None:
    write(tmp_path / "a.hdr", bbl=[1] * (C - 1) + [0])
    (layer,) = layers_of(tmp_path / "a.hdr")
    layer.data = np.zeros((5, H, W))
    source = source_of(layer)
    assert (source.n_channels, source.wavelengths) == (5, None)


def test_big_endian_floats(tmp_path: Path) -> None:
    cube = np.random.default_rng(0).random((H, W, 100)).astype(np.float32)
    stored = cube[::-1].swapaxes(0, 1).astype(">f4")
    path = tmp_path / "1_SpecCube.dat"
    path.write_bytes(struct.pack(">iii", W, H, 100) + stored.tobytes())
    (layer,) = layers_of(path)
    source = source_of(layer)
    assert source.wavelengths is not None
    assert source.wavelengths[-1] == 995
    np.testing.assert_array_equal(whole(source), cube)
    assert layer.data.dtype.isnative  # napari 0.8 shows no other
    shown = cube.transpose(2, 0, 1)
    np.testing.assert_array_equal(layer.data[7, 2:, ::3], shown[7, 2:, ::3])
    np.testing.assert_array_equal(np.asarray(layer.data), shown)


def test_big_endian_floats_over_time(tmp_path: Path) -> None:
    cubes = np.random.default_rng(0).random((2, H, W, 100)).astype(np.float32)
    paths = [tmp_path / f"{t}_SpecCube.dat" for t in range(2)]
    for path, cube in zip(paths, cubes, strict=True):
        stored = cube[::-1].swapaxes(0, 1).astype(">f4")
        path.write_bytes(struct.pack(">iii", W, H, 100) + stored.tobytes())
    (layer,) = layers_of(*paths)
    assert layer.data.dtype.isnative
    source = source_of(layer)
    for t in range(2):
        np.testing.assert_array_equal(whole(source, t), cubes[t])


def test_files_opened_as_a_stack_are_a_time_series(tmp_path: Path) -> None:
    paths = [write(tmp_path / f"{t}.hdr", CUBE + t) for t in range(3)]
    (layer,) = layers_of(*paths)
    assert layer.data.shape == (C, 3, H, W)  # time where layers of scribbles have it
    assert tuple(layer.axis_labels) == ("wavelength", "time", "y", "x")
    source = source_of(layer)
    assert (source.axes, source.wavelengths) == ("CTYX", NM)
    np.testing.assert_array_equal(whole(source, 2), CUBE + 2)
    (alike,) = layers_of(tmp_path)  # the folder
    np.testing.assert_array_equal(np.asarray(alike.data), np.asarray(layer.data))


def test_of_several_arrays_each_is_a_layer(tmp_path: Path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, one=CUBE, two=CUBE + 1, wavelengths=NM)
    one, two = layers_of(path)
    assert (one.name, two.name) == ("a.npz one", "a.npz two")
    np.testing.assert_array_equal(whole(source_of(two)), CUBE + 1)
    assert source_of(two).wavelengths == NM


def test_zarr_with_wavelengths(tmp_path: Path) -> None:
    array = zarr.create_array(tmp_path / "a.zarr", data=CUBE)
    array.attrs["wavelengths"] = list(NM)
    (layer,) = layers_of(tmp_path / "a.zarr")
    assert layer.data.shape == (C, H, W)
    source = source_of(layer)
    assert source.wavelengths == NM
    np.testing.assert_array_equal(whole(source), CUBE)


def test_tiff_with_wavelengths(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    text = f"wavelengths: {', '.join(map(str, NM))}"
    cube = CUBE.transpose(2, 0, 1)
    tifffile.imwrite(path, cube, description=text, metadata=None)
    (layer,) = layers_of(path)
    source = source_of(layer)
    assert source.wavelengths == NM
    np.testing.assert_array_equal(whole(source), CUBE)


def test_colour_images_keep_their_axes() -> None:
    source = ImageSource.from_array(CUBE[..., :3].astype(np.uint8), axes="YXC")
    data, keywords, kind = image_layer(source)
    assert (data.shape, keywords["rgb"], kind) == ((H, W, 3), True, "image")
    assert keywords["axis_labels"] == ["y", "x"]
    assert source_of(Image(data, **keywords)).rgb


def test_pyramids_stay_pyramids() -> None:
    levels = [np.zeros((3, 64, 64), np.uint8), np.zeros((3, 32, 32), np.uint8)]
    source = ImageSource.from_array(levels, axes="CYX", rgb=False)
    data, keywords, _ = image_layer(source)
    layer = Image(data, **keywords)
    assert [level.shape for level in layer.data] == [(3, 64, 64), (3, 32, 32)]


def test_other_files_are_left_to_others(tmp_path: Path) -> None:
    (tmp_path / "radiance.hdr").write_bytes(b"#?RADIANCE\n")
    (tmp_path / "camera.raw").write_bytes(bytes(100))
    tifffile.imwrite(tmp_path / "plain.tif", CUBE[..., 0])
    zarr.create_array(tmp_path / "plain.zarr", data=CUBE)
    (tmp_path / "folder").mkdir()
    for name in ("radiance.hdr", "camera.raw", "plain.tif", "plain.zarr", "folder"):
        assert image_reader(str(tmp_path / name)) is None
    assert image_reader(str(tmp_path / "missing.hdr")) is None


def test_a_folder_is_judged_by_one_frame(tmp_path: Path) -> None:
    for t in range(3):
        iio.imwrite(tmp_path / f"{t}.png", CUBE[..., 0].astype(np.uint8))
    assert image_reader(str(tmp_path)) is None
    write(tmp_path / "0.hdr")
    write(tmp_path / "1.hdr", CUBE[1:])
    read = image_reader(str(tmp_path))
    assert read is not None
    with pytest.raises(FileFormatError, match=r"'1\.hdr' is not like '0\.hdr'"):
        read(str(tmp_path))


def test_what_is_wrong_is_one_sentence(tmp_path: Path) -> None:
    path = write(tmp_path / "a.hdr")
    (tmp_path / "a.img").unlink()
    read = image_reader(str(path))
    assert read is not None
    with pytest.raises(FileFormatError, match=r"no data file for 'a\.hdr'"):
        read(str(path))


@pytest.mark.parametrize("interleave", ["bsq", "bil", "bip"])
def test_from_napari_to_the_panel(
    driver: Driver, tmp_path: Path, interleave: str
) -> None:
    write(tmp_path / "a.hdr", bbl=[0] + [1] * (C - 1))
    (layer,) = driver.viewer.open(str(tmp_path / "a.hdr"), plugin=PLUGIN)
    driver.until(lambda: driver.images.image is layer)
    source = driver.session.source
    assert source is not None
    assert (source.n_channels, source.wavelengths) == (C - 1, NM[1:])
    opened = open_image(tmp_path / "a.hdr")
    np.testing.assert_array_equal(whole(source), whole(opened))
    assert f"{layer.name} colour" in driver.viewer.layers
    layer.visible = True  # the colour picture is shown instead
    driver.viewer.dims.set_current_step(0, 4)
    driver.spin()
    np.testing.assert_array_equal(layer._slice.image.raw, CUBE[..., 4])


def test_the_manifest_offers_it() -> None:
    manifest = PluginManifest.from_distribution(PLUGIN)
    (mine,) = (
        r
        for r in manifest.contributions.readers or []
        if r.command == "napari-ood-seg.read_image"
    )
    assert {"*.hdr", "*.dat", "*.mat", "*.npz"} <= set(mine.filename_patterns)
    assert mine.accepts_directories

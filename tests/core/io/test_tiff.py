from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from napari_ood_seg.core.errors import FileFormatError, OODSegError
from napari_ood_seg.core.io.images import open_image, read_labels

if TYPE_CHECKING:
    from pathlib import Path

    from napari_ood_seg.core.data.source import ImageSource

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 60000, (300, 200), np.uint16)
RGB = RNG.integers(0, 255, (300, 200, 3), np.uint8)
STACK = RNG.random((5, 60, 40)).astype(np.float32)
MICRONS: dict[str, Any] = {"resolution": (20000, 40000), "resolutionunit": "CENTIMETER"}
TILED: dict[str, Any] = {"tile": (64, 64), "compression": "adobe_deflate"}


def whole(source: ImageSource) -> Any:
    return source.read(slice(0, source.height), slice(0, source.width))


@pytest.mark.parametrize(
    ("array", "options", "axes", "rgb"),
    [
        pytest.param(GREY, {}, "YX", False, id="grey"),
        pytest.param(GREY, TILED, "YX", False, id="tiled"),
        pytest.param(GREY, {"bigtiff": True}, "YX", False, id="BigTIFF"),
        pytest.param(GREY, {"byteorder": ">"}, "YX", False, id="big endian"),
        pytest.param(RGB, {"photometric": "rgb"}, "YXC", True, id="colour"),
        pytest.param(STACK, {}, "CYX", False, id="pages are channels"),
        pytest.param(
            STACK, {"imagej": True, "metadata": {"axes": "ZYX"}}, "ZYX", False,
            id="ImageJ",
        ),
        pytest.param(
            RGB.transpose(2, 0, 1),
            {"photometric": "rgb", "planarconfig": "separate"},
            "CYX",
            True,
            id="planar colour",
        ),
        pytest.param(
            np.tile(STACK.transpose(1, 2, 0), (1, 1, 4)),
            {"photometric": "minisblack", "planarconfig": "contig"},
            "YXC",
            False,
            id="hyperspectral samples",
        ),
        pytest.param(
            STACK[:, None], {"ome": True, "metadata": {"axes": "TCYX"}}, "TYX", False,
            id="OME",
        ),
    ],
)  # fmt: skip
def test_same_pixels(
    tmp_path: Path, array: Any, options: dict[str, Any], axes: str, rgb: bool
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    source = open_image(tmp_path / "a.tif")
    assert (source.axes, source.rgb) == (axes, rgb)
    np.testing.assert_array_equal(np.asarray(source.levels[0]), np.squeeze(array))
    part = source.read(slice(3, 11), slice(5, 20))
    np.testing.assert_array_equal(part, whole(source)[:, 3:11, 5:20])


def test_named_axes(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", STACK)
    assert open_image(tmp_path / "a.tif", axes="ZYX").plane_shape == (5,)


def test_too_many_axes(tmp_path: Path) -> None:
    many = np.zeros((2, 2, 2, 2, 8, 8), np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", many, metadata={"axes": "QTZCYX"})
    with pytest.raises(OODSegError, match="more than time, depth and channel"):
        open_image(tmp_path / "a.tif")


@pytest.mark.parametrize(
    ("options", "size", "unit"),
    [
        pytest.param({}, (1, 1), "pixel", id="unknown"),
        pytest.param(MICRONS, (0.25, 0.5), "micrometer", id="centimetre"),
        pytest.param(
            {"resolution": (72, 72), "resolutionunit": "INCH"}, (1, 1), "pixel",
            id="screen",
        ),
        pytest.param(
            {"resolution": (50800, 25400), "resolutionunit": "INCH"}, (1.0, 0.5),
            "micrometer", id="inch",
        ),
        pytest.param(
            {"resolution": (2, 4), "imagej": True, "metadata": {"unit": "um"}},
            (0.25, 0.5), "micrometer", id="ImageJ",
        ),
        pytest.param(
            {
                "ome": True,
                "metadata": {
                    "PhysicalSizeY": 0.25, "PhysicalSizeYUnit": "mm",
                    "PhysicalSizeX": 0.5, "PhysicalSizeXUnit": "mm",
                },
            },
            (0.25, 0.5), "millimeter", id="OME",
        ),
        pytest.param(
            {"description": "Aperio Image Library v1.0\n1x1|MPP = 0.2525|AppMag = 40",
             "metadata": None},
            (0.2525, 0.2525), "micrometer", id="Aperio",
        ),
    ],
)  # fmt: skip
def test_pixel_size(
    tmp_path: Path, options: dict[str, Any], size: tuple[float, float], unit: str
) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY, **options)
    source = open_image(tmp_path / "a.tif")
    assert source.unit == unit
    assert source.pixel_size == pytest.approx(size)


def test_ome_channel_names(tmp_path: Path) -> None:
    names = {"axes": "CYX", "Channel": {"Name": ["DAPI", "b", "c", "d", "e"]}}
    tifffile.imwrite(tmp_path / "a.ome.tif", STACK, ome=True, metadata=names)
    source = open_image(tmp_path / "a.ome.tif")
    assert source.channel_names == ("DAPI", "b", "c", "d", "e")


@pytest.mark.parametrize("ome", [False, True], ids=["plain", "OME"])
def test_pyramid(tmp_path: Path, ome: bool) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path, ome=ome) as tif:
        tif.write(RGB, subifds=1, photometric="rgb", **TILED)
        tif.write(RGB[::2, ::2], subfiletype=1, photometric="rgb", **TILED)
    source = open_image(path)
    assert [level.shape for level in source.levels] == [(300, 200, 3), (150, 100, 3)]
    np.testing.assert_array_equal(np.asarray(source.levels[1]), RGB[::2, ::2])


@pytest.mark.parametrize("options", [{}, TILED, {"bigtiff": True}], ids=str)
def test_cut_off(tmp_path: Path, options: dict[str, Any]) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, **options)
    data = path.read_bytes()
    ends = [*range(200), *np.linspace(200, len(data) - 1, 60, dtype=int).tolist()]
    for end in ends:
        path.write_bytes(data[:end])
        with pytest.raises(FileFormatError, match=r"a\.tif"):
            open_image(path)


def test_damaged_tile_is_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, GREY, **TILED)
    with tifffile.TiffFile(path) as tif:
        offset = tif.pages.first.dataoffsets[0]
    data = bytearray(path.read_bytes())
    data[offset : offset + 50] = bytes(50)
    path.write_bytes(data)
    source = open_image(path)
    np.testing.assert_array_equal(
        source.read(slice(64, 100), slice(64, 100))[0], GREY[64:100, 64:100]
    )
    with pytest.raises(OODSegError, match=r"part of 'a\.tif' cannot be read"):
        source.read(slice(0, 10), slice(0, 10))


def test_missing_codec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY, **TILED)
    monkeypatch.setattr(tifffile.TIFF, "DECOMPRESSORS", {})
    with pytest.raises(FileFormatError, match="pip install imagecodecs"):
        open_image(tmp_path / "a.tif")


def test_label_masks(tmp_path: Path) -> None:
    mask = (GREY % 3).astype(np.uint8)
    colors = np.zeros((3, 256), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", mask)
    tifffile.imwrite(tmp_path / "b.tif", mask, photometric="palette", colormap=colors)
    for name in ("a.tif", "b.tif"):
        np.testing.assert_array_equal(read_labels(tmp_path / name), mask)
    tifffile.imwrite(tmp_path / "c.tif", RGB, photometric="rgb")
    with pytest.raises(OODSegError, match="one class number per pixel"):
        read_labels(tmp_path / "c.tif")


def test_whole_slide(tmp_path: Path) -> None:
    path = tmp_path / "a.svs"
    text = "Aperio Image Library v1.0\n200x300|AppMag = 40|MPP = 0.25"
    options = {**TILED, "photometric": "rgb", "metadata": None, "description": text}
    with tifffile.TiffWriter(path, bigtiff=True) as tif:
        tif.write(RGB, **options)
        tif.write(RGB[::4, ::4], photometric="rgb", metadata=None, rowsperstrip=16)
        tif.write(RGB[::2, ::2], **options)
    source = open_image(path)
    assert [level.shape[:2] for level in source.levels] == [(300, 200), (150, 100)]
    assert (source.pixel_size, source.unit) == ((0.25, 0.25), "micrometer")
    np.testing.assert_array_equal(np.asarray(source.levels[1]), RGB[::2, ::2])


def test_file_is_closed_with_the_last_level(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", GREY)
    for _ in range(50):
        whole(open_image(tmp_path / "a.tif"))
    gc.collect()  # an open file would be a ResourceWarning, which is an error

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import zarr
from ome_zarr_models.v04 import Image as Image04
from ome_zarr_models.v05 import Image as Image05

from napari_ood_seg.core.errors import FileFormatError, ImageError
from napari_ood_seg.core.io.images import open_image, read_labels

if TYPE_CHECKING:
    from pathlib import Path

CUBE = np.random.default_rng(0).integers(0, 9, (2, 3, 40, 30), np.uint16)


def _axes(*names: str) -> list[dict[str, str]]:
    kinds = {"t": "time", "c": "channel", "z": "space", "y": "space", "x": "space"}
    axes = [{"name": n, "type": kinds[n]} for n in names]
    for axis in axes:
        if axis["type"] == "space":
            axis["unit"] = "micrometer"
    return axes


def _metadata() -> dict[str, Any]:
    levels = [
        {
            "path": f"s{i}",
            "coordinateTransformations": [
                {"type": "scale", "scale": [1.0, 1.0, 0.2 * 2**i, 0.1 * 2**i]},
                {"type": "translation", "translation": [0.0, 0.0, 1.0, 1.0]},
            ],
        }
        for i in range(2)
    ]
    image = {
        "name": "cells",
        "axes": _axes("t", "c", "y", "x"),
        "datasets": levels,
        "coordinateTransformations": [{"type": "scale", "scale": [1.0, 1.0, 2.0, 2.0]}],
    }
    window = {"min": 0, "max": 1, "start": 0, "end": 1}
    names = [{"label": n, "color": "ffffff", "window": window} for n in "abc"]
    return {"multiscales": [image], "omero": {"channels": names}}


def write(path: Path, version: str) -> None:
    """Write with zarr alone, so that reader and writer share nothing."""
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    names: dict[str, Any] = (
        {} if version == "0.4" else {"dimension_names": tuple("tcyx")}
    )
    for i in range(2):
        data = CUBE[..., :: 2**i, :: 2**i]
        group.create_array(f"s{i}", data=data, chunks=(1, 1, 16, 16), **names)
    metadata = _metadata()
    if version == "0.4":
        metadata["multiscales"][0]["version"] = "0.4"
        group.attrs.update(metadata)
    else:
        group.attrs["ome"] = {"version": "0.5", **metadata}


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_image(tmp_path: Path, version: str) -> None:
    path = tmp_path / "a.zarr"
    write(path, version)
    group = zarr.open_group(path, mode="r")
    (Image04 if version == "0.4" else Image05).from_zarr(group)
    source = open_image(path)
    assert (source.axes, source.name, source.unit) == ("TCYX", "cells", "micrometer")
    assert source.pixel_size == pytest.approx((0.4, 0.2))
    assert source.channel_names == ("a", "b", "c")
    assert [level.shape[-2:] for level in source.levels] == [(40, 30), (20, 15)]
    region = source.read(slice(3, 9), slice(20, 30), plane=(1,))
    np.testing.assert_array_equal(region, CUBE[1, :, 3:9, 20:30])


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_plain_array(tmp_path: Path, zarr_format: Any) -> None:
    zarr.save_array(tmp_path / "a.zarr", CUBE[0], zarr_format=zarr_format)
    source = open_image(tmp_path / "a.zarr")
    assert (source.axes, source.unit) == ("CYX", "pixel")
    np.testing.assert_array_equal(np.asarray(source.levels[0]), CUBE[0])


def test_old_axes(tmp_path: Path) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    group.create_array("0", data=CUBE[:, :, None])
    group.attrs["multiscales"] = [{"version": "0.1", "datasets": [{"path": "0"}]}]
    assert open_image(tmp_path / "a.zarr").axes == "TCZYX"


def test_bioformats_layout(tmp_path: Path) -> None:
    root = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=2)
    root.attrs["bioformats2raw.layout"] = 3
    write(tmp_path / "a.zarr" / "0", "0.4")
    assert open_image(tmp_path / "a.zarr").name == "cells"


@pytest.mark.parametrize(
    ("attributes", "sentence"),
    [
        ({"plate": {}}, "plate of many images"),
        ({}, "holds 0 arrays"),
        ({"ome": {"multiscales": [{"datasets": [{"path": "9"}]}]}}, "damaged"),
        ({"ome": {"multiscales": []}}, "damaged"),
        ({"ome": {"multiscales": [{}]}}, "damaged"),
    ],
)
def test_one_sentence(
    tmp_path: Path, attributes: dict[str, Any], sentence: str
) -> None:
    group = zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    group.attrs.update(attributes)
    with pytest.raises((ImageError, FileFormatError), match=sentence) as caught:
        open_image(tmp_path / "a.zarr")
    assert "a.zarr" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_strange_axes(tmp_path: Path) -> None:
    write(tmp_path / "a.zarr", "0.5")
    meta = tmp_path / "a.zarr" / "zarr.json"
    meta.write_text(meta.read_text().replace('"name": "t"', '"name": "angle"').replace(
        '"type": "time"', '"type": "space"'))  # fmt: skip
    with pytest.raises(ImageError, match="not time, channel, z, y and x"):
        open_image(tmp_path / "a.zarr")
    assert open_image(tmp_path / "a.zarr", axes="ZCYX").plane_shape == (2,)


def test_damaged_metadata_and_chunk(tmp_path: Path) -> None:
    write(tmp_path / "a.zarr", "0.5")
    source = open_image(tmp_path / "a.zarr")
    (tmp_path / "a.zarr" / "s0" / "c" / "0" / "0" / "0" / "0").write_bytes(b"x")
    with pytest.raises(ImageError, match="cannot be read"):
        source.read(slice(0, 4), slice(0, 4))
    meta = tmp_path / "a.zarr" / "zarr.json"
    text = meta.read_text()
    for end in range(0, len(text.rstrip()), 97):
        meta.write_text(text[:end])
        with pytest.raises(FileFormatError, match=r"a\.zarr"):
            open_image(tmp_path / "a.zarr")


def test_label_image(tmp_path: Path) -> None:
    write(tmp_path / "a.zarr", "0.5")
    group = zarr.open_group(tmp_path / "a.zarr", mode="r+")
    mask = CUBE[0, 0]
    labels = group.create_group("labels")
    for name in ("one", "two"):
        levels = [{"path": "0", "coordinateTransformations": []}]
        one = labels.create_group(name)
        one.create_array("0", data=mask)
        one.attrs["ome"] = {
            "multiscales": [{"axes": _axes("y", "x"), "datasets": levels}]
        }
    labels.attrs["ome"] = {"labels": ["one"]}
    np.testing.assert_array_equal(read_labels(tmp_path / "a.zarr"), mask)
    two = tmp_path / "a.zarr" / "labels" / "two"
    np.testing.assert_array_equal(read_labels(two), mask)
    meta = json.loads((two.parent / "zarr.json").read_text())
    meta["attributes"]["ome"]["labels"] = ["one", "two"]
    (two.parent / "zarr.json").write_text(json.dumps(meta))
    with pytest.raises(ImageError, match="several label images"):
        read_labels(tmp_path / "a.zarr")


NM = (500.0, 550.0, 600.0)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize(
    "channels",
    [
        [{"label": f"{nm:.0f} nm"} for nm in NM],
        [{"label": f"band {i}: {nm / 1000} µm"} for i, nm in enumerate(NM)],
        [{"label": "x", "emission_wavelength": nm} for nm in NM],
    ],
)
def test_channels_tell_wavelengths(
    tmp_path: Path, version: str, channels: list[dict[str, Any]]
) -> None:
    path = tmp_path / "a.zarr"
    write(path, version)
    attributes = zarr.open_group(path).attrs
    ome: dict[str, Any] = dict(attributes.asdict())
    inner = ome if version == "0.4" else ome["ome"]
    inner["omero"]["channels"] = channels
    attributes.update(ome)
    assert open_image(path).wavelengths == pytest.approx(NM)


@pytest.mark.parametrize("labels", [["DAPI", "550 nm", "600 nm"], ["500 nm", "550 nm"]])
def test_not_all_channels_tell_theirs(tmp_path: Path, labels: list[str]) -> None:
    path = tmp_path / "a.zarr"
    write(path, "0.4")
    attributes = zarr.open_group(path).attrs
    attributes["omero"] = {"channels": [{"label": label} for label in labels]}
    assert open_image(path).wavelengths is None


def test_a_plain_array_may_list_wavelengths(tmp_path: Path) -> None:
    path = tmp_path / "a.zarr"
    array = zarr.create_array(path, data=CUBE[0].transpose(1, 2, 0))
    array.attrs["wavelengths"] = [0.5, 0.55, 0.6]
    source = open_image(path)
    assert (source.axes, source.rgb) == ("YXC", False)
    assert source.wavelengths == pytest.approx(NM)
    np.testing.assert_array_equal(
        source.read(slice(3, 9), slice(0, 4)), CUBE[0, :, 3:9, :4]
    )
    array.attrs["wavelengths"] = [500, 600, 700, 800]
    with pytest.raises(FileFormatError, match="4 wavelengths for 3 bands"):
        open_image(path, axes="YXC")

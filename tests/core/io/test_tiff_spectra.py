from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile

from napari_ood_seg.core.errors import FileFormatError
from napari_ood_seg.core.io.images import open_image

if TYPE_CHECKING:
    from pathlib import Path

H, W, C = 20, 30, 7
RNG = np.random.default_rng(0)
CUBE = RNG.random((C, H, W)).astype(np.float32)
PREVIEW = RNG.integers(0, 255, (H, W, 3), np.uint8)
NM = tuple(float(nm) for nm in range(450, 520, 10))


def write_tagged(path: Path, *, preview: bool, nm: Any = NM, kind: str = "f") -> None:
    """Write as ODSI-DB does: a preview, then a page a band, the first with a tag."""
    tags = [(65000, kind, len(nm), nm, True), (65111, "s", 0, "some metadata", True)]
    with tifffile.TiffWriter(path) as tif:
        if preview:
            tif.write(PREVIEW, photometric="rgb")
        tif.write(CUBE[0], extratags=tags, photometric="minisblack")
        for band in CUBE[1:]:
            tif.write(band, photometric="minisblack")


def assert_cube(path: Path, *, first: int = 0) -> None:
    source = open_image(path)
    assert source.wavelengths == pytest.approx(NM)
    assert not source.rgb
    region = source.read(slice(3, 9), slice(5, 25))
    np.testing.assert_array_equal(region, CUBE[:, 3:9, 5:25])


@pytest.mark.parametrize("preview", [True, False])
@pytest.mark.parametrize("kind", ["f", "d"])
def test_tagged(tmp_path: Path, preview: bool, kind: str) -> None:
    write_tagged(tmp_path / "a.tif", preview=preview, kind=kind)
    assert_cube(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", ["f", "d"])
def test_tagged_from_the_last_wavelength_to_the_first(
    tmp_path: Path, kind: str
) -> None:
    write_tagged(tmp_path / "a.tif", preview=True, nm=NM[::-1], kind=kind)
    assert open_image(tmp_path / "a.tif").wavelengths == pytest.approx(NM[::-1])


@pytest.mark.parametrize(
    "description",
    [
        json.dumps({"wavelengths": NM, "camera": "Nuance EX"}),
        f"wavelengths: {', '.join(map(str, NM))}; exposure: 10, 20 ms",
        "Bands at " + " ".join(f"{nm:.0f}nm" for nm in NM),
        f"Wavelengths (um) = {[nm / 1000 for nm in NM]}",
    ],
)
@pytest.mark.parametrize("layout", ["pages", "planar", "samples"])
def test_described(tmp_path: Path, description: str, layout: str) -> None:
    cube, options = CUBE, dict[str, Any](photometric="minisblack")
    if layout == "planar":
        options["planarconfig"] = "separate"
    if layout == "samples":
        cube, options["planarconfig"] = CUBE.transpose(1, 2, 0), "contig"
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, cube, description=description, metadata=None, **options)
    assert_cube(path)


@pytest.mark.parametrize("shaped", [False, True])
@pytest.mark.parametrize("where", ["description", "page name"])
def test_page_by_page(tmp_path: Path, where: str, shaped: bool) -> None:
    path = tmp_path / "a.tif"
    with tifffile.TiffWriter(path) as tif:
        for nm, band in zip(NM, CUBE, strict=True):
            text = f"band at {nm:.1f} nm"
            options: dict[str, Any] = {} if shaped else {"metadata": None}
            if where == "description":
                options["description"] = text
            else:
                options["extratags"] = [(285, "s", 0, text, True)]
            tif.write(band, **options)
    assert_cube(path)


def test_ome(tmp_path: Path) -> None:
    named = {"axes": "CYX", "Channel": {"Name": [f"{nm:.0f} nm" for nm in NM]}}
    tifffile.imwrite(tmp_path / "a.ome.tif", CUBE, ome=True, metadata=named)
    assert_cube(tmp_path / "a.ome.tif")
    emission = {"axes": "CYX", "Channel": {"EmissionWavelength": list(NM)}}
    tifffile.imwrite(tmp_path / "b.ome.tif", CUBE, ome=True, metadata=emission)
    assert_cube(tmp_path / "b.ome.tif")


def test_a_time_series(tmp_path: Path) -> None:
    movie = np.stack([CUBE, CUBE + 1])
    named = {"axes": "TCYX", "Channel": {"Name": [f"{nm:.0f} nm" for nm in NM]}}
    tifffile.imwrite(tmp_path / "a.ome.tif", movie, ome=True, metadata=named)
    source = open_image(tmp_path / "a.ome.tif")
    assert (source.axes, source.plane_shape) == ("TCYX", (2,))
    assert source.wavelengths == NM
    part = source.read(slice(0, H), slice(0, W), plane=(1,))
    np.testing.assert_array_equal(part, CUBE + 1)


@pytest.mark.parametrize(
    ("cube", "description"),
    [
        (CUBE, "a plain text"),
        (CUBE, "laser at 488 nm"),
        (CUBE[:2], "wavelengths: 405, 488, 561"),
        (CUBE[:1], "wavelengths: 405, 488"),
        (CUBE, "wavelengths: unknown, 3 of them"),
    ],
)
def test_other_images_have_none(tmp_path: Path, cube: Any, description: str) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, cube, description=description, metadata=None, photometric="minisblack"
    )
    assert open_image(path).wavelengths is None


def test_colour_images_have_none(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    text = "wavelengths: 460, 545, 620"
    tifffile.imwrite(path, PREVIEW, photometric="rgb", description=text, metadata=None)
    assert open_image(path).rgb
    assert open_image(path).wavelengths is None


@pytest.mark.parametrize(("kind", "value"), [("H", (1, 2, 3)), ("s", "a text")])
def test_the_tag_may_mean_something_else(tmp_path: Path, kind: str, value: Any) -> None:
    path = tmp_path / "a.tif"
    tags = [(65000, kind, len(value), value, True)]
    tifffile.imwrite(path, CUBE, extratags=tags, photometric="minisblack")
    assert open_image(path).wavelengths is None


@pytest.mark.parametrize(
    ("nm", "sentence"),
    [
        (NM[:-1], "6 wavelengths for 7 bands"),
        ((*NM, 520.0), "8 wavelengths for 7 bands"),
        ((*NM[:-1], -1.0), "a band is at -1.0 nm"),
        ((*NM[:-1], float("nan")), "a band is at nan nm"),
    ],
)
def test_wrong_tags(tmp_path: Path, nm: Any, sentence: str) -> None:
    write_tagged(tmp_path / "a.tif", preview=True, nm=nm)
    with pytest.raises(FileFormatError, match=rf"'a.tif' says .*{sentence}"):
        open_image(tmp_path / "a.tif")


def test_wrong_list(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    text = "wavelengths: 450, 460, 470"
    tifffile.imwrite(path, CUBE, description=text, metadata=None)
    with pytest.raises(FileFormatError, match="3 wavelengths for 7 bands"):
        open_image(path)


def test_cut_off(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    write_tagged(path, preview=True)
    data = path.read_bytes()
    for end in np.linspace(0, len(data) - 1, 40, dtype=int).tolist():
        path.write_bytes(data[:end])
        try:
            source = open_image(path)
        except FileFormatError as error:
            assert path.name in str(error)  # noqa: PT017 - see below
        else:  # pages are missing, which TIFF cannot tell
            assert source.n_channels < C

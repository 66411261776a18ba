"""Files are written by the `spectral` library, which shares nothing with the reader."""

from __future__ import annotations

import sys
import tracemalloc
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from spectral.io import envi as writer

from napari_ood_seg.core.errors import FileFormatError, ImageError, OODSegError
from napari_ood_seg.core.io.envi import parsed
from napari_ood_seg.core.io.images import is_supported, open_image

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_ood_seg.core.data.source import ImageSource

H, W, C = 5, 7, 4
CUBE = (np.random.default_rng(0).random((H, W, C)) * 200).round(1)
NM = [450.5, 550.0, 650.0, 750.0]
AXES = {"bsq": "CYX", "bil": "YCX", "bip": "YXC"}


def write(path: Path, cube: Any = CUBE, **options: Any) -> None:
    metadata = {"wavelength": NM, "wavelength units": "nm"}
    writer.save_image(
        str(path),
        cube,
        **{"metadata": metadata, "force": True, "dtype": cube.dtype, **options},
    )


def whole(source: ImageSource) -> Any:
    return source.read(slice(0, source.height), slice(0, source.width))


def edit(path: Path, line: str, to: str) -> None:
    """Replace a line of a header that begins with `line`."""
    text = path.read_text(encoding="utf-8").splitlines()
    kept = [to if row.startswith(line) else row for row in text]
    path.write_text("\n".join(kept), encoding="utf-8")


@pytest.mark.parametrize("interleave", AXES)
@pytest.mark.parametrize("order", [0, 1], ids=["little", "big"])
@pytest.mark.parametrize(
    "dtype", ["u1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"]
)
def test_same_pixels(tmp_path: Path, interleave: str, order: int, dtype: str) -> None:
    cube = (CUBE - (50 if dtype[0] in "if" else 0)).astype(dtype)
    write(tmp_path / "a.hdr", cube, interleave=interleave, byteorder=order)
    source = open_image(tmp_path / "a.hdr")
    data = source.levels[0]
    assert (source.axes, source.rgb) == (AXES[interleave], False)
    assert data.dtype.newbyteorder("=") == np.dtype(dtype)
    np.testing.assert_array_equal(
        np.transpose(data, [source.axes.index(a) for a in "YXC"]), cube
    )
    part = source.read(slice(1, 4), slice(2, 6))
    expected = cube[1:4, 2:6].transpose(2, 0, 1)
    np.testing.assert_array_equal(part, expected.astype(np.float32))
    assert source.wavelengths == tuple(NM)


@pytest.mark.parametrize("ext", ["img", "raw", "dat", "bsq", "bil", "bip", ""])
@pytest.mark.parametrize("header", ["a.hdr", "a.img.hdr"])
def test_either_file_may_be_chosen(tmp_path: Path, ext: str, header: str) -> None:
    write(tmp_path / "a.hdr", ext=ext)
    data = tmp_path / (f"a.{ext}" if ext else "a")
    if header != "a.hdr":
        (tmp_path / "a.hdr").rename(data.with_name(f"{data.name}.hdr"))
        header = f"{data.name}.hdr"
    for name in (header, data.name):
        source = open_image(tmp_path / name)
        assert source.name == data.name
        np.testing.assert_allclose(whole(source), CUBE.transpose(2, 0, 1), rtol=1e-6)
    assert is_supported(tmp_path / header)


def test_upper_case_names(tmp_path: Path) -> None:
    write(tmp_path / "a.hdr")
    (tmp_path / "a.hdr").rename(tmp_path / "A.HDR")
    (tmp_path / "a.img").rename(tmp_path / "A.IMG")
    for name in ("A.HDR", "A.IMG"):
        assert open_image(tmp_path / name).n_channels == C


@pytest.mark.parametrize(
    ("unit", "factor", "known"),
    [
        ("Nanometers", 1, True),
        ("Micrometers", 1e-3, True),
        ("um", 1e-3, True),
        ("Unknown", 1, True),
        ("Unknown", 1e-3, True),
        ("Index", 1, False),
    ],
)
def test_wavelength_units(
    tmp_path: Path, unit: str, factor: float, known: bool
) -> None:
    metadata = {"wavelength": [nm * factor for nm in NM], "wavelength units": unit}
    write(tmp_path / "a.hdr", metadata=metadata)
    source = open_image(tmp_path / "a.hdr")
    assert source.wavelengths == (pytest.approx(NM) if known else None)


def test_bad_bands_are_not_used(tmp_path: Path) -> None:
    metadata = {"wavelength": NM, "bbl": [1, 0, 0, 1], "band names": list("abcd")}
    write(tmp_path / "a.hdr", metadata=metadata, interleave="bil")
    source = open_image(tmp_path / "a.hdr")
    assert (source.n_channels, source.bands) == (2, (0, 3))
    assert source.wavelengths == (450.5, 750.0)
    assert source.channel_names == ("a", "d")
    expected = CUBE[..., [0, 3]].transpose(2, 0, 1)
    np.testing.assert_allclose(whole(source), expected, rtol=1e-6)


def test_header_offset_and_pixel_size(tmp_path: Path) -> None:
    metadata = {"data ignore value": -999, "pixel size": [0.5, 0.25, "units=Meters"]}
    write(tmp_path / "a.hdr", metadata=metadata)
    data = (tmp_path / "a.img").read_bytes()
    (tmp_path / "a.img").write_bytes(b"x" * 33 + data)
    edit(tmp_path / "a.hdr", "header offset", "header offset = 33")
    source = open_image(tmp_path / "a.hdr")
    assert (source.pixel_size, source.unit) == ((0.25, 0.5), "meter")
    np.testing.assert_allclose(whole(source), CUBE.transpose(2, 0, 1), rtol=1e-6)


def test_a_header_as_others_write_it(tmp_path: Path) -> None:
    (tmp_path / "a.raw").write_bytes(np.arange(12, dtype="<u2").tobytes())
    text = (
        "ENVI\r\n; a remark = {\r\ndescription = {\r\n  Müller = 3\r\n}\r\n\r\n"
        "Samples=2\r\nLINES   = 3\r\nbands = 2\r\ndata type = 12\r\n"
        "interleave = BIP\r\nwavelength units = Micrometers\r\n"
        "Wavelength = {\r\n0.5,\r\n 0.6,\r\n}\r\n"
    )
    (tmp_path / "a.hdr").write_bytes(text.encode("latin-1"))
    source = open_image(tmp_path / "a.hdr")
    assert source.wavelengths == (500.0, 600.0)
    assert whole(source)[:, 2].tolist() == [[8, 10], [9, 11]]


def test_entries() -> None:
    entries = parsed("ENVI\n A  B = 1\nx = {1,\n2, }\n;y = 2\nz = {}\nopen = {1, 2")
    assert entries == {"a b": "1", "x": ["1", "2"], "z": [], "open": "{1, 2"}


def test_axes_can_be_named(tmp_path: Path) -> None:
    write(tmp_path / "a.hdr", interleave="bsq")
    source = open_image(tmp_path / "a.hdr", axes="TYX")
    assert (source.plane_shape, source.n_channels) == ((C,), 1)
    np.testing.assert_allclose(
        source.read(slice(0, H), slice(0, W), plane=(2,))[0], CUBE[..., 2], rtol=1e-6
    )


@pytest.mark.skipif(sys.platform != "linux", reason="files are not sparse elsewhere")
def test_fifty_gigabytes_are_opened_at_once(tmp_path: Path) -> None:
    lines, samples, bands = 50_000, 5_000, 100
    with (tmp_path / "a.bip").open("wb") as file:
        file.truncate(lines * samples * bands * 2)  # sparse
        file.seek(2 * ((40_000 * samples + 3_000) * bands + 7))
        file.write(np.array([1234], "<u2").tobytes())
    (tmp_path / "a.hdr").write_text(
        f"ENVI\nsamples = {samples}\nlines = {lines}\nbands = {bands}\n"
        "data type = 12\ninterleave = bip\nbyte order = 0\n"
    )
    tracemalloc.start()
    source = open_image(tmp_path / "a.hdr")
    part = source.read(slice(40_000, 40_008), slice(2_998, 3_006))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (source.height, source.width, source.n_channels) == (lines, samples, bands)
    assert part[7, 0, 2] == 1234
    assert np.count_nonzero(part) == 1
    assert most < 1_000_000  # bytes


# What may be wrong --------------------------------------------------------------


def _line(line: str, to: str) -> Callable[[Path], None]:
    return lambda folder: edit(folder / "a.hdr", line, to)


def _remove(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def _cut(n: int) -> Callable[[Path], None]:
    def cut(folder: Path) -> None:
        data = (folder / "a.img").read_bytes()
        (folder / "a.img").write_bytes(data[:n])

    return cut


def _text(text: bytes) -> Callable[[Path], None]:
    def write_text(folder: Path) -> None:
        (folder / "a.hdr").write_bytes(text)

    return write_text


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (_line("samples", "samples = -7"), "samples = '-7' where 1 or more"),
        (_line("samples", "samples = 0"), "samples = '0' where 1 or more"),
        (_line("samples", "samples = seven"), "samples = 'seven' where a whole number"),
        (_line("samples", "samples = 7.5"), "samples = '7.5' where a whole number"),
        (_line("samples", "samples ="), "samples = '' where a whole number"),
        (_line("samples", ""), "does not say 'samples'"),
        (_line("lines", "lines = 6"), "1,120 bytes where 4|cut off"),
        (_line("lines", "lines = 4"), "longer"),
        (_line("lines", "lines = 99999999999999999999999"), "cut off"),
        (_line("bands", "bands = 3"), "longer"),
        (_line("bands", ""), "does not say 'bands'"),
        (_line("data type", "data type = 4"), "longer"),
        (_line("data type", "data type = 7"), "data type = '7'"),
        (_line("data type", "data type = float"), "data type = 'float'"),
        (_line("interleave", "interleave = rows"), "'rows' where bsq, bil or bip"),
        (_line("byte order", "byte order = 2"), "byte order = '2'"),
        (_line("header offset", "header offset = -1"), "header offset = '-1'"),
        (_line("header offset", "header offset = 99999999"), "cut off"),
        (_line("header offset", "file compression = 1"), "compressed"),
        (_line("header offset", "major frame offsets = {0, 9}"), "not supported"),
        (
            _line("header offset", "wavelength = {1, 2}\nbbl = {0,0,0,0}"),
            "0 of 4 bands",
        ),
        (_line("header offset", "bbl = {1, 1, 1}"), "3 of 3 bands .* for 4 bands"),
        (_line("header offset", "bbl = {1, 1, 1, x}"), "bbl = '1, 1, 1, x'"),
        (_line("wavelength =", "wavelength = {1, 2, 3}"), "3 wavelengths for 4 bands"),
        (_line("wavelength =", "wavelength = {1, 2, 3, red}"), "3, red' where numbers"),
        (_line("wavelength =", "wavelength = {400, 500, -1, 2}"), "at -1.0 nm"),
        (_line("wavelength =", "wavelength = {400, nan, 1, 2}"), "at nan nm"),
        (_remove("a.img"), "no data file for 'a.hdr'"),
        (_cut(1119), "1,119 bytes where .* make 1,120"),
        (_cut(0), "0 bytes where"),
        (_text(b""), "no ENVI header"),
        (_text(b"#?RADIANCE\n"), "no ENVI header"),
        (_text(bytes(1000)), "no ENVI header"),
        (_text(b"ENVI\n" + bytes(range(256))), "does not say"),
    ],
)
def test_one_sentence(
    tmp_path: Path, spoil: Callable[[Path], None], sentence: str
) -> None:
    write(tmp_path / "a.hdr")
    text = (tmp_path / "a.hdr").read_text(encoding="utf-8")
    wavelengths = ", ".join(map(str, NM))
    one_line = (
        text[: text.index("wavelength = {")] + f"wavelength = {{{wavelengths}}}\n"
    )
    (tmp_path / "a.hdr").write_text(one_line, encoding="utf-8")
    assert open_image(tmp_path / "a.hdr").wavelengths == tuple(NM)
    spoil(tmp_path)
    files = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(FileFormatError, match=sentence) as caught:
        open_image(tmp_path / "a.hdr")
    assert "\n" not in str(caught.value)
    assert "'a." in str(caught.value)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == files


def test_data_without_a_header(tmp_path: Path) -> None:
    (tmp_path / "a.img").write_bytes(bytes(100))
    with pytest.raises(FileFormatError, match=r"copy its \.hdr file there"):
        open_image(tmp_path / "a.img")


def test_complex_pixels_and_libraries(tmp_path: Path) -> None:
    write(tmp_path / "a.hdr", CUBE.astype(np.complex64))
    with pytest.raises(ImageError, match="complex64 are not supported"):
        open_image(tmp_path / "a.hdr")
    edit(tmp_path / "a.hdr", "file type", "file type = ENVI Spectral Library")
    with pytest.raises(ImageError, match="a library of spectra"):
        open_image(tmp_path / "a.hdr")


@pytest.mark.parametrize("seed", range(60))
def test_a_damaged_header_is_one_sentence_or_read(tmp_path: Path, seed: int) -> None:
    write(tmp_path / "a.hdr")
    data = bytearray((tmp_path / "a.hdr").read_bytes())
    rng = np.random.default_rng(seed)
    for at in rng.integers(5, len(data), 4):
        data[at] = rng.integers(0, 256)
    (tmp_path / "a.hdr").write_bytes(data[: rng.integers(5, len(data))])
    try:
        whole(open_image(tmp_path / "a.hdr"))
    except OODSegError as error:
        assert "\n" not in str(error)  # noqa: PT017 - either is fine

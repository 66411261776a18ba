from __future__ import annotations

from pathlib import Path

import pytest

from napari_ood_seg.core.errors import FileFormatError
from napari_ood_seg.core.io.wavelengths import (
    checked,
    from_labels,
    from_list,
    in_nm,
    lengths_in,
    of_channels,
)

PATH = Path("folder") / "a.tif"


@pytest.mark.parametrize(
    ("values", "unit", "expected"),
    [
        ([400, 500.5], "Nanometers", (400, 500.5)),
        ([400, 500.5], "nm", (400, 500.5)),
        ([0.4, 2.5], "Micrometers", (400, 2500)),
        ([0.4, 2.5], "µm", (400, 2500)),
        ([4000, 5000], "Angstroms", (400, 500)),
        ([0.4, 2.5], "", (400, 2500)),
        ([400, 2500], "Unknown", (400, 2500)),
        ([12.0, 14.0], "nm", (12, 14)),  # a unit is believed
        ([1, 2, 3], "Index", None),
        ([20000, 10000], "Wavenumber", None),
        ([], "nm", ()),
    ],
)
def test_in_nm(
    values: list[float], unit: str, expected: tuple[float, ...] | None
) -> None:
    assert in_nm(values, unit) == expected


def test_one_for_each_band() -> None:
    assert checked([500, 600], 2, PATH) == (500.0, 600.0)
    with pytest.raises(
        FileFormatError, match=r"'a.tif' says 2 wavelengths for 3 bands"
    ):
        checked([500, 600], 3, PATH)


@pytest.mark.parametrize("bad", [0.0, -500.0, float("nan"), float("inf")])
def test_bands_lie_somewhere(bad: float) -> None:
    with pytest.raises(FileFormatError, match=r"'a.tif' says that a band is at"):
        checked([500, bad], 2, PATH)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"wavelengths": [450.0, 460.5]}', (450, 460.5)),
        ("{'wavelengths': [450.0, 460.5]}", (450, 460.5)),
        ("Wavelengths = {450, 460,\n470}", (450, 460, 470)),
        ("wavelength: 450 nm, 460 nm", (450, 460)),
        ("wavelengths 450 460 470", (450, 460, 470)),
        ("Wavelength (nm): 450; 460", (450, 460)),
        ("Wavelength (um): 0.45; 0.46", (450, 460)),
        ("band centers: 4.5e2, 4.6e2", (450, 460)),
        ("exposure: 10, 20", ()),
        ("wavelength: 488 nm", ()),
        ("wavelengths: none", ()),
        ("wavelengths: \N{SNOWMAN}", ()),
        ("", ()),
    ],
)
def test_lists(text: str, expected: tuple[float, ...]) -> None:
    assert from_list(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("550nm", (550,)),
        ("band_03_550.5 nm", (550.5,)),
        ("0.55 µm and 600 NM", (550, 600)),
        ("550 nmol", ()),
        ("v1.550 nm", ()),
        ("no number", ()),
    ],
)
def test_lengths(text: str, expected: tuple[float, ...]) -> None:
    assert lengths_in(text) == expected


def test_labels_need_one_each() -> None:
    assert from_labels(["500 nm", "600 nm"]) == (500, 600)
    assert from_labels(["500 nm", "red"]) is None
    assert from_labels(["500 nm", "500 nm"]) is None  # what they share is no band
    assert from_labels([]) is None


def test_channels() -> None:
    numbers: list[dict[str, object]] = [
        {"Name": "DAPI", "EmissionWavelength": 461},
        {"EmissionWavelength": 520},
    ]
    assert of_channels(numbers) == (461, 520)
    microns = [{"EmissionWavelength": 0.5, "EmissionWavelengthUnit": "µm"}]
    assert of_channels(microns) == (500,)
    assert of_channels([{"label": "550 nm"}, {"label": "560nm"}]) == (550, 560)
    assert of_channels([{"label": "DAPI"}]) is None
    assert of_channels([]) is None

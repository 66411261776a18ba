from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_ood_seg.core.data.areas import Areas
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.data.spectra import Spectrum
from napari_ood_seg.core.errors import OutputError
from napari_ood_seg.core.io.table_files import save_areas, save_spectra
from napari_ood_seg.core.types import UNKNOWN, ClassInfo

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = (ClassInfo(id=3, name='liver, "left"', color="#123456"),)


def rows_of(path: Path) -> list[list[str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def source(unit: str) -> ImageSource:
    image = np.zeros((2, 4, 5), np.uint8)
    return ImageSource.from_array(image, axes="TYX", pixel_size=(0.5, 2.0), unit=unit)


def test_spectra_come_back(tmp_path: Path, rng: np.random.Generator) -> None:
    mean, spread = rng.normal(size=(2, 4))
    one = Spectrum(mean=mean, spread=spread, n=5)
    axis = (np.array([500.0, 510.5, 520.0, 530.0]), "wavelength (nm)")
    save_spectra(tmp_path / "s.csv", axis, [("a, b", one), ("c", one)])
    head, *rows = rows_of(tmp_path / "s.csv")
    assert head[:3] == ["wavelength (nm)", "a, b mean", "a, b standard deviation"]
    table = np.array(rows, float)
    np.testing.assert_allclose(table[:, 0], axis[0])
    np.testing.assert_allclose(table[:, 1], mean, rtol=1e-6)
    np.testing.assert_allclose(table[:, 4], spread, rtol=1e-6)


def test_areas_have_a_row_for_each_frame_and_class(tmp_path: Path) -> None:
    frames = [(0, Areas({3: 15, UNKNOWN: 5})), (4, Areas({UNKNOWN: 20}))]
    save_areas(tmp_path / "a.csv", frames, CLASSES, source("micrometer"))
    assert rows_of(tmp_path / "a.csv") == [
        ["frame", "class", "pixels", "share", "area (micrometer^2)"],
        ["0", 'liver, "left"', "15", "0.750000", "15"],
        ["0", "unknown", "5", "0.250000", "5"],
        ["4", 'liver, "left"', "0", "0.000000", "0"],
        ["4", "unknown", "20", "1.000000", "20"],
    ]


def test_no_area_without_a_size_of_pixels(tmp_path: Path) -> None:
    save_areas(tmp_path / "a.csv", [(0, Areas({3: 1}))], CLASSES, source("pixel"))
    assert rows_of(tmp_path / "a.csv")[0] == ["frame", "class", "pixels", "share"]


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        save_areas(tmp_path / "no" / "a.csv", [], CLASSES, source("pixel"))

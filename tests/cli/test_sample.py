from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import napari_ood_seg.core as ood
from napari_ood_seg.samples import load_sample

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


@pytest.mark.parametrize(
    ("name", "suffix"), [("histology", ".png"), ("hyperspectral", ".npz")]
)
def test_files_are_the_sample(run: Run, tmp_path: Path, name: str, suffix: str) -> None:
    folder = tmp_path / "new"
    result = run("sample", name, "-o", folder)
    assert result.exit_code == 0, result.output
    sample = load_sample(name)
    image = ood.open_image(folder / f"{name}{suffix}")
    np.testing.assert_array_equal(
        np.asarray(image.levels[0]), np.asarray(sample.image.levels[0])
    )
    assert (image.axes, image.rgb) == (sample.image.axes, sample.image.rgb)
    assert image.wavelengths == sample.image.wavelengths
    scribbles, classes = ood.load_scribbles(folder / f"{name}.oodscribbles")
    np.testing.assert_array_equal(scribbles.to_labels(), sample.scribbles.to_labels())
    assert classes == sample.classes


def test_nothing_is_replaced(run: Run, tmp_path: Path) -> None:
    mine = tmp_path / "histology.oodscribbles"
    mine.write_bytes(b"mine")
    result = run("sample", "-o", tmp_path)
    assert result.exit_code == 1
    assert "exists already" in result.stderr
    assert list(tmp_path.iterdir()) == [mine]
    assert mine.read_bytes() == b"mine"


def test_a_folder_that_cannot_be(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    result = run("sample", "-o", tmp_path / "file" / "folder")
    assert result.exit_code == 1
    assert "cannot write" in result.stderr

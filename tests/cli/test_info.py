from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import napari_ood_seg.core as ood
from napari_ood_seg.core.training.bundle import describe

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


def test_the_table_says_what_it_is(run: Run, files: Path) -> None:
    result = run("info", files / "tissue.oodseg")
    assert result.exit_code == 0, result.output
    model = ood.load_model(files / "tissue.oodseg")
    for words in [c.name for c in model.classes] + list(model.config.detectors):
        assert words in result.stdout
    rows = {
        cells[1].strip(): cells[2].strip()
        for cells in (line.split("│") for line in result.stdout.splitlines())
        if len(cells) > 2
    }
    assert rows["channels"] == "3"
    assert rows["wavelengths"] == "not known"
    assert rows["strokes"].endswith(str(model.calibration.n_strokes))


def test_json_is_the_document(run: Run, files: Path) -> None:
    result = run("info", files / "tissue.oodseg", "--json")
    document = describe(ood.load_model(files / "tissue.oodseg"))
    assert json.loads(result.stdout) == json.loads(json.dumps(document))


@pytest.mark.parametrize("name", ["no.oodseg", "cut.oodseg", "mask.oodscribbles"])
def test_errors(run: Run, files: Path, name: str) -> None:
    result = run("info", files / name)
    assert result.exit_code == 1
    assert name in result.stderr
    assert result.stderr.count("\n") == 1

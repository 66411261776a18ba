from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

import numpy as np
import pytest

import napari_ood_seg.core as ood
from napari_ood_seg.core.evaluation.truth import unpainted
from napari_ood_seg.samples import load_sample

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run

SUMMARY = ("mIoU, known pixels", "open-set mIoU", "AUROC", "known kept (asked 0.9)")


@pytest.fixture(scope="module")
def surgery(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a crop of the hyperspectral sample and its truth."""
    folder = tmp_path_factory.mktemp("surgery")
    sample = load_sample("hyperspectral")
    assert sample.truth is not None
    where = (slice(20, 180), slice(60, 260))
    np.save(folder / "image.npy", np.asarray(sample.image.levels[0])[where])
    np.save(folder / "mask.npy", sample.scribbles.to_labels(where))
    np.save(folder / "truth.npy", sample.truth[where])
    np.save(folder / "zeros.npy", np.zeros_like(sample.truth[where]))
    np.save(folder / "small.npy", sample.truth[:9])
    return folder


@pytest.mark.parametrize("mask", ["mask.png", "mask.oodscribbles"])
def test_the_values_are_those_of_the_api(
    run: Run, files: Path, tmp_path: Path, mask: str
) -> None:
    image, out = files / "tissue.png", tmp_path / "a.json"
    result = run(
        "evaluate", image, "-s", files / mask, "--json", out, "--device", "cpu"
    )
    assert result.exit_code == 0, result.output
    expected = ood.audit(image, files / mask, device="cpu")
    document = json.loads(out.read_text())
    assert document["audit"] == expected.to_dict()
    assert document["truth"] is None
    assert f"saved {out}" in result.stdout
    assert list(tmp_path.iterdir()) == [out]


def test_the_table(run: Run, files: Path) -> None:
    image, mask = files / "tissue.png", files / "mask.png"
    names = ("--classes", "a [b],c,d")
    result = run("evaluate", image, "-s", mask, *names, "--keep", 0.9)
    assert result.exit_code == 0, result.output
    expected = ood.audit(image, mask, device="cpu", keep=0.9)
    rows = [line.split("│") for line in result.stdout.splitlines() if "│" in line]
    assert [row[1].strip() for row in rows] == ["a [b]", "c", "d", "mean"]
    for row, c in zip(rows, expected.classes, strict=False):
        found = [float(cell) for cell in row[2:7]]
        wanted = [c.auroc, c.ap, c.fpr95, c.tpr, c.kept]
        assert found == pytest.approx(wanted, abs=6e-4)
    assert float(rows[-1][2]) == pytest.approx(expected.mean["auroc"], abs=6e-4)
    assert "threshold at keep 0.9" in result.stdout


def test_files(run: Run, files: Path, tmp_path: Path) -> None:
    outputs = [tmp_path / name for name in ("a.json", "a.csv", "a.svg")]
    options = [
        x for o in outputs for x in (f"--{o.suffix[1:].replace('svg', 'plot')}", o)
    ]
    inputs = (files / "tissue.png", "-s", files / "mask.oodscribbles")
    result = run("evaluate", *inputs, *options)
    assert result.exit_code == 0, result.output
    _, classes = ood.load_scribbles(files / "mask.oodscribbles")
    with outputs[1].open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["name"] for row in rows] == [c.name for c in classes]
    document = json.loads(outputs[0].read_text())["audit"]
    assert [float(r["auroc"]) for r in rows] == [
        c["auroc"] for c in document["classes"]
    ]
    texts = [
        t.text for t in ET.parse(outputs[2]).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert {c.name for c in classes} <= set(texts)


def test_against_the_truth(run: Run, surgery: Path, tmp_path: Path) -> None:
    image, mask = surgery / "image.npy", surgery / "mask.npy"
    out = tmp_path / "a.json"
    options = ("--truth", surgery / "truth.npy", "--keep", 0.9, "--json", out)
    result = run("evaluate", image, "-s", mask, *options)
    assert result.exit_code == 0, result.output
    model = ood.train(image, mask, device="cpu")
    truth = unpainted(
        np.load(surgery / "truth.npy"), ood.Scribbles.from_labels(np.load(mask))
    )
    expected = ood.against_truth(
        ood.predict(model, image, device="cpu"), truth, classes=model.classes, keep=0.9
    )
    assert json.loads(out.read_text())["truth"] == expected.to_dict()
    for name in SUMMARY:
        line = next(x for x in result.stdout.splitlines() if f"│ {name} " in x)
        value = float(line.split("│")[2])
        assert value == pytest.approx(expected.summary()[name], abs=6e-4)
    assert "│    unknown │" in result.stdout


def test_several_images(run: Run, surgery: Path, tmp_path: Path) -> None:
    image, mask, truth = (surgery / f"{n}.npy" for n in ("image", "mask", "truth"))
    pairs = (image, image, "-s", mask, "-s", mask, "-t", truth, "-t", truth)
    result = run("evaluate", *pairs, "--json", tmp_path / "a.json")
    assert result.exit_code == 0, result.output
    document = json.loads((tmp_path / "a.json").read_text())
    assert (document["audit"]["folds"], document["audit"]["n_images"]) == ("images", 2)
    n = (np.load(truth)[np.load(mask) == 0] > 0).sum()
    assert document["truth"]["n_known"] + document["truth"]["n_unknown"] == 2 * n


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ("tissue.png -s mask.png -s mask.png", "got 1 image but 2 --scribbles"),
        ("tissue.png -s mask.png -t mask.png -t mask.png", "but 2 --truth"),
        ("tissue.png -s mask.png -t small.png", "truth 'small.png' has shape"),
        ("tissue.png -s mask.png -t empty.png", "no other value than 0"),
        ("tissue.png -s mask.png -t tissue.png", "holds colours"),
        ("tissue.png -s empty.png", "there are no scribbles yet"),
        ("no.png -s mask.png", "there is no file"),
        ("constant.png -s mask.png", "is constant"),
        ("tissue.png -s mask.png --plot a.pdf", "end it in .svg"),
        ("tissue.png -s mask.png --json .", "is a folder"),
        ("tissue.png -s mask.png --csv no/a.csv", "no such file"),
        ("tissue.png -s mask.png --device abacus", "no device 'abacus'"),
    ],
)
def test_errors(
    run: Run,
    files: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    inputs: str,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    known = {p.name for p in files.iterdir()} | {"no.png"}
    arguments = [files / a if a in known else a for a in inputs.split()]
    result = run("evaluate", *arguments)
    assert result.exit_code == 1
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_one_class_cannot_be_audited(run: Run, surgery: Path, tmp_path: Path) -> None:
    mask = np.load(surgery / "mask.npy")
    np.save(tmp_path / "one.npy", np.where(mask == 1, mask, 0))
    result = run("evaluate", surgery / "image.npy", "-s", tmp_path / "one.npy")
    assert result.exit_code == 1
    assert "paint a second class" in result.stderr


def test_stopped_by_ctrl_c(
    run: Run, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("napari_ood_seg.core.evaluation.protocol.predict_at", stop)
    (tmp_path / "a.json").write_text("mine")
    inputs = (files / "tissue.png", "-s", files / "mask.png")
    result = run("evaluate", *inputs, "--json", tmp_path / "a.json")
    assert result.exit_code == 130
    assert result.stderr == "stopped: no half file is left\n"
    assert [p.read_text() for p in tmp_path.iterdir()] == ["mine"]

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

import napari_ood_seg.core as ood

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


@pytest.mark.parametrize("mask", ["mask.png", "mask.oodscribbles"])
def test_the_model_is_that_of_the_api(
    run: Run, files: Path, tmp_path: Path, mask: str
) -> None:
    image, model = files / "tissue.png", tmp_path / "m.oodseg"
    result = run("train", image, "-s", files / mask, "-o", model, "--device", "cpu")
    assert result.exit_code == 0, result.output
    expected = ood.predict(ood.load_model(files / "tissue.oodseg"), image, device="cpu")
    found = ood.predict(ood.load_model(model), image, device="cpu")
    np.testing.assert_array_equal(found.classes, expected.classes)
    np.testing.assert_array_equal(found.score, expected.score)
    assert list(tmp_path.iterdir()) == [model]


def test_the_table(run: Run, files: Path, tmp_path: Path) -> None:
    model = tmp_path / "m.oodseg"
    image, mask = files / "tissue.png", files / "mask.oodscribbles"
    result = run("train", image, "--scribbles", mask, "--output", model)
    scribbles, classes = ood.load_scribbles(mask)
    rows = [line for line in result.stdout.splitlines() if line.count("│") == 4]
    assert len(rows) == len(classes)
    for row, info in zip(rows, classes, strict=True):
        _, name, strokes, pixels, _ = row.split("│")
        assert name.strip() == info.name
        assert int(pixels) == scribbles.pixel_counts()[info.id]
        mine = [s for s in scribbles.strokes if s.class_id == info.id]
        assert int(strokes) == len(mine)
    assert "held-out strokes" in result.stdout
    assert f"saved {model}" in result.stdout


def test_names_and_several_images(run: Run, files: Path, tmp_path: Path) -> None:
    image, model = files / "tissue.png", tmp_path / "m.oodseg"
    options = ("--classes", "a [b], c", "-o", model)
    masks = ("-s", files / "mask.png", "-s", files / "mask.oodscribbles")
    result = run("train", image, image, *masks, *options)
    assert result.exit_code == 0, result.output
    assert "a [b]" in result.stdout
    classes = ood.load_model(model).classes
    assert [c.name for c in classes] == ["a [b]", "c", "Stroma fibres (pale)"]


@pytest.mark.parametrize(
    ("inputs", "output", "words"),
    [
        ("no.png -s mask.png", "m.oodseg", "there is no file"),
        ("tissue.png -s no.png", "m.oodseg", "there is no file"),
        ("tissue.png small.png -s mask.png", "m.oodseg", "got 2 images but 1"),
        ("tissue.png -s mask.png -s mask.png", "m.oodseg", "got 1 image but 2"),
        ("tissue.png -s empty.png", "m.oodseg", "there are no scribbles yet"),
        ("tissue.png -s small.png", "m.oodseg", "9 x 128 pixels but the image"),
        ("tissue.png -s tissue.png", "m.oodseg", "holds colours"),
        ("tissue.png -s cut.oodseg", "m.oodseg", "not a supported image"),
        ("constant.png -s mask.png", "m.oodseg", "is constant"),
        ("nan.npy -s mask.png", "m.oodseg", "no finite pixel"),
        ("tissue.png grey.png -s mask.png -s mask.png", "m.oodseg", "3 channels"),
        ("tissue.png -s mask.png", "no/m.oodseg", "no such file"),
        ("tissue.png -s mask.png", "file/m.oodseg", "not a directory"),
        ("tissue.png -s mask.png", "m.tif", "end it in .oodseg"),
        ("tissue.png -s mask.png", "folder.oodseg", "is a folder"),
        ("tissue.png -s mask.png --device abacus", "m.oodseg", "no device 'abacus'"),
    ],
)
def test_errors(
    run: Run, files: Path, tmp_path: Path, inputs: str, output: str, words: str
) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "folder.oodseg").mkdir()
    arguments = [files / a if "." in a else a for a in inputs.split()]
    result = run("train", *arguments, "-o", tmp_path / output)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert {p.name for p in tmp_path.iterdir()} == {"file", "folder.oodseg"}


def test_the_deep_engine(run: Run, files: Path, tmp_path: Path) -> None:
    """Stopped soon, and taken up from its checkpoint."""
    model, kept = tmp_path / "deep.oodseg", tmp_path / "training.pt"
    arguments = ("train", files / "tissue.png", "-s", files / "mask.png", "-o", model)
    options = ("--engine", "deep", "--seconds", "1", "--device", "cpu")
    both = ("--evidence", "both")  # so that the network is part of the model
    result = run(*arguments, *options, *both, "--checkpoint", kept)
    assert result.exit_code == 0, result.output
    assert kept.is_file()
    deep = ood.load_model(model)
    assert deep.descriptor.network is not None
    assert "U-Net" in deep.descriptor.network.name
    prediction = ood.predict(deep, files / "tissue.png", device="cpu")
    assert set(np.unique(prediction.classes)) <= set(deep.class_ids)


def test_two_processes_write_one_model(files: Path, tmp_path: Path) -> None:
    """Under torchrun, as a user starts it."""
    model, kept = tmp_path / "deep.oodseg", tmp_path / "training.pt"
    done = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run"),
            *("--standalone", "--nproc-per-node", "2", "-m", "napari_ood_seg"),
            *("train", files / "tissue.png", "-s", files / "mask.png", "-o", model),
            *("--engine", "deep", "--seconds", "1", "--device", "cpu"),
            *("--evidence", "both", "--checkpoint", kept),
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"saved {model}") == 1
    assert set(tmp_path.iterdir()) == {model, kept}
    deep = ood.load_model(model)
    assert deep.descriptor.network is not None
    steps = torch.load(kept, weights_only=True)["numbers"][0]
    assert deep.descriptor.network.name == f"U-Net, {steps} steps"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("--network resnet", "unknown network: resnet"),
        ("--pretrained weights.pth", "choose an efficientnet"),
        ("--network efficientnet-b0 --pretrained no.pth", "there are no weights"),
        ("--network backbone", "needs pretrained weights"),
        ("--network backbone --pretrained no/thing", "is not on this machine"),
    ],
)
def test_settings_of_the_network(
    run: Run, files: Path, tmp_path: Path, options: str, words: str
) -> None:
    arguments = ("train", files / "tissue.png", "-s", files / "mask.png")
    output = ("-o", tmp_path / "m.oodseg", "--engine", "deep", "--device", "cpu")
    result = run(*arguments, *output, *options.split())
    assert result.exit_code in {1, 2}
    assert words in " ".join(result.output.replace("│", " ").split())
    assert not list(tmp_path.iterdir())


def test_an_unknown_engine(run: Run, files: Path, tmp_path: Path) -> None:
    image, mask = files / "tissue.png", files / "mask.png"
    model = tmp_path / "m.oodseg"
    result = run("train", image, "-s", mask, "-o", model, "--engine", "wide")
    assert result.exit_code == 2
    assert "instant" in result.output
    assert "deep" in result.output

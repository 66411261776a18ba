from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import pytest
import tifffile
import torch
import zarr

import napari_ood_seg.core as ood
from napari_ood_seg.core.types import UNKNOWN, Prediction

if TYPE_CHECKING:
    from pathlib import Path

    from tests.cli.conftest import Run


@pytest.fixture(scope="module")
def expected(files: Path) -> Prediction:
    model = ood.load_model(files / "tissue.oodseg")
    return ood.predict(model, files / "tissue.png", device="cpu", probabilities=True)


def test_zarr_is_the_prediction_of_the_api(
    run: Run, files: Path, tmp_path: Path, expected: Prediction
) -> None:
    path = tmp_path / "r.ome.zarr"
    options = ("--keep", 0.8, "--probabilities", "--device", "cpu")
    result = run(
        "predict", files / "tissue.oodseg", files / "tissue.png", "-o", path, *options
    )
    assert result.exit_code == 0, result.output
    root = zarr.open_group(path, mode="r")
    labels = expected.labels(keep=0.8)
    np.testing.assert_array_equal(np.asarray(root["labels/classes/0"]), labels)
    np.testing.assert_array_equal(
        np.asarray(root["probabilities/0"]), expected.probabilities
    )
    np.testing.assert_array_equal(ood.read_labels(path), labels)
    share = f"{(labels == UNKNOWN).mean():.1%}"
    row = next(line for line in result.stdout.splitlines() if "unknown" in line)
    assert share in row


def test_tiff(run: Run, files: Path, tmp_path: Path, expected: Prediction) -> None:
    path = tmp_path / "r.tif"
    result = run("predict", files / "tissue.oodseg", files / "tissue.png", "-o", path)
    assert result.exit_code == 0, result.output
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["r_classes.tif", "r_ood.tif"]
    labels = tifffile.imread(tmp_path / "r_classes.tif")
    np.testing.assert_array_equal(labels, expected.labels())


@pytest.mark.parametrize(
    ("form", "names"),
    [
        ("zarr", ["tissue.ome.zarr", "other.ome.zarr"]),
        (
            "tif",
            [
                "tissue_classes.tif",
                "tissue_ood.tif",
                "other_classes.tif",
                "other_ood.tif",
            ],
        ),
    ],
)
def test_several_images_into_a_folder(
    run: Run, files: Path, tmp_path: Path, form: str, names: list[str]
) -> None:
    other = tmp_path / "other.png"
    other.write_bytes((files / "tissue.png").read_bytes())
    out = tmp_path / "a" / "b"
    images = (files / "tissue.png", other)
    result = run(
        "predict", files / "tissue.oodseg", *images, "-o", out, "--format", form
    )
    assert result.exit_code == 0, result.output
    assert sorted(p.name for p in out.iterdir()) == sorted(names)


def test_plane_and_axes(
    run: Run, files: Path, tmp_path: Path, expected: Prediction
) -> None:
    image = np.asarray(ood.open_image(files / "tissue.png").levels[0])
    np.save(tmp_path / "stack.npy", np.stack([image[::-1], image]).swapaxes(1, 2))
    out = tmp_path / "r.npz"
    options = ("--axes", "ZXYC", "--plane", 1, "-o", out)
    result = run("predict", files / "tissue.oodseg", tmp_path / "stack.npy", *options)
    assert result.exit_code == 0, result.output
    with np.load(out) as archive:
        found = archive["classes"]
    # statistics of the features are those of the first plane, a mirror image
    assert (found == expected.labels()).mean() > 0.98


def test_variable_and_references(run: Run, files: Path, tmp_path: Path) -> None:
    image = np.asarray(ood.open_image(files / "tissue.png").levels[0])
    counts = image.astype(np.uint16) * 2 + 10
    np.savez(tmp_path / "two.npz", first=image[::-1], second=counts)
    np.save(tmp_path / "white.npy", np.full_like(counts, 520))
    np.save(tmp_path / "dark.npy", np.full_like(counts, 10))
    out = tmp_path / "r.npz"
    command = ("predict", files / "tissue.oodseg", tmp_path / "two.npz", "-o", out)
    ambiguous = run(*command)
    assert ambiguous.exit_code == 1
    assert "--variable NAME" in " ".join(ambiguous.stderr.split())
    references = ("--white", tmp_path / "white.npy", "--dark", tmp_path / "dark.npy")
    result = run(*command, "--variable", "second", *references)
    assert result.exit_code == 0, result.output
    with np.load(out) as archive:
        found = archive["classes"]
    model = ood.load_model(files / "tissue.oodseg")
    same = ood.predict(model, ood.reflectance(counts, 520, 10), device="cpu")
    np.testing.assert_array_equal(found, same.labels())


def test_a_new_process_gives_the_same(
    files: Path, tmp_path: Path, expected: Prediction
) -> None:
    code = (
        "import sys, numpy as np, napari_ood_seg.core as ood\n"
        "model, image, out = sys.argv[1:]\n"
        "found = ood.predict(ood.load_model(model), image, device='cpu')\n"
        "np.savez(out, classes=found.classes, score=found.score)\n"
    )
    paths = [files / "tissue.oodseg", files / "tissue.png", tmp_path / "out.npz"]
    # the last bits of a matrix product depend on the number of threads
    threads = {**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())}
    subprocess.run(
        [sys.executable, "-c", code, *map(str, paths)], check=True, env=threads
    )
    with np.load(tmp_path / "out.npz") as found:
        np.testing.assert_array_equal(found["classes"], expected.classes)
        np.testing.assert_array_equal(found["score"], expected.score)


def test_our_results_are_replaced_and_others_stay(
    run: Run, files: Path, tmp_path: Path
) -> None:
    out = tmp_path / "r.npz"
    command = ("predict", files / "tissue.oodseg", files / "tissue.png", "-o", out)
    out.write_bytes(b"mine")
    result = run(*command)
    assert result.exit_code == 1
    assert "exists already" in result.stderr
    assert out.read_bytes() == b"mine"
    assert run(*command, "--overwrite").exit_code == 0
    assert run(*command).exit_code == 0


@pytest.mark.parametrize(
    ("inputs", "output", "words"),
    [
        ("no.oodseg tissue.png", "r.zarr", "there is no file"),
        ("cut.oodseg tissue.png", "r.zarr", "damaged"),
        ("tissue.png tissue.png", "r.zarr", "cannot read 'tissue.png'"),
        ("mask.oodscribbles tissue.png", "r.zarr", "not a model file"),
        ("tissue.oodseg no.png", "r.zarr", "there is no file"),
        ("tissue.oodseg grey.png", "r.zarr", "trained on 3 channels"),
        ("tissue.oodseg constant.png", "r.zarr", "'constant.png': the image is"),
        ("tissue.oodseg nan.npy", "r.zarr", "'nan.npy': the image has no finite"),
        ("tissue.oodseg tissue.png", "file/r.zarr", "not a directory"),
        ("tissue.oodseg tissue.png", "file", "file exists"),
        ("tissue.oodseg tissue.png grey.png", "r.zarr", "give a folder"),
    ],
)
def test_errors(
    run: Run, files: Path, tmp_path: Path, inputs: str, output: str, words: str
) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    paths = [files / name for name in inputs.split()]
    result = run("predict", *paths, "-o", tmp_path / output)
    assert result.exit_code == 1
    assert result.stderr.startswith("error: ")
    assert words in result.stderr
    assert result.stderr.count("\n") == 1
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_names_that_collide(run: Run, files: Path, tmp_path: Path) -> None:
    images = (files / "tissue.png", tmp_path / "tissue.tif")
    result = run("predict", files / "tissue.oodseg", *images, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "two images would be saved as 'tissue.ome.zarr'" in result.stderr


def test_an_image_is_never_replaced_by_its_result(
    run: Run, files: Path, tmp_path: Path
) -> None:
    image = tmp_path / "a.npz"
    np.savez(image, np.asarray(ood.open_image(files / "tissue.png").levels[0]))
    before = image.read_bytes()
    result = run("predict", files / "tissue.oodseg", image, "-o", image, "--overwrite")
    assert result.exit_code == 1
    assert "replace its own image" in result.stderr
    assert image.read_bytes() == before


@pytest.mark.parametrize("plane", ["x", "1", "-1"])
def test_wrong_plane(run: Run, files: Path, tmp_path: Path, plane: str) -> None:
    command = ("predict", files / "tissue.oodseg", files / "tissue.png")
    result = run(*command, "-o", tmp_path / "r.zarr", "--plane", plane)
    assert result.exit_code == 1
    assert "plane" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_ctrl_c_leaves_no_half_file(
    run: Run, files: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(
        "napari_ood_seg.core.models.instant.InstantModel.predict_tile", interrupted
    )
    command = ("predict", files / "tissue.oodseg", files / "tissue.png")
    result = run(*command, "-o", tmp_path / "r.zarr")
    assert result.exit_code == 130
    assert list(tmp_path.iterdir()) == []

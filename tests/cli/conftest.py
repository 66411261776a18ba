"""A small image with scribbles and a model, as files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import imageio.v3 as iio
import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import napari_ood_seg.core as ood
from napari_ood_seg.cli.app import app
from napari_ood_seg.samples import load_sample

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from typer.testing import Result

    Run = Callable[..., Result]


@pytest.fixture(scope="package", autouse=True)
def one_thread() -> Iterator[None]:
    """Compute with one thread: on a busy machine many that wait are far slower."""
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(n_threads)


@pytest.fixture
def run() -> Run:
    """Run the command line in this process; the arguments may be paths."""

    def call(*arguments: object) -> Result:
        return CliRunner().invoke(app, [str(a) for a in arguments])

    return call


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a corner of the histology sample, and things gone wrong."""
    folder = tmp_path_factory.mktemp("files")
    sample = load_sample("histology")
    where = (slice(384, 512), slice(192, 320))
    image = np.asarray(sample.image.levels[0])[where]
    mask = sample.scribbles.to_labels(where)
    iio.imwrite(folder / "tissue.png", image)
    iio.imwrite(folder / "mask.png", mask)
    iio.imwrite(folder / "small.png", mask[:9])
    iio.imwrite(folder / "empty.png", np.zeros_like(mask))
    iio.imwrite(folder / "grey.png", image[..., 0])
    iio.imwrite(folder / "constant.png", np.full_like(image, 7))
    np.save(folder / "nan.npy", np.full(image.shape, np.nan, np.float32))
    ood.save_scribbles(
        folder / "mask.oodscribbles",
        ood.Scribbles.from_labels(mask),
        sample.classes,
    )
    model = ood.train(image, mask, classes=sample.classes, device="cpu")
    ood.save_model(folder / "tissue.oodseg", model)
    whole = (folder / "tissue.oodseg").read_bytes()
    (folder / "cut.oodseg").write_bytes(whole[: len(whole) // 2])
    return folder

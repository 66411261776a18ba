from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
import zarr

import napari_ood_seg.core as ood
from napari_ood_seg.core.api import finish
from napari_ood_seg.core.device import pick_device
from napari_ood_seg.core.errors import ImageError, OutputError
from napari_ood_seg.core.inference.export import export
from napari_ood_seg.core.inference.predict import open_features
from napari_ood_seg.core.types import UNKNOWN, Progress

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from napari_ood_seg.core.features.store import FeatureStore

KEEP = 0.8


def _image() -> npt.NDArray[np.float32]:
    rng = np.random.default_rng(0)
    image = rng.normal(0, 1, (70, 90)).astype(np.float32)
    image[:, 45:] += 6
    return image


@pytest.fixture(scope="module")
def model() -> ood.InstantModel:
    mask = np.zeros((70, 90), np.uint8)
    mask[5:60:10, 5:30], mask[5:60:10, 55:80] = 3, 7
    config = ood.InstantConfig(tile=32)
    return ood.train(_image(), mask, config=config, device="cpu")


@pytest.fixture(scope="module")
def store(model: ood.InstantModel) -> FeatureStore:
    source = ood.ImageSource.from_array(_image())
    return open_features(model, source, device=pick_device("cpu"))


def test_zarr_is_the_prediction(
    model: ood.InstantModel, store: FeatureStore, tmp_path: Path
) -> None:
    path = tmp_path / "r.ome.zarr"
    steps: list[Progress] = []
    task = export(model, store, path, keep=KEEP, probabilities=True)
    shares = finish(task, steps.append)
    expected = ood.predict(model, _image(), device="cpu", probabilities=True)
    labels = expected.labels(keep=KEEP)
    root = zarr.open_group(path, mode="r")
    np.testing.assert_array_equal(_array(root, "labels/classes/0"), labels)
    ood_map = _array(root, "0")
    np.testing.assert_array_equal(ood_map, np.float32(1) - expected.typicality)
    posterior = _array(root, "probabilities/0")
    np.testing.assert_array_equal(posterior, expected.probabilities)
    assert shares == {i: (labels == i).mean() for i in (3, 7, UNKNOWN)}
    n = len(store.tiles)
    assert n > 1
    assert [s.done for s in steps] == [*range(n + 1), n]
    assert {s.total for s in steps} == {n}


def test_tiff_has_the_given_names(
    model: ood.InstantModel, store: FeatureStore, tmp_path: Path
) -> None:
    renamed = [ood.ClassInfo(id=7, name="Bright", color="#102030")]
    finish(export(model, store, tmp_path / "r.tif", classes=renamed))
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "r_classes.tif",
        "r_ood.tif",
    ]
    labels = ood.predict(model, _image(), device="cpu").labels()
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "r_classes.tif"), labels)
    with tifffile.TiffFile(tmp_path / "r_classes.tif") as tif:
        text = tif.pages.first.description
    assert "Bright" in text
    assert "class 3" in text


@pytest.mark.parametrize("suffix", [".zarr", ".tif", ".npz"])
@pytest.mark.parametrize("n_steps", [1, 3])
def test_closing_leaves_nothing(
    model: ood.InstantModel,
    store: FeatureStore,
    tmp_path: Path,
    suffix: str,
    n_steps: int,
) -> None:
    task = export(model, store, tmp_path / f"r{suffix}")
    for _ in range(n_steps):
        next(task)
    task.close()
    assert list(tmp_path.iterdir()) == []


class Fading:
    """An array that cannot be read any more after a few reads."""

    def __init__(self, data: npt.NDArray[np.float32], n_reads: int) -> None:
        self._data = data
        self._left = n_reads
        self.shape = data.shape
        self.dtype = data.dtype

    def __getitem__(self, index: Any) -> npt.NDArray[np.float32]:
        self._left -= 1
        if self._left < 0:
            raise OSError("gone")
        return np.asarray(self._data[index], np.float32)


def test_failing_leaves_nothing(model: ood.InstantModel, tmp_path: Path) -> None:
    source = ood.ImageSource.from_array(Fading(_image(), n_reads=4))
    fading = open_features(model, source, device=pick_device("cpu"))
    fading.clear()  # what was looked at as a whole
    with pytest.raises(ImageError, match="gone"):
        finish(export(model, fading, tmp_path / "r.zarr"))
    assert list(tmp_path.iterdir()) == []


def test_what_is_there_stays(
    model: ood.InstantModel, store: FeatureStore, tmp_path: Path
) -> None:
    path = tmp_path / "r.npz"
    path.write_bytes(b"mine")
    with pytest.raises(OutputError, match="exists already"):
        finish(export(model, store, path))
    assert path.read_bytes() == b"mine"
    finish(export(model, store, path, overwrite=True))
    with np.load(path) as archive:
        assert archive["classes"].shape == (70, 90)


def _array(root: zarr.Group, name: str) -> npt.NDArray[np.generic]:
    found = root[name]
    assert isinstance(found, zarr.Array)
    return np.asarray(found[...])

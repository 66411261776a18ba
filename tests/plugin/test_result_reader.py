from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import zarr
from napari.layers import Image, Labels, Layer
from npe2 import PluginManifest

from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.io.predictions import open_writer
from napari_ood_seg.core.types import UNKNOWN, ClassInfo, Prediction
from napari_ood_seg.plugin.result_reader import result_reader

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = (
    ClassInfo(id=1, name="near", color="#ff0000"),
    ClassInfo(id=3, name="far", color="#0000ff"),
)


def write(path: Path, shape: tuple[int, int]) -> Prediction:
    rng = np.random.default_rng(0)
    prediction = Prediction(
        classes=rng.choice(np.array([1, 3], np.uint8), shape),
        score=rng.normal(size=shape).astype(np.float32),
        typicality=rng.random(shape, np.float32),
    )
    source = ImageSource.from_array(
        np.zeros(shape, np.uint8), pixel_size=(0.5, 0.25), unit="micrometer"
    )
    with open_writer(path, source=source, classes=CLASSES, keep=0.9) as writer:
        writer.write(slice(0, shape[0]), slice(0, shape[1]), prediction)
    return prediction


@pytest.mark.parametrize("shape", [(40, 50), (700, 520)], ids=["one level", "pyramid"])
def test_a_result_comes_back_as_image_and_labels(
    tmp_path: Path, shape: tuple[int, int]
) -> None:
    path = tmp_path / "it.ome.zarr"
    prediction = write(path, shape)
    read = result_reader(str(path))
    assert read is not None
    heatmap, labels = (Layer.create(*data) for data in read(str(path)))
    assert isinstance(heatmap, Image)
    assert isinstance(labels, Labels)
    assert (heatmap.name, labels.name) == ("it OOD", "it classes")
    for layer in (heatmap, labels):
        assert tuple(layer.scale) == (0.5, 0.25)
        assert [str(u) for u in layer.units] == ["micrometer", "micrometer"]
        assert layer.multiscale == (max(shape) > 512)
    finest = [la.data[0] if la.multiscale else la.data for la in (heatmap, labels)]
    np.testing.assert_allclose(finest[0], 1 - prediction.typicality, atol=1e-6)
    np.testing.assert_array_equal(finest[1], prediction.labels(keep=0.9))
    np.testing.assert_allclose(labels.colormap.map(3), [0, 0, 1, 1])
    assert labels.colormap.map(UNKNOWN)[3] > 0


def test_other_zarr_is_left_to_others(tmp_path: Path) -> None:
    zarr.create_group(tmp_path / "a.zarr")
    zarr.create_array(tmp_path / "b.zarr", shape=(3, 3), dtype="u1")
    (tmp_path / "c.zarr").mkdir()
    for name in ("a.zarr", "c.zarr", "missing.zarr"):
        assert result_reader(str(tmp_path / name)) is None


def test_the_manifest_offers_it_for_folders() -> None:
    manifest = PluginManifest.from_distribution("napari-ood-seg")
    readers = manifest.contributions.readers or []
    mine = [r for r in readers if r.command == "napari-ood-seg.read_result"]
    assert [(r.filename_patterns, r.accepts_directories) for r in mine] == [
        (["*.zarr"], True)
    ]

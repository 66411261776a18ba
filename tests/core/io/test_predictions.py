from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import tifffile
import zarr
from ome_zarr_models.v05 import Image
from ome_zarr_models.v05.image_label import ImageLabel
from ome_zarr_models.v05.labels import Labels

from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import OutputError
from napari_ood_seg.core.io.images import open_image, read_labels
from napari_ood_seg.core.io.predictions import PredictionWriter, open_writer
from napari_ood_seg.core.types import UNKNOWN, ClassInfo, Prediction

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHAPE = (1501, 700)
KEEP = 0.9
CLASSES = (
    ClassInfo(id=3, name="Nuclei", color="#0072b2"),
    ClassInfo(id=9, name="Strömä", color="#d55e00"),
)
SUFFIXES = (".zarr", ".tif", ".npz")


def _source() -> ImageSource:
    return ImageSource.from_array(
        np.zeros(SHAPE, np.uint8), pixel_size=(0.5, 0.25), unit="micrometer"
    )


@pytest.fixture(scope="module")
def prediction() -> Prediction:
    rng = np.random.default_rng(0)
    return Prediction(
        classes=rng.choice(np.array([3, 9], np.uint8), SHAPE),
        score=rng.random(SHAPE, np.float32),
        typicality=rng.random(SHAPE, np.float32),
        probabilities=rng.random((2, *SHAPE), np.float32),
    )


def _tiles(p: Prediction, size: int = 400) -> Iterator[tuple[slice, slice, Prediction]]:
    """Yield tiles from the last to the first; their edges cross those of chunks."""
    for top in reversed(range(0, SHAPE[0], size)):
        for left in reversed(range(0, SHAPE[1], size)):
            rows = slice(top, min(top + size, SHAPE[0]))
            columns = slice(left, min(left + size, SHAPE[1]))
            assert p.probabilities is not None
            tile = Prediction(
                classes=p.classes[rows, columns],
                score=p.score[rows, columns],
                typicality=p.typicality[rows, columns],
                probabilities=p.probabilities[:, rows, columns],
            )
            yield rows, columns, tile


def _write(path: Path, p: Prediction, **options: Any) -> None:
    writer = open_writer(path, source=_source(), classes=CLASSES, keep=KEEP, **options)
    assert isinstance(writer, PredictionWriter)
    with writer:
        for rows, columns, tile in _tiles(p):
            writer.write(rows, columns, tile)


@pytest.fixture(scope="module")
def ome_zarr(tmp_path_factory: pytest.TempPathFactory, prediction: Prediction) -> Path:
    path = tmp_path_factory.mktemp("zarr") / "result.ome.zarr"
    _write(path, prediction, probabilities=True)
    return path


def test_zarr_follows_the_specification(ome_zarr: Path) -> None:
    root: Any = zarr.open_group(ome_zarr, mode="r")
    assert root.metadata.zarr_format == 3
    Image.from_zarr(root)
    Image.from_zarr(root["probabilities"])
    Labels.from_zarr(root["labels"])
    label: Any = ImageLabel.from_zarr(root["labels/classes"]).attributes.ome.image_label
    colors = {c.label_value: c.rgba for c in label.colors}
    assert colors == {
        3: (0, 0x72, 0xB2, 255),
        9: (0xD5, 0x5E, 0, 255),
        255: (77, 77, 77, 255),
    }
    raw = root["labels/classes"].attrs["ome"]["image-label"]["properties"]
    assert [entry["name"] for entry in raw] == ["Nuclei", "Strömä", "unknown"]


@pytest.mark.parametrize("inside", ["", "labels/classes", "probabilities"])
def test_zarr_scale_and_pyramid(ome_zarr: Path, inside: str) -> None:
    source = open_image(ome_zarr / inside)
    assert source.pixel_size == (0.5, 0.25)
    assert source.unit == "micrometer"
    assert [level.shape[-2:] for level in source.levels] == [
        (1501, 700),
        (750, 350),
        (375, 175),
    ]
    group: Any = zarr.open_group(ome_zarr / inside, mode="r")
    datasets = group.attrs["ome"]["multiscales"][0]["datasets"]
    scales = [d["coordinateTransformations"][0]["scale"][-2:] for d in datasets]
    assert scales == [[0.5, 0.25], [1.0, 0.5], [2.0, 1.0]]


def test_zarr_values(ome_zarr: Path, prediction: Prediction) -> None:
    root: Any = zarr.open_group(ome_zarr, mode="r")
    ood = 1 - prediction.typicality
    np.testing.assert_array_equal(root["0"][...], ood)
    np.testing.assert_allclose(
        root["1"][...], ood[:1500].reshape(750, 2, 350, 2).mean((1, 3)), rtol=1e-5
    )
    labels = prediction.labels(keep=KEEP)
    assert (labels == UNKNOWN).any()
    np.testing.assert_array_equal(root["labels/classes/0"][...], labels)
    np.testing.assert_array_equal(root["labels/classes/1"][...], labels[:1500:2, ::2])
    np.testing.assert_array_equal(
        root["probabilities/0"][...], prediction.probabilities
    )
    np.testing.assert_array_equal(read_labels(ome_zarr), labels)
    assert open_image(ome_zarr / "probabilities").channel_names == ("Nuclei", "Strömä")


def test_tiff(tmp_path: Path, prediction: Prediction) -> None:
    _write(tmp_path / "a.tif", prediction, probabilities=True)
    names = sorted(p.name for p in tmp_path.iterdir())
    assert names == ["a_classes.tif", "a_ood.tif", "a_probabilities.tif"]
    labels = prediction.labels(keep=KEEP)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / names[0]), labels)
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / names[1]), 1 - prediction.typicality
    )
    np.testing.assert_array_equal(
        tifffile.imread(tmp_path / names[2]), prediction.probabilities
    )
    np.testing.assert_array_equal(read_labels(tmp_path / names[0]), labels)
    for name in names:
        source = open_image(tmp_path / name)
        assert source.pixel_size == pytest.approx((0.5, 0.25))
        assert source.unit == "micrometer"
    with tifffile.TiffFile(tmp_path / names[0]) as tif:
        page: Any = tif.pages.first
        assert page.is_tiled
        assert page.compression == tifffile.COMPRESSION.ADOBE_DEFLATE
        assert (page.colormap[:, 9] // 257).tolist() == [0xD5, 0x5E, 0]
        assert json.loads(page.description)["classes"][1]["name"] == "Strömä"


def test_npz(tmp_path: Path, prediction: Prediction) -> None:
    _write(tmp_path / "a.npz", prediction)
    with (tmp_path / "a.npz").open("rb") as file, np.load(file) as archive:
        np.testing.assert_array_equal(archive["classes"], prediction.labels(keep=KEEP))
        np.testing.assert_array_equal(archive["ood"], 1 - prediction.typicality)
        assert archive["class_names"].tolist() == ["Nuclei", "Strömä", "unknown"]
        assert archive["class_values"].tolist() == [3, 9, 255]
        assert "probabilities" not in archive.files


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("kind", [KeyboardInterrupt, GeneratorExit, ValueError])
def test_nothing_stays_of_a_failed_write(
    tmp_path: Path, prediction: Prediction, suffix: str, kind: type[BaseException]
) -> None:
    def run() -> None:
        path = tmp_path / f"a{suffix}"
        writer = open_writer(path, source=_source(), classes=CLASSES, keep=KEEP)
        with writer:
            writer.write(*next(_tiles(prediction)))
            raise kind

    with pytest.raises(kind):
        run()
    assert list(tmp_path.iterdir()) == []


def _content(folder: Path) -> dict[str, bytes]:
    return {
        p.relative_to(folder).as_posix(): p.read_bytes()
        for p in folder.rglob("*")
        if p.is_file()
    }


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_own_output_is_replaced_only_at_the_end(
    tmp_path: Path, prediction: Prediction, suffix: str
) -> None:
    path = tmp_path / f"a{suffix}"
    _write(path, prediction)
    before = _content(tmp_path)
    changed = Prediction(
        classes=prediction.classes,
        score=prediction.score,
        typicality=prediction.typicality * np.float32(0.5),
        probabilities=prediction.probabilities,
    )
    writer = open_writer(path, source=_source(), classes=CLASSES, keep=KEEP)
    with writer:
        for tile in _tiles(changed):
            writer.write(*tile)
        assert before.items() <= _content(tmp_path).items()
    after = _content(tmp_path)
    assert after.keys() == before.keys()
    assert after != before


@pytest.mark.parametrize(
    ("suffix", "output"),
    [(".zarr", "a.zarr"), (".tif", "a_ood.tif"), (".npz", "a.npz")],
)
@pytest.mark.parametrize("folder", [False, True], ids=["file", "folder"])
def test_something_else_is_kept(
    tmp_path: Path, prediction: Prediction, suffix: str, output: str, folder: bool
) -> None:
    other = tmp_path / output
    if folder:
        other.mkdir()
        (other / "precious").write_text("x")
    else:
        other.write_text("precious")
    before = _content(tmp_path)
    with pytest.raises(OutputError, match="exists already"):
        _write(tmp_path / f"a{suffix}", prediction)
    assert _content(tmp_path) == before
    if suffix == ".zarr" or not folder:
        _write(tmp_path / f"a{suffix}", prediction, overwrite=True)
        assert not any("tmp" in p.name for p in tmp_path.iterdir())


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("folder", ["file.txt", "nowhere"])
def test_unwritable(tmp_path: Path, suffix: str, folder: str) -> None:
    (tmp_path / "file.txt").write_text("")
    with pytest.raises(OutputError, match="cannot write") as caught:
        open_writer(
            tmp_path / folder / f"a{suffix}",
            source=_source(),
            classes=CLASSES,
            keep=KEEP,
        )
    assert "\n" not in str(caught.value)
    assert [p.name for p in tmp_path.iterdir()] == ["file.txt"]


def test_unknown_suffix(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"\.zarr, \.tif or \.npz"):
        open_writer(tmp_path / "a.png", source=_source(), classes=CLASSES, keep=KEEP)


def test_what_no_tile_covers(tmp_path: Path, prediction: Prediction) -> None:
    path = tmp_path / "a.zarr"
    with open_writer(path, source=_source(), classes=CLASSES, keep=KEEP) as writer:
        rows, columns, tile = next(_tiles(prediction))
        writer.write(rows, columns, tile)
    root: Any = zarr.open_group(path, mode="r")
    assert np.isnan(root["0"][0, 0])
    assert root["labels/classes/0"][0, 0] == 0
    np.testing.assert_array_equal(root["0"][rows, columns], 1 - tile.typicality)


def test_one_pixel_wide(tmp_path: Path) -> None:
    source = ImageSource.from_array(np.zeros((1200, 1), np.uint8), axes="YX")
    ones = np.ones((1200, 1), np.float32)
    tile = Prediction(classes=ones.astype(np.uint8), score=ones, typicality=ones)
    path = tmp_path / "a.zarr"
    with open_writer(path, source=source, classes=CLASSES, keep=KEEP) as writer:
        writer.write(slice(0, 1200), slice(0, 1), tile)
    opened = open_image(path)
    assert [level.shape for level in opened.levels] == [(1200, 1), (600, 1), (300, 1)]
    assert opened.unit == "pixel"

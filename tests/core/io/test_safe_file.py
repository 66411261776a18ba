from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from safetensors.numpy import save

from napari_ood_seg.core.errors import FileFormatError, OutputError
from napari_ood_seg.core.io.safe_file import FORMAT, read_document, write_document

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DOCUMENT = {"schema_version": 1, "name": "µ", "values": [1, 2.5, None]}
TENSORS: dict[str, Any] = {
    "scalar": np.array(2.5),
    "empty": np.zeros((0, 2), np.int32),
    "transposed": np.arange(6, dtype=np.float32).reshape(2, 3).T,
    "big endian": np.arange(3, dtype=">i4"),
    "flags": np.array([True, False]),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.oodseg"
    write_document(path, kind="model", document=DOCUMENT, tensors=TENSORS)
    return path


def test_round_trip(path: Path) -> None:
    document, tensors = read_document(path, kind="model")
    assert document == DOCUMENT
    assert tensors.keys() == TENSORS.keys()
    for name, array in TENSORS.items():
        assert tensors[name].shape == array.shape
        np.testing.assert_array_equal(tensors[name], array)


def test_no_temporary_file_stays(path: Path) -> None:
    assert list(path.parent.iterdir()) == [path]


def test_cut_off_anywhere(path: Path) -> None:
    whole = path.read_bytes()
    for end in range(len(whole)):
        path.write_bytes(whole[:end])
        with pytest.raises(FileFormatError, match=r"a\.oodseg"):
            read_document(path, kind="model")


def _foreign(path: Path) -> None:
    path.write_bytes(save({"x": np.zeros(2)}))


def _other_kind(path: Path) -> None:
    write_document(path, kind="scribbles", document=DOCUMENT, tensors={})


def _newer(path: Path) -> None:
    write_document(path, kind="model", document={"schema_version": 2}, tensors={})


def _text(path: Path) -> None:
    path.write_text("hello, this is not a safetensors file at all")


def _no_version(path: Path) -> None:
    meta = {"format": FORMAT, "kind": "model", "document": json.dumps({})}
    path.write_bytes(save({}, meta))


def _broken_json(path: Path) -> None:
    meta = {"format": FORMAT, "kind": "model", "document": "{"}
    path.write_bytes(save({}, meta))


def _missing(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        pytest.param(_foreign, "was not made by", id="foreign"),
        pytest.param(_other_kind, "is a scribbles file, not a model file", id="kind"),
        pytest.param(_newer, "saved by a newer version", id="newer"),
        pytest.param(_text, "damaged", id="text"),
        pytest.param(_no_version, "which version", id="no version"),
        pytest.param(_broken_json, "damaged", id="json"),
        pytest.param(_missing, "there is no file", id="missing"),
    ],
)
def test_one_sentence(path: Path, spoil: Callable[[Path], None], sentence: str) -> None:
    spoil(path)
    with pytest.raises(FileFormatError, match=sentence) as caught:
        read_document(path, kind="model")
    assert "\n" not in str(caught.value)


def test_failed_write_keeps_the_old_file(path: Path) -> None:
    before = path.read_bytes()
    document = {"schema_version": 1, "x": float("nan")}
    with pytest.raises(OutputError, match="not a finite number"):
        write_document(path, kind="model", document=document, tensors={})
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("name", ["file.txt/a.oodseg", "nowhere/a.oodseg", "folder"])
def test_unwritable(tmp_path: Path, name: str) -> None:
    (tmp_path / "file.txt").write_text("")
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        write_document(tmp_path / name, kind="model", document=DOCUMENT, tensors={})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["file.txt", "folder"]


@pytest.mark.parametrize(
    ("document", "tensors"),
    [({}, {}), (DOCUMENT, {"x": np.array(["text"])})],
    ids=["no version", "text array"],
)
def test_programming_errors(
    tmp_path: Path, document: dict[str, Any], tensors: dict[str, Any]
) -> None:
    with pytest.raises(TypeError):
        write_document(tmp_path / "a", kind="model", document=document, tensors=tensors)

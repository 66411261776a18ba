from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_ood_seg.core.data.scribbles import Scribbles, Stroke
from napari_ood_seg.core.errors import FileFormatError
from napari_ood_seg.core.io import safe_file
from napari_ood_seg.core.io.scribble_files import load_scribbles, save_scribbles
from napari_ood_seg.core.types import ClassInfo

CLASSES = (
    ClassInfo(id=1, name="Nuclei", color="#0072b2"),
    ClassInfo(id=7, name="Strömä / é", color="#d55e00"),
)

STROKES = st.lists(
    st.tuples(
        st.integers(0, 254),
        st.lists(st.tuples(st.integers(0, 11), st.integers(0, 8)), max_size=20),
        st.lists(st.integers(0, 9), max_size=2).map(tuple),
    ),
    max_size=8,
)


def _facts(scribbles: Scribbles) -> list[Any]:
    return [(s.id, s.class_id, s.plane, s.coords.tolist()) for s in scribbles.strokes]


@given(drawn=STROKES)
@settings(max_examples=60, deadline=None)
def test_round_trip_is_exact(drawn: list[tuple[int, list[Any], Any]]) -> None:
    scribbles = Scribbles(shape=(12, 9))
    for class_id, coords, plane in drawn:
        scribbles = scribbles.add(class_id, coords, plane=plane)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.oodscribbles"
        save_scribbles(path, scribbles, CLASSES, pixel_size=(0.5, 0.25))
        loaded, classes = load_scribbles(path)
    assert classes == CLASSES
    assert loaded.shape == scribbles.shape
    assert loaded.next_id == scribbles.next_id
    assert _facts(loaded) == _facts(scribbles)
    assert all(s.coords.dtype == np.int32 for s in loaded.strokes)


def test_a_thousand_strokes_are_small(tmp_path: Path) -> None:
    coords = np.stack([np.zeros(200), np.arange(200)], 1).astype(np.int32)
    strokes = tuple(
        Stroke(id=i + 1, class_id=1, coords=coords + np.array([[i, 0]], np.int32))
        for i in range(1000)
    )
    scribbles = Scribbles(shape=(1000, 200), strokes=strokes, next_id=1001)
    path = tmp_path / "a.oodscribbles"
    save_scribbles(path, scribbles, CLASSES)
    assert path.stat().st_size < 2e6
    np.testing.assert_array_equal(load_scribbles(path)[0].to_labels(), 1)


def _stroke(**changes: Any) -> Stroke:
    facts = {"id": 1, "class_id": 1, "coords": np.zeros((1, 2), np.int32), **changes}
    return Stroke(**facts)


@pytest.mark.parametrize(
    "strokes",
    [
        pytest.param((_stroke(class_id=255),), id="class id"),
        pytest.param((_stroke(coords=np.array([[9, 0]], np.int32)),), id="outside"),
        pytest.param((_stroke(coords=np.array([[-1, 0]], np.int32)),), id="negative"),
        pytest.param((_stroke(id=5),), id="next id"),
        pytest.param((_stroke(), _stroke()), id="same id"),
    ],
)
def test_impossible_strokes(tmp_path: Path, strokes: tuple[Stroke, ...]) -> None:
    path = tmp_path / "a.oodscribbles"
    save_scribbles(path, Scribbles(shape=(4, 4), strokes=strokes, next_id=5), CLASSES)
    with pytest.raises(FileFormatError, match=r"a\.oodscribbles"):
        load_scribbles(path)


@pytest.mark.parametrize("missing", ["shape", "next_id", "classes"])
def test_missing_facts(tmp_path: Path, missing: str) -> None:
    path = tmp_path / "a.oodscribbles"
    save_scribbles(path, Scribbles(shape=(4, 4)), CLASSES)
    document, tensors = safe_file.read_document(path, kind="scribbles")
    del document[missing]
    safe_file.write_document(path, kind="scribbles", document=document, tensors=tensors)
    with pytest.raises(FileFormatError, match="damaged"):
        load_scribbles(path)

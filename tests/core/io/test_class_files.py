from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_ood_seg.core.errors import FileFormatError, OutputError
from napari_ood_seg.core.io.class_files import load_classes, save_classes
from napari_ood_seg.core.types import ClassInfo

if TYPE_CHECKING:
    from pathlib import Path

CLASSES = (
    ClassInfo(id=7, name="Fett, gelb", color="#f0e442"),
    ClassInfo(id=1, name='the "liver"', color="#56b4e9"),
    ClassInfo(id=254, name="骨; bone", color="#000000"),
)
CSV = "id,name,color\n1,liver,#56b4e9\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("classes")


@pytest.mark.parametrize("name", ["a.csv", "a.json", "A.JSON", "a.txt"])
def test_round_trip(tmp_path: Path, name: str) -> None:
    save_classes(tmp_path / name, CLASSES)
    assert load_classes(tmp_path / name) == CLASSES


names = st.text(min_size=1).map(lambda t: " ".join(t.split())).filter(bool)


@given(name=names.filter(lambda n: n.isprintable()))
@pytest.mark.parametrize("suffix", [".csv", ".json"])
def test_any_name_survives(folder: Path, suffix: str, name: str) -> None:
    classes = (ClassInfo(id=3, name=name, color="#010203"),)
    save_classes(folder / f"a{suffix}", classes)
    assert load_classes(folder / f"a{suffix}") == classes


def test_what_is_written(tmp_path: Path) -> None:
    save_classes(tmp_path / "a.csv", CLASSES[:2])
    lines = (tmp_path / "a.csv").read_text("utf-8").splitlines()
    assert lines == [
        "id,name,color",
        '7,"Fett, gelb",#f0e442',
        '1,"the ""liver""",#56b4e9',
    ]
    save_classes(tmp_path / "a.json", CLASSES[:1])
    document = json.loads((tmp_path / "a.json").read_text("utf-8"))
    assert document == [{"id": 7, "name": "Fett, gelb", "color": "#f0e442"}]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfid;name;color\r\n1;liver;#56B4E9\r\n",
        b"Name\tColor\tId\tremark\nliver\t #56b4e9\t 1\tx\n",
        b"id,name,color\n\n01,  liver ,#56b4e9\n",
    ],
    ids=["spreadsheet", "tabs in another order", "spaces"],
)
def test_tables_as_programs_write_them(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.csv").write_bytes(data)
    wanted = (ClassInfo(id=1, name="liver", color="#56b4e9"),)
    assert load_classes(tmp_path / "a.csv") == wanted


@pytest.mark.parametrize(
    ("name", "data", "why"),
    [
        ("a.csv", b"", "its first line has no id and no name and no color"),
        ("a.csv", b"id,name\n1,liver\n", "its first line has no color"),
        ("a.csv", b"id,name,color\n", "it names no class"),
        ("a.csv", b"id,name,color\n1,liver\n", "class 1 has no color"),
        ("a.csv", CSV.encode() + b",fat,#000000\n", "class 2 has no id"),
        ("a.csv", CSV.encode() + b"2, ,#000000\n", "class 2 has no name"),
        (
            "a.csv",
            CSV.encode() + b"1,fat,#000000\n",
            "it has the id 1 twice",
        ),
        (
            "a.csv",
            b"id,name,color\n255,liver,#000000\n",
            "class 1 has the id 255, not one of 1 to 254",
        ),
        (
            "a.csv",
            b"id,name,color\n0,liver,#000000\n",
            "class 1 has the id 0, not one of 1 to 254",
        ),
        (
            "a.csv",
            b"id,name,color\n1.5,liver,#000000\n",
            "class 1 has the id '1.5', which is no whole number",
        ),
        (
            "a.csv",
            b"id,name,color\n1,liver,red\n",
            "class 1 has the color 'red', not one like '#56b4e9'",
        ),
        ("a.csv", b"id,name,color\n1,\xff,#000000\n", "it is not UTF-8 text"),
        ("a.csv", b'id,name,color\n1,"liver,#000000\n', "unexpected end of data"),
        ("a.csv", b"x" * (1 << 21), "it is too large for a list of classes"),
        ("a.json", b"[", "line 1 is not JSON"),
        ("a.json", b'{"id": 1}', "it is not a list of objects"),
        ("a.json", b"[1]", "it is not a list of objects"),
        ("a.json", b"[]", "it names no class"),
        ("a.json", b'[{"id": 1, "name": "a"}]', "class 1 has no color"),
        (
            "a.json",
            b'[{"id": true, "name": "a", "color": "#000000"}]',
            "class 1 has the id 'True', which is no whole number",
        ),
    ],
)
def test_bad_files_are_one_sentence(
    tmp_path: Path, name: str, data: bytes, why: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(FileFormatError) as caught:
        load_classes(tmp_path / name)
    assert str(caught.value) == (
        f"cannot read classes from '{name}' ({why}): use a CSV or JSON file with id, "
        "name and color of each class"
    )


def test_deep_nesting(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"[" * 100_000)
    with pytest.raises(FileFormatError, match="cannot read classes"):
        load_classes(tmp_path / "a.json")


def test_no_file_and_no_folder(tmp_path: Path) -> None:
    with pytest.raises(FileFormatError, match="no such file"):
        load_classes(tmp_path / "a.csv")
    with pytest.raises(FileFormatError, match="directory"):
        load_classes(tmp_path)
    with pytest.raises(OutputError, match="choose a folder"):
        save_classes(tmp_path / "none" / "a.csv", CLASSES)

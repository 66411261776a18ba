"""Class lists as CSV or JSON: id, name, colour."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from napari_ood_seg.core.errors import FileFormatError
from napari_ood_seg.core.io.files import reason, write_bytes
from napari_ood_seg.core.types import MAX_CLASS_ID, ClassInfo

if TYPE_CHECKING:
    from collections.abc import Sequence

SUFFIXES: Final = (".csv", ".json")
_FIELDS: Final = ("id", "name", "color")
_COLOR: Final = re.compile("#[0-9a-f]{6}")
_MOST_BYTES: Final = 1 << 20
"""254 classes with long names fit many times; what is larger is something else."""


def save_classes(path: str | Path, classes: Sequence[ClassInfo]) -> None:
    """Write classes in their order, as JSON if the name says so, else as CSV.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    path = Path(path)
    rows = [{"id": c.id, "name": c.name, "color": c.color} for c in classes]
    if path.suffix.lower() == ".json":
        text = json.dumps(rows, indent=2, ensure_ascii=False) + "\n"
    else:
        out = io.StringIO()
        table = csv.DictWriter(out, _FIELDS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
        text = out.getvalue()
    write_bytes(path, text.encode())


def load_classes(path: str | Path) -> tuple[ClassInfo, ...]:
    """Return the classes of a file, in its order.

    A CSV file has the columns id, name and color, separated by comma, semicolon
    or tab; a JSON file is a list of objects with these keys.

    Raises
    ------
    FileFormatError
        If the file cannot be read, or not every class is complete and valid.
    """
    path = Path(path)
    text = _text(path)
    try:
        rows = _json(text) if path.suffix.lower() == ".json" else _csv(text)
        classes = tuple(_class(row, f"class {n}") for n, row in enumerate(rows, 1))
        _check(classes)
    except (ValueError, csv.Error, RecursionError) as error:
        raise _refused(path, reason(error)) from error
    return classes


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except OSError as error:
        raise _refused(path, (error.strerror or reason(error)).lower()) from error
    if len(data) > _MOST_BYTES:
        raise _refused(path, "it is too large for a list of classes")
    try:
        return data.decode("utf-8-sig")  # spreadsheets put a mark in front
    except UnicodeDecodeError as error:
        raise _refused(path, "it is not UTF-8 text") from error


def _json(text: str) -> list[dict[str, Any]]:
    try:
        rows = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f"line {error.lineno} is not JSON") from error
    if not isinstance(rows, list) or not all(isinstance(r, dict) for r in rows):
        raise ValueError("it is not a list of objects")
    return rows


def _csv(text: str) -> list[dict[str, Any]]:
    head = text.partition("\n")[0]
    separator = max(",;\t", key=head.count)
    table = csv.DictReader(io.StringIO(text), delimiter=separator, strict=True)
    names = [(name or "").strip().lower() for name in table.fieldnames or ()]
    missing = [name for name in _FIELDS if name not in names]
    if missing:
        raise ValueError(f"its first line has no {' and no '.join(missing)}")
    table.fieldnames = names
    return list(table)


def _class(row: dict[str, Any], which: str) -> ClassInfo:
    missing = [name for name in _FIELDS if row.get(name) in (None, "")]
    if missing:
        raise ValueError(f"{which} has no {' and no '.join(missing)}")
    number, name = str(row["id"]).strip(), " ".join(str(row["name"]).split())
    color = str(row["color"]).strip().lower()
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise ValueError(f"{which} has the id {number!r}, which is no whole number")
    if not 1 <= int(number) <= MAX_CLASS_ID:
        raise ValueError(f"{which} has the id {number}, not one of 1 to {MAX_CLASS_ID}")
    if not name:
        raise ValueError(f"{which} has no name")
    if not _COLOR.fullmatch(color):
        raise ValueError(f"{which} has the color {color!r}, not one like '#56b4e9'")
    return ClassInfo(id=int(number), name=name, color=color)


def _check(classes: Sequence[ClassInfo]) -> None:
    if not classes:
        raise ValueError("it names no class")
    seen: set[int] = set()
    for c in classes:
        if c.id in seen:
            raise ValueError(f"it has the id {c.id} twice")
        seen.add(c.id)


def _refused(path: Path, why: str) -> FileFormatError:
    return FileFormatError(
        f"cannot read classes from {path.name!r} ({why}): use a CSV or JSON file "
        "with id, name and color of each class"
    )

"""Look over a MATLAB 5 array before scipy reads it, which trusts what it finds.

Of a damaged type number scipy makes an index into memory, which ends the process.
"""

from __future__ import annotations

import math
import os
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from napari_ood_seg.core.errors import ImageError
from napari_ood_seg.core.io.files import damaged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_HEADER: Final = 128
_HEAD: Final = 4096
"""Bytes of an element that are looked at: all but its values."""

_MATRIX: Final = 14
_COMPRESSED: Final = 15
_SIZES: Final = {1: 1, 2: 1, 3: 2, 4: 2, 5: 4, 6: 4, 7: 4, 9: 8, 12: 8, 13: 8}
"""Bytes of a value, by the number of its type."""

_NUMERIC_CLASSES: Final = range(6, 16)
_COMPLEX: Final = 0x800
"""Flag of arrays with an imaginary part."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One tagged part of an element: its type, length, and where it begins and ends."""

    kind: int
    length: int
    start: int
    end: int


def require_sound(path: Path, name: str) -> None:
    """Check the array of that name: types, dimensions and lengths belong together.

    Parameters
    ----------
    path
        A file of version 5 to 7; nothing is checked in older ones.

    Raises
    ------
    FileFormatError
        If they do not, or there is no such array.
    ImageError
        If its numbers are complex.
    """
    with path.open("rb") as file:
        order = {b"IM": "<", b"MI": ">"}.get(file.read(_HEADER)[126:])
    if order is None:
        return
    try:
        heads = dict(_heads(path, order))
        _require_numbers(heads[name.encode("latin-1")], order, path)
    except (struct.error, zlib.error, KeyError, UnicodeError) as error:
        raise damaged(path, f"the array {name!r} is incomplete") from error


def _heads(path: Path, order: str) -> Iterator[tuple[bytes, bytes]]:
    """Yield the name and the first bytes of each array, without its tag."""
    size = path.stat().st_size
    with path.open("rb") as file:
        at = _HEADER
        while at + 8 <= size:
            file.seek(at)
            kind, length = struct.unpack(f"{order}2I", file.read(8))
            head = file.read(min(length, _HEAD))
            if kind == _COMPRESSED:
                head = zlib.decompressobj().decompress(head, _HEAD)
                kind, _ = struct.unpack_from(f"{order}2I", head)
                head = head[8:]
            if kind != _MATRIX or at + 8 + length > size:
                raise damaged(path, "an array in it is incomplete")
            *_, name = _parts(head, order, 3)
            yield head[name.start : name.start + name.length], head
            at += 8 + length


def _parts(head: bytes, order: str, n: int) -> list[_Part]:
    """Return the first parts of an array: flags, dimensions, name, values."""
    parts, at = [], 0
    for _ in range(n):
        kind, length = struct.unpack_from(f"{order}2I", head, at)
        if kind >> 16:  # up to four bytes are kept within the tag
            parts.append(_Part(kind & 0xFFFF, kind >> 16, at + 4, at + 8))
        else:
            end = at + 8 + math.ceil(length / 8) * 8
            parts.append(_Part(kind, length, at + 8, end))
        at = parts[-1].end
    return parts


def _require_numbers(head: bytes, order: str, path: Path) -> None:
    flags, dims, name, values = _parts(head, order, 4)
    (word,) = struct.unpack_from(f"{order}I", head, flags.start)
    shape = struct.unpack_from(f"{order}{dims.length // 4}i", head, dims.start)
    label = os.fsdecode(head[name.start : name.start + name.length])
    if word & _COMPLEX:
        raise ImageError(
            f"{path.name!r}: {label!r} holds complex numbers, which are not "
            "supported: use integers, floats or booleans"
        )
    wanted = math.prod(shape) * _SIZES.get(values.kind, 0)
    sound = word & 0xFF in _NUMERIC_CLASSES and min(shape, default=-1) >= 0
    if not sound or values.kind not in _SIZES or values.length != wanted:
        raise damaged(path, f"the array {label!r} is not as long as it says")

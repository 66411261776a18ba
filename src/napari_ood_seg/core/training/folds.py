"""Cut scribbles into pieces and deal them into folds that are held out in turn."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_ood_seg.core.data.scribbles import Scribbles, Stroke

    Coords = npt.NDArray[np.int32]

ALWAYS_IN: Final = -1
"""Fold of pieces that are never held out."""

MIN_PIECES: Final = 2
"""Classes with fewer strokes have them cut until there are so many pieces."""

MIN_PIXELS: Final = 8
"""Strokes and pieces below this size do not stand alone."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Piece:
    """A stroke, or a part of one, and the fold it is held out in.

    Attributes
    ----------
    stroke_id
        Id of the stroke it comes from.
    part
        Number of the part within the stroke; 0 if it is whole.
    """

    stroke_id: int
    part: int
    class_id: int
    fold: int
    coords: Coords = field(repr=False)
    plane: tuple[int, ...] = ()


def deal(scribbles: Scribbles, n_folds: int) -> tuple[Piece, ...]:
    """Return all scribbled pixels as pieces with their folds.

    Strokes of a class go to the folds in turn, in the order of painting. A class
    with fewer than `MIN_PIECES` strokes has the longest ones cut in half along
    their axis. A class that cannot be cut is never held out.
    """
    out: list[Piece] = []
    for class_id in scribbles.class_ids:
        strokes = [s for s in scribbles.strokes if s.class_id == class_id]
        pieces = _cut([(s, 0, s.coords) for s in strokes])
        lone = sum(len(c) >= MIN_PIXELS for _, _, c in pieces) < 2
        turn = 0
        for stroke, part, coords in pieces:
            fold = ALWAYS_IN
            if not lone and len(coords) >= MIN_PIXELS:
                fold, turn = turn % n_folds, turn + 1
            out.append(
                Piece(
                    stroke_id=stroke.id,
                    part=part,
                    class_id=class_id,
                    fold=fold,
                    coords=coords,
                    plane=stroke.plane,
                )
            )
    return tuple(out)


def _cut(
    pieces: list[tuple[Stroke, int, Coords]],
) -> list[tuple[Stroke, int, Coords]]:
    while sum(len(c) >= MIN_PIXELS for _, _, c in pieces) < MIN_PIECES:
        longest = max(range(len(pieces)), key=lambda i: len(pieces[i][2]))
        stroke, part, coords = pieces[longest]
        halves = halve_along_axis(coords)
        if min(len(h) for h in halves) < MIN_PIXELS:
            break
        pieces[longest : longest + 1] = [
            (stroke, 2 * part + 1, halves[0]),
            (stroke, 2 * part + 2, halves[1]),
        ]
    return pieces


def halve_along_axis(coords: Coords) -> tuple[Coords, Coords]:
    """Return the two halves of `(n, 2)` pixels along their longest direction.

    Examples
    --------
    >>> a, b = halve_along_axis(np.array([[0, 0], [0, 9], [0, 1], [0, 8]], np.int32))
    >>> sorted(a[:, 1].tolist() + [-1] + b[:, 1].tolist()) == [-1, 0, 1, 8, 9]
    True
    >>> {tuple(sorted(h[:, 1].tolist())) for h in (a, b)} == {(0, 1), (8, 9)}
    True
    """
    centred = coords - coords.mean(0)
    _, axes = np.linalg.eigh(centred.T @ centred)
    order = np.argsort(centred @ axes[:, -1], kind="stable")
    middle = len(coords) // 2
    return coords[np.sort(order[:middle])], coords[np.sort(order[middle:])]

"""Going on from a network that was trained before, when strokes are added."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from napari_ood_seg.core.models.backbone import FIXED
from napari_ood_seg.core.models.spectral import DECODER
from napari_ood_seg.core.training.folds import ALWAYS_IN, Piece, deal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from napari_ood_seg.core.data.scribbles import Scribbles
    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.models.network import Network
    from napari_ood_seg.core.models.staged import StagedNet
    from napari_ood_seg.core.training.instant import Scribbled

    Place = tuple[ImageSource, tuple[int, ...]]
    Seen = Mapping[Place, npt.NDArray[np.int64]]

_OF_CHANNELS: Final = FIXED | {DECODER}
"""Tensors of a network that follow from the channels, and are not learned."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Start:
    """A network to go on from, and what it knows.

    Attributes
    ----------
    class_ids
        Ascending; those of its logits.
    seen
        Per image and plane the numbers, row by row, of the pixels that any training
        so far has learned from.
    """

    network: Network
    class_ids: tuple[int, ...]
    seen: Seen = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class Cuts:
    """How the scribbles of each image are cut: fold 0 is not learned from."""

    pieces: Mapping[Scribbles, tuple[Piece, ...]]

    def __call__(self, scribbles: Scribbles) -> tuple[Piece, ...]:
        """Return the pieces of the scribbles of one of the images."""
        return self.pieces[scribbles]

    def seen(self, images: Sequence[Scribbled], before: Seen) -> Seen:
        """Return the pixels that are learned from, with those from before."""
        out = dict(before)
        for source, scribbles in images:
            for piece in self(scribbles):
                if piece.fold != 0:
                    place = (source, piece.plane)
                    now = _numbers(piece, source)
                    out[place] = np.union1d(out.get(place, now), now)
        return out


def cut(images: Sequence[Scribbled], hold_one_in: int, *, seen: Seen) -> Cuts:
    """Cut scribbles into pieces, and hold out one in so many of each class.

    Parameters
    ----------
    seen
        Pixels that were learned from before: a piece with such pixels is not held
        out, as a promise made on it would be empty.
    """
    out: dict[Scribbles, tuple[Piece, ...]] = {}
    for source, scribbles in images:
        pieces = out.get(scribbles) or deal(scribbles, hold_one_in)
        out[scribbles] = tuple(_placed(piece, source, seen) for piece in pieces)
    return Cuts(out)


def may_go_on(start: Start, images: Sequence[Scribbled], hold_one_in: int) -> bool:
    """Whether as many classes have something held out as if trained from scratch."""
    warm = cut(images, hold_one_in, seen=start.seen)
    cold = cut(images, hold_one_in, seen={})
    return _held_classes(warm) == _held_classes(cold)


def take_over(net: StagedNet, start: Start, class_ids: Sequence[int]) -> bool:
    """Give a network the weights of another; `False` if they do not fit at all.

    Classes that the other one does not know keep the logits that they have.
    """
    old = start.network
    if (old.architecture, _but_classes(old.sizes), old.about) != (
        net.architecture,
        _but_classes(net.sizes),
        net.about,
    ):
        return False
    own = net.state_dict()
    rows = [(i, start.class_ids.index(c)) for i, c in _known(class_ids, start)]
    with torch.no_grad():
        for name, value in old.weights.items():
            if name in _OF_CHANNELS:  # those of the channels as they are now
                continue
            if not name.startswith("head."):
                own[name].copy_(value)
                continue
            for new, before in rows:
                own[name][new].copy_(value[before])
    return True


def _but_classes(sizes: tuple[int, ...]) -> tuple[int, ...]:
    return (sizes[0], *sizes[2:])


def _known(class_ids: Sequence[int], start: Start) -> list[tuple[int, int]]:
    return [(i, c) for i, c in enumerate(class_ids) if c in start.class_ids]


def _held_classes(cuts: Cuts) -> set[int]:
    return {p.class_id for own in cuts.pieces.values() for p in own if p.fold == 0}


def touches(seen: Seen, source: ImageSource, piece: Piece) -> bool:
    """Whether any pixel of a piece was learned from."""
    known = seen.get((source, piece.plane))
    return known is not None and bool(np.isin(_numbers(piece, source), known).any())


def _placed(piece: Piece, source: ImageSource, seen: Seen) -> Piece:
    held = piece.fold == 0 and not touches(seen, source, piece)
    return piece if held else replace(piece, fold=ALWAYS_IN)


def _numbers(piece: Piece, source: ImageSource) -> npt.NDArray[np.int64]:
    rows, columns = piece.coords.T.astype(np.int64)
    numbers: npt.NDArray[np.int64] = rows * source.width + columns
    return numbers

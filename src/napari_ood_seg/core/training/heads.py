"""The instant engine's heads beside a trained network."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

import numpy as np

from napari_ood_seg.core.training.folds import ALWAYS_IN, deal
from napari_ood_seg.core.training.instant import InstantTrainer
from napari_ood_seg.core.training.roles import accuracies, chosen_share, roles

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import numpy.typing as npt
    import torch
    from torch import Tensor

    from napari_ood_seg.core.config import DeepConfig, InstantConfig
    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.models.unet import Network
    from napari_ood_seg.core.ood.base import TrainingPixels
    from napari_ood_seg.core.training.crossfit import Probe
    from napari_ood_seg.core.training.folds import Piece
    from napari_ood_seg.core.training.instant import Scribbled

    Pixels = Mapping[tuple[ImageSource, tuple[int, ...]], npt.NDArray[np.int64]]

_FOR_SCORE: Final = {"filters": 0.0, "both": 0.5, "network": 1.0}
"""How much the network counts for what is unknown."""


class Seen:
    """The pixels that a network was trained on, image by image.

    Strokes come, go and are partly erased, so that numbers of strokes or folds do not
    tell whether a network has seen what it is judged by.

    Parameters
    ----------
    pixels
        By image and plane, sorted positions, `row * width + column`.
    """

    def __init__(self, pixels: Pixels | None = None) -> None:
        self._pixels: Pixels = pixels or {}

    def with_(self, source: ImageSource, pieces: Sequence[Piece]) -> Seen:
        """Return what is seen once these pieces are learned from as well."""
        out = dict(self._pixels)
        for piece in pieces:
            key = (source, piece.plane)
            known = out.get(key, np.zeros(0, np.int64))
            out[key] = np.union1d(known, _flat(source, piece))
        return Seen(out)

    def touches(self, source: ImageSource, piece: Piece) -> bool:
        """Whether any pixel of a piece was learned from."""
        known = self._pixels.get((source, piece.plane))
        return known is not None and bool(np.isin(_flat(source, piece), known).any())


def _flat(source: ImageSource, piece: Piece) -> npt.NDArray[np.int64]:
    rows, columns = piece.coords.astype(np.int64).T
    found: npt.NDArray[np.int64] = rows * source.width + columns
    return found


def to_learn(
    image: Scribbled, config: DeepConfig, seen: Seen
) -> tuple[list[Piece], list[Piece]]:
    """Return the pieces of scribble to train a network on, and those to check on.

    The latter are one stroke of a class in `hold_one_in`, never one that the network,
    which may go on from weights that there are, has seen.
    """
    learned: list[Piece] = []
    held: list[Piece] = []
    for piece in deal(image.scribbles, config.heads.folds):
        is_held = piece.fold in unseen_folds(config)
        is_held = is_held and not seen.touches(image.source, piece)
        (held if is_held else learned).append(piece)
    return learned, held


def unseen_folds(config: DeepConfig) -> frozenset[int]:
    """Return the folds of strokes that the network is not trained on."""
    return frozenset(range(0, config.heads.folds, config.hold_one_in))


def dealt(image: Scribbled, config: DeepConfig, seen: Seen) -> Iterator[Piece]:
    """Yield the pieces of scribble, what a network has not seen in folds of its own."""
    unseen = sorted(unseen_folds(config))
    others = [f for f in range(config.heads.folds) if f not in unseen]
    turns: Counter[tuple[int, bool]] = Counter()
    for piece in deal(image.scribbles, config.heads.folds):
        if piece.fold == ALWAYS_IN:
            yield piece
            continue
        known = seen.touches(image.source, piece)
        turn = turns[piece.class_id, known]
        turns[piece.class_id, known] += 1
        folds = others if known else unseen
        yield replace(piece, fold=folds[turn % len(folds)])


class Heads(InstantTrainer):
    """The instant engine with the stages of a trained network as further scales.

    It goes on learning as strokes come and go, while the network stays.

    Parameters
    ----------
    network, seen
        What was trained, and on what.
    """

    def __init__(
        self, network: Network, seen: Seen, config: DeepConfig, *, device: torch.device
    ) -> None:
        self.network = network
        for_score = _FOR_SCORE[config.evidence]
        self._beside = Beside(
            len(network.factors),
            unseen_folds(config),
            config.heads,
            for_score=for_score,
        )
        self._has_say = for_score > 0
        super().__init__(
            config.heads,
            device=device,
            encoder=network,
            hold_out=partial(_pieces, config, seen, alone=self._has_say),
            weigh=self._beside,
        )

    @property
    def is_used(self) -> bool:
        """Whether the network changes anything."""
        return self._has_say or self._beside.share > 0

    @property
    def accuracy(self) -> tuple[float, float]:
        """Share of held-out pixels with the right class: by filters; as it is now."""
        accuracy = self._beside.accuracy
        return accuracy[0.0], accuracy[self._beside.share]

    @property
    def verdict(self) -> str:
        """What became of the network, for a person."""
        before, after = (f"{a:.0%}" for a in self.accuracy)
        if self._beside.share > 0:
            return (
                f"The network tells {after} of held-out pixels right, filters {before}."
            )
        return (
            "The network does not tell your classes apart better than the filters, "
            f"which get {before} of held-out pixels right: paint more, or train longer."
        )


def _pieces(
    config: DeepConfig, seen: Seen, image: Scribbled, *, alone: bool
) -> tuple[Piece, ...]:
    """Return the pieces of scribble.

    Parameters
    ----------
    alone
        Whether only those that the network has not seen are ever held out.
    """
    unseen = unseen_folds(config)
    return tuple(
        replace(p, fold=ALWAYS_IN) if alone and p.fold not in unseen else p
        for p in dealt(image, config, seen)
    )


class Beside:
    """Says what scales of filters and of a network count; see `Ensemble.roles`.

    Parameters
    ----------
    n_network
        How many of the last scales are the network's.
    unseen
        Folds of strokes that the network was not trained on.
    config
        Of the heads.
    for_score
        How much the network counts for the score, in [0, 1].

    Attributes
    ----------
    accuracy
        See `accuracies`; of the last fit.
    """

    def __init__(
        self,
        n_network: int,
        unseen: Collection[int],
        config: InstantConfig,
        *,
        for_score: float,
    ) -> None:
        self.accuracy: Mapping[float, float] = {}
        self._n_network = n_network
        self._unseen = frozenset(unseen)
        self._config = config
        self._for_score = for_score

    @property
    def share(self) -> float:
        """How much the network counts for the classes."""
        return chosen_share(self.accuracy)

    def __call__(
        self, levels: Sequence[TrainingPixels], probes: Sequence[Probe]
    ) -> Tensor:
        """Return the roles `(l, 2)` of the scales."""
        self.accuracy = accuracies(
            levels,
            probes,
            self._config,
            n_network=self._n_network,
            unseen=self._unseen,
        )
        return roles(len(levels), self._n_network, self.share, self._for_score)

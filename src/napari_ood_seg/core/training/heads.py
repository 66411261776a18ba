"""The instant engine's heads beside a trained network."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Final

from napari_ood_seg.core.config import SPECTRAL_FROM
from napari_ood_seg.core.training.folds import ALWAYS_IN, deal
from napari_ood_seg.core.training.instant import InstantTrainer
from napari_ood_seg.core.training.roles import Accuracy, accuracies, chosen_share, roles
from napari_ood_seg.core.training.warm import touches

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    import torch
    from torch import Tensor

    from napari_ood_seg.core.config import DeepConfig, InstantConfig
    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.models.network import Network
    from napari_ood_seg.core.ood.base import TrainingPixels
    from napari_ood_seg.core.training.crossfit import Probe
    from napari_ood_seg.core.training.folds import Piece
    from napari_ood_seg.core.training.instant import Scribbled
    from napari_ood_seg.core.training.warm import Seen

_FOR_SCORE: Final = {"filters": 0.0, "both": 0.5, "network": 1.0}
"""How much the network counts for what is unknown."""


def unseen_folds(config: DeepConfig) -> frozenset[int]:
    """Return the folds that hold what the network was not trained on, see `dealt`."""
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
        known = touches(seen, image.source, piece)
        turn = turns[piece.class_id, known]
        turns[piece.class_id, known] += 1
        folds = others if known else unseen
        yield replace(piece, fold=folds[turn % len(folds)])


_ALL: Final = 0.995
"""Accuracy that cannot be told from all."""


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
        self._seen = dict(seen)
        channels = {source.n_channels for source, _ in seen}
        self._colors = {n for n in channels if n < SPECTRAL_FROM}
        for_score = _FOR_SCORE[config.evidence]
        self._beside = Beside(
            len(network.factors), unseen_folds(config), for_score=for_score
        )
        self._has_say = for_score > 0
        super().__init__(
            config.heads,
            device=device,
            network=network,
            hold_out=partial(_pieces, config, self._seen, alone=self._has_say),
            weigh=self._beside,
        )

    def takes(self, images: Sequence[Scribbled]) -> bool:
        """Whether the network can be shown images.

        Those that are known, with what is resampled to them, and colours like those
        that it was trained on; other spectra have axes of their own.
        """
        sources = [image.source for image in images]
        known = any(source in self.stores for source in sources)
        return known or all(source.n_channels in self._colors for source in sources)

    def forget(self, source: ImageSource) -> None:
        """Drop everything that is kept about an image, also what was seen of it."""
        super().forget(source)
        for place in [p for p in self._seen if p[0] is source]:
            del self._seen[place]

    @property
    def is_used(self) -> bool:
        """Whether the network changes anything."""
        return self._has_say or self._beside.share > 0

    @property
    def accuracy(self) -> tuple[float, float]:
        """Share of held-out pixels with the right class: by filters; as it is now."""
        accuracy = self._beside.accuracy
        return accuracy[0.0].share, accuracy[self._beside.share].share

    @property
    def verdict(self) -> str:
        """What became of the network, for a person."""
        before, after = (f"{a:.0%}" for a in self.accuracy)
        if self._beside.share > 0:
            return (
                f"The network tells {after} of held-out pixels right, filters {before}."
            )
        if self.accuracy[0] >= _ALL:
            return (
                f"The filters get {before} of held-out pixels right: there is nothing "
                "that a network could tell your classes apart better by."
            )
        return (
            "The network does not clearly tell your classes apart better than the "
            f"filters, which get {before} of held-out pixels right: paint more, or "
            "train longer."
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
        *,
        for_score: float,
    ) -> None:
        self.accuracy: Mapping[float, Accuracy] = {}
        self._n_network = n_network
        self._unseen = frozenset(unseen)
        self._for_score = for_score

    @property
    def share(self) -> float:
        """How much the network counts for the classes."""
        return chosen_share(self.accuracy)

    def __call__(
        self,
        levels: Sequence[TrainingPixels],
        probes: Sequence[Probe],
        config: InstantConfig,
    ) -> Tensor:
        """Return the roles `(l, 2)` of the scales."""
        self.accuracy = accuracies(
            levels,
            probes,
            config,
            n_network=self._n_network,
            unseen=self._unseen,
        )
        return roles(len(levels), self._n_network, self.share, self._for_score)

"""What detectors are fitted on, and the protocol that all of them keep."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Protocol, Self, runtime_checkable

import torch

from napari_ood_seg.core.moments import Moments

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Hashable, Mapping, Sequence

    from torch import Tensor

    Prepare = Callable[[Tensor], Tensor]


@dataclass(frozen=True, kw_only=True, eq=False)
class StrokePixels:
    """The features of one stroke, or of a part of it.

    Attributes
    ----------
    class_id
        1-based.
    group
        Strokes of one group are held out together.
    features
        `(n, d)` float32: all pixels of the stroke, or a sample of them.
    """

    class_id: int
    group: int
    features: Tensor = field(repr=False)

    _moments: dict[Hashable, Moments] = field(default_factory=dict, repr=False)

    def moments(self, view: Hashable, prepare: Prepare) -> Moments:
        """Return the moments of the features after `prepare`, kept under `view`."""
        if view not in self._moments:
            self._moments[view] = Moments.of(prepare(self.features))
        return self._moments[view]


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingPixels:
    """Everything a detector may learn from.

    Attributes
    ----------
    strokes
        At least one per class.
    unlabelled
        `(m, d)` features of pixels drawn from the whole image; what they show is
        not known, and some may be of the scribbled classes.
    """

    strokes: tuple[StrokePixels, ...]
    unlabelled: Tensor = field(repr=False)
    _moments: dict[Hashable, Moments] = field(default_factory=dict, repr=False)

    @classmethod
    def from_labels(
        cls, features: Tensor, labels: Tensor, unlabelled: Tensor | None = None
    ) -> Self:
        """Return pixels with one stroke per class of `(n,)` `labels`."""
        strokes = tuple(
            StrokePixels(class_id=int(i), group=int(i), features=features[labels == i])
            for i in labels.unique()
        )
        return cls(
            strokes=strokes, unlabelled=features if unlabelled is None else unlabelled
        )

    @property
    def n_features(self) -> int:
        """Features per pixel."""
        return int(self.unlabelled.shape[1])

    @cached_property
    def class_ids(self) -> tuple[int, ...]:
        """Class ids, ascending."""
        return tuple(sorted({s.class_id for s in self.strokes}))

    def unlabelled_moments(self, view: Hashable, prepare: Prepare) -> Moments:
        """Return the moments of the unlabelled after `prepare`, kept under `view`."""
        if view not in self._moments:
            self._moments[view] = Moments.of(prepare(self.unlabelled))
        return self._moments[view]

    def without(self, groups: Collection[int]) -> Self:
        """Return the pixels without the strokes of these groups."""
        return replace(
            self, strokes=tuple(s for s in self.strokes if s.group not in groups)
        )

    def by_class(self) -> dict[int, list[StrokePixels]]:
        """Return the strokes of each class."""
        out: dict[int, list[StrokePixels]] = {i: [] for i in self.class_ids}
        for stroke in self.strokes:
            out[stroke.class_id].append(stroke)
        return out


@dataclass(frozen=True, slots=True)
class DetectorFacts:
    """What a detector needs and where it comes from.

    Attributes
    ----------
    title
        Its name in the literature.
    needs
        ``features``, ``logits`` or ``non-negative features``.
    cost
        Operations per pixel, with d features and k classes.
    source
        Paper.
    """

    title: str
    needs: str
    cost: str
    source: str


@runtime_checkable
class PixelDetector(Protocol):
    """Scores pixels by how unlike the scribbled classes they look.

    Sign rule: a higher score means more out-of-distribution, always. A method
    whose paper has it the other way round is negated. A pixel's score depends on
    that pixel alone.
    """

    facts: ClassVar[DetectorFacts]

    def fit(self, pixels: TrainingPixels) -> Self:
        """Fit, and return the detector itself."""
        ...

    def score(self, features: Tensor) -> Tensor:
        """Return `(n,)` scores of `(n, d)` features, on their device.

        Raises
        ------
        NotFittedError
            Before `fit` or `restore`.
        """
        ...

    def tensors(self) -> dict[str, Tensor]:
        """Return what was fitted, for a model file."""
        ...

    def restore(self, tensors: Mapping[str, Tensor]) -> Self:
        """Take over what `tensors` returned, and return the detector itself."""
        ...


def balanced_weights(strokes: Sequence[StrokePixels]) -> Tensor:
    """Return `(n,)` weights of all pixels, in order: every class weighs the same."""
    ids = sorted({s.class_id for s in strokes})
    sizes = {i: sum(len(s.features) for s in strokes if s.class_id == i) for i in ids}
    parts = [
        torch.full((len(s.features),), 1.0 / (len(ids) * sizes[s.class_id]))
        for s in strokes
    ]
    return torch.cat(parts)

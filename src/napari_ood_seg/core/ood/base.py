"""What detectors are fitted on, and the protocol that all of them keep."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import (
    TYPE_CHECKING,
    ClassVar,
    NamedTuple,
    Protocol,
    Self,
    TypeGuard,
    runtime_checkable,
)

import torch

from napari_ood_seg.core.moments import Moments

if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Collection,
        Hashable,
        Iterator,
        Mapping,
        Sequence,
    )

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
        ``features``, ``logits`` (a linear classifier on the features, fitted if none
        is given) or ``non-negative features`` (such a classifier, on features after
        a ReLU).
    cost
        Operations per pixel, with d features and k classes.
    source
        Paper.
    classes
        With fewer classes than this, every pixel gets the same score.
    memorises
        Whether it keeps pixels that it was fitted on, or learns them closely, so that
        their own scores say nothing about others.
    """

    title: str
    needs: str
    cost: str
    source: str
    classes: int = 1
    memorises: bool = False


def check_needs(facts: DetectorFacts, features: Tensor, n_classes: int) -> str:
    """Return one sentence on why a detector does not suit what it is to work on.

    Empty if it does. The scores are finite either way.

    Parameters
    ----------
    features
        `(n, d)`, as they come from the engine.
    n_classes
        How many classes were scribbled.

    Examples
    --------
    >>> facts = DetectorFacts("SCALE", "non-negative features", "d", "Xu et al.")
    >>> check_needs(facts, torch.tensor([[1.0, 0.0]]), 2)
    ''
    >>> check_needs(facts, torch.tensor([[1.0, -1.0]]), 2)
    'SCALE needs features that are never negative, but 50 % of them are: choose ...'
    """
    if n_classes < facts.classes:
        return (
            f"{facts.title} compares classes and needs at least {facts.classes}: "
            "scribble another class or choose another score"
        )
    if facts.needs == "non-negative features" and bool((features < 0).any()):
        share = float((features < 0).float().mean())
        return (
            f"{facts.title} needs features that are never negative, but {share:.0%} "
            "of them are: choose another score".replace("%", " %")
        )
    return ""


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


@runtime_checkable
class ClassDetector(PixelDetector, Protocol):
    """A detector whose score is that of the class which the pixel is most like.

    Its scores can be averaged over scales class by class, so that a pixel has to
    look like the same class at all of them.
    """

    def class_scores(self, features: Tensor) -> Tensor:
        """Return `(n, k)` scores of `(n, d)` features, classes ascending by id.

        The smallest of a row is the `score` of the pixel.
        """
        ...


@runtime_checkable
class SummingDetector(PixelDetector, Protocol):
    """A detector fitted on sums over strokes: leaving some out costs little."""

    def fit_without(
        self, pixels: TrainingPixels, left_out: Sequence[Collection[int]]
    ) -> list[Self]:
        """Return fitted detectors, each without the strokes of some groups."""
        ...


def fits(
    make: Callable[[], PixelDetector],
    pixels: TrainingPixels,
    left_out: Sequence[Collection[int]],
) -> Iterator[PixelDetector]:
    """Yield fitted detectors, each without the strokes of some groups.

    Those that can are fitted together, others when their turn comes. Every class
    must keep a stroke.
    """
    first = make()
    if hasattr(first, "fit_without"):
        yield from first.fit_without(pixels, left_out)
    else:
        for groups in left_out:
            yield make().fit(pixels.without(groups))


def scores_classes(detector: PixelDetector) -> TypeGuard[ClassDetector]:
    """Whether a detector is a `ClassDetector`; quicker than asking the protocol."""
    return hasattr(detector, "class_scores")


def balanced_weights(strokes: Sequence[StrokePixels]) -> Tensor:
    """Return `(n,)` weights of all pixels, in order: every class weighs the same."""
    ids = sorted({s.class_id for s in strokes})
    sizes = {i: sum(len(s.features) for s in strokes if s.class_id == i) for i in ids}
    parts = [
        torch.full((len(s.features),), 1.0 / (len(ids) * sizes[s.class_id]))
        for s in strokes
    ]
    return torch.cat(parts)


class LabelledRows(NamedTuple):
    """Scribbled pixels as one table, on the CPU.

    Attributes
    ----------
    features
        `(n, d)`, ordered by class.
    classes
        `(n,)` indices into `TrainingPixels.class_ids`.
    weights
        `(n,)`; they sum to 1, and every class weighs the same.
    """

    features: Tensor
    classes: Tensor
    weights: Tensor


def labelled_rows(pixels: TrainingPixels, per_class: int | None = None) -> LabelledRows:
    """Return the scribbled pixels, at most `per_class` evenly spaced ones of each.

    Examples
    --------
    >>> z, labels = torch.arange(6.0)[:, None], torch.tensor([3, 3, 3, 3, 8, 8])
    >>> rows = labelled_rows(TrainingPixels.from_labels(z, labels), per_class=2)
    >>> rows.features[:, 0].tolist(), rows.classes.tolist(), rows.weights.tolist()
    ([0.0, 3.0, 4.0, 5.0], [0, 0, 1, 1], [0.25, 0.25, 0.25, 0.25])
    """
    parts, owners, weights = [], [], []
    by_class = pixels.by_class()
    for index, strokes in enumerate(by_class.values()):
        rows = torch.cat([s.features for s in strokes]).detach().cpu()
        if per_class is not None and len(rows) > per_class:
            rows = rows[torch.linspace(0, len(rows) - 1, per_class).round().long()]
        parts.append(rows)
        owners.append(torch.full((len(rows),), index))
        weights.append(torch.full((len(rows),), 1.0 / (len(by_class) * len(rows))))
    return LabelledRows(torch.cat(parts), torch.cat(owners), torch.cat(weights))

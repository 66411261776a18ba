"""Which scribbles are fitted on and which are scored, fold by fold."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np

from napari_ood_seg.core.errors import ScribbleError
from napari_ood_seg.core.training.folds import ALWAYS_IN, MIN_PIXELS, Piece, deal
from napari_ood_seg.core.training.instant import Scribbled

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from napari_ood_seg.core.data.scribbles import Scribbles, Stroke
    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.types import ClassInfo

N_FOLDS: Final = 4


class Spot(NamedTuple):
    """A piece of scribble and the image it is on."""

    source: ImageSource
    piece: Piece


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Split:
    """One fold: what is fitted on, and what is scored.

    Attributes
    ----------
    training
        All classes; the held-out one is dropped later.
    known
        Pieces that are in no training image and stroke: the known pixels.
    anywhere
        Pieces of which those of a held-out class are scored.
    """

    training: tuple[Scribbled, ...] = field(repr=False)
    known: tuple[Spot, ...] = field(repr=False)
    anywhere: tuple[Spot, ...] = field(repr=False)

    def without(self, class_id: int) -> Trial:
        """Return the trial that holds a class out."""
        training = tuple(
            Scribbled(source, scribbles.without_class(class_id))
            for source, scribbles in self.training
        )
        fitted = {i for _, scribbles in training for i in scribbles.class_ids}
        return Trial(
            class_id=class_id,
            training=training,
            known=tuple(s for s in self.known if s.piece.class_id in fitted),
            unknown=tuple(s for s in self.anywhere if s.piece.class_id == class_id),
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Trial:
    """One model to fit, without a class, and what to ask it.

    Attributes
    ----------
    known, unknown
        Pieces of the classes fitted on, and of the one held out.
    """

    class_id: int
    training: tuple[Scribbled, ...] = field(repr=False)
    known: tuple[Spot, ...] = field(repr=False)
    unknown: tuple[Spot, ...] = field(repr=False)

    @property
    def usable(self) -> bool:
        """Whether there is something of both kinds to score."""
        return bool(self.known and self.unknown)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """The trials of an audit.

    Attributes
    ----------
    folds
        What is kept apart.
    rounds
        Per fold the trials that can be used; those of a fold share their images.
    """

    folds: Literal["strokes", "images"]
    rounds: tuple[tuple[Trial, ...], ...] = field(repr=False)

    @property
    def class_ids(self) -> set[int]:
        """Classes that are held out at least once."""
        return {t.class_id for trials in self.rounds for t in trials}


def make_plan(images: Sequence[Scribbled], classes: Sequence[ClassInfo]) -> Plan:
    """Return the trials that hold each painted class out.

    Several images are kept apart, so that no pixel is scored on an image that was
    fitted on, if every class can be judged so; else the strokes are.

    Raises
    ------
    ScribbleError
        If there is only one class, or too little paint to hold any of it out.
    """
    painted = {i for _, scribbles in images for i in scribbles.class_ids}
    if len(painted) < 2:
        raise ScribbleError(
            "an audit holds one class out and asks for it, but there is only one: "
            "paint a second class"
        )
    if len(images) > 1:
        plan = _planned("images", by_image(images), painted)
        if plan.class_ids == painted:
            return plan
    plan = _planned("strokes", by_stroke(images), painted)
    if plan.class_ids != painted:
        raise ScribbleError(_too_little(images, classes))
    return plan


def by_stroke(images: Sequence[Scribbled], n_folds: int = N_FOLDS) -> tuple[Split, ...]:
    """Return folds of strokes, as `deal` makes them on each image."""
    dealt = [
        (image, [Spot(image.source, p) for p in deal(image.scribbles, n_folds)])
        for image in images
    ]
    spots = tuple(s for _, own in dealt for s in own)
    folds = sorted({s.piece.fold for s in spots} - {ALWAYS_IN})
    return tuple(
        Split(
            training=tuple(
                Scribbled(image.source, _without(image.scribbles, own, fold))
                for image, own in dealt
            ),
            known=tuple(s for s in spots if s.piece.fold == fold),
            anywhere=spots,
        )
        for fold in folds
    )


def by_image(images: Sequence[Scribbled], n_folds: int = N_FOLDS) -> tuple[Split, ...]:
    """Return folds of whole images, dealt in turn."""
    out = []
    for fold in range(min(n_folds, len(images))):
        spots = tuple(
            Spot(image.source, piece)
            for image in images[fold::n_folds]
            for piece in deal(image.scribbles, n_folds)
        )
        training = tuple(im for i, im in enumerate(images) if i % n_folds != fold)
        out.append(Split(training=training, known=spots, anywhere=spots))
    return tuple(out)


def _planned(
    folds: Literal["strokes", "images"],
    splits: Sequence[Split],
    class_ids: Collection[int],
) -> Plan:
    rounds = [[split.without(i) for i in sorted(class_ids)] for split in splits]
    usable = [tuple(t for t in trials if t.usable) for trials in rounds]
    return Plan(folds=folds, rounds=tuple(trials for trials in usable if trials))


def _without(scribbles: Scribbles, spots: Sequence[Spot], fold: int) -> Scribbles:
    """Return the scribbles less the pieces of a fold."""
    left: dict[int, list[Piece]] = {}
    for _, piece in spots:
        if piece.fold != fold:
            left.setdefault(piece.stroke_id, []).append(piece)
    strokes = [_rest(s, left[s.id]) for s in scribbles.strokes if s.id in left]
    return replace(scribbles, strokes=tuple(strokes))


def _rest(stroke: Stroke, pieces: Sequence[Piece]) -> Stroke:
    if sum(len(p.coords) for p in pieces) == len(stroke):
        return stroke
    return replace(stroke, coords=np.concatenate([p.coords for p in pieces]))


def _too_little(images: Sequence[Scribbled], classes: Sequence[ClassInfo]) -> str:
    names = {c.id: c.name for c in classes}
    spots = [s for split in by_stroke(images) for s in split.known]
    held = {s.piece.class_id for s in spots}
    painted = {i for _, scribbles in images for i in scribbles.class_ids}
    lone = [names.get(i, f"class {i}") for i in sorted(painted - held)]
    listed = " and ".join(map(repr, lone))
    return (
        f"there is too little paint on {listed} to leave some of it out and check on "
        f"it: paint two strokes of at least {MIN_PIXELS} pixels on each class"
    )

"""Strokes that the model finds unlike the other strokes of their class."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import torch

from napari_ood_seg.core.guidance.surroundings import place_of, surroundings
from napari_ood_seg.core.training.instant import Scribbled
from napari_ood_seg.core.types import UNKNOWN, Progress

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    import numpy.typing as npt

    from napari_ood_seg.core.data.scribbles import Scribbles, Stroke
    from napari_ood_seg.core.features.store import FeatureStore
    from napari_ood_seg.core.models.instant import InstantModel
    from napari_ood_seg.core.training.instant import InstantTrainer
    from napari_ood_seg.core.types import ClassInfo

    Coords = npt.NDArray[np.int32]

_FOLDS: Final = 8
"""So many models are fitted at most; each holds some strokes of every class out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A stroke that may be a mistake.

    Attributes
    ----------
    stroke_id, class_id, plane
        Of the stroke.
    point
        Row and column of a pixel of it.
    box
        First row and column, last row and column plus one.
    looks_like
        Id of the class that most of it looks like, or `UNKNOWN`.
    agreement
        Share of its pixels that would be given its own class, from 0 to 1.
    typicality
        Median over its pixels.
    held_out
        Whether the model had not learned from it; a class of one stroke cannot be
        held out.
    """

    stroke_id: int
    class_id: int
    plane: tuple[int, ...]
    point: tuple[int, int]
    box: tuple[int, int, int, int]
    looks_like: int
    agreement: float
    typicality: float
    held_out: bool


class Answers(NamedTuple):
    """What a model says at some pixels, in their order."""

    classes: npt.NDArray[np.uint8]
    typicality: npt.NDArray[np.float32]


def find_doubts(
    trainer: InstantTrainer,
    image: Scribbled,
    classes: Sequence[ClassInfo],
    *,
    keep: float = 0.95,
    others: Sequence[Scribbled] = (),
) -> Generator[Progress, None, tuple[Doubt, ...]]:
    """Judge every stroke by a model of the others; the most doubtful come first.

    A stroke is in doubt if more than half of it is below the threshold, or would be
    given another class.

    Parameters
    ----------
    trainer
        One that knows the image is quickest.
    keep
        As of the threshold: typicality below 1 - `keep` is unknown.
    others
        Images to learn from as well; their strokes are not judged.
    """
    folds = deal_strokes(image.scribbles, _FOLDS)
    doubts: list[Doubt] = []
    for done, fold in enumerate(folds):
        yield Progress(done=done, total=len(folds), stage="checking your scribbles")
        rest = image.scribbles if fold.kept else _without(image.scribbles, fold.strokes)
        images = [Scribbled(image.source, rest), *others]
        model = yield from _fit(trainer, images, classes)
        store = trainer.store(image.source)
        assert store is not None
        for stroke in fold.strokes:
            answers = answers_at(model, store, stroke.coords, plane=stroke.plane)
            doubt = judge(stroke, answers, keep=keep, held_out=not fold.kept)
            doubts += [] if doubt is None else [doubt]
    return tuple(sorted(doubts, key=lambda d: (d.agreement, d.typicality)))


class StrokeFold(NamedTuple):
    """Strokes that are judged by one model.

    Attributes
    ----------
    kept
        Whether the model learns from them all the same.
    """

    strokes: tuple[Stroke, ...]
    kept: bool


def deal_strokes(scribbles: Scribbles, n: int) -> list[StrokeFold]:
    """Return the strokes in at most `n` folds, each with some of every class.

    The strokes of classes with only one stroke are last, in a fold that is kept; if
    they are all there is, nothing can be said about them.
    """
    lone: list[Stroke] = []
    folds: list[list[Stroke]] = [[] for _ in range(n)]
    for class_id in scribbles.class_ids:
        own = [s for s in scribbles.strokes if s.class_id == class_id]
        for turn, stroke in enumerate(own):
            (folds[turn % n] if len(own) > 1 else lone).append(stroke)
    out = [StrokeFold(tuple(fold), kept=False) for fold in folds if fold]
    if lone and len(scribbles.class_ids) > 1:
        out.append(StrokeFold(tuple(lone), kept=True))
    return out


def judge(
    stroke: Stroke, answers: Answers, *, keep: float, held_out: bool
) -> Doubt | None:
    """Return what speaks against a stroke, or `None` if nothing does."""
    typicality = float(np.median(answers.typicality))
    agreement = float((answers.classes == stroke.class_id).mean())
    if typicality < 1 - keep:
        looks_like = UNKNOWN
    elif agreement < 0.5:
        others = answers.classes[answers.classes != stroke.class_id]
        looks_like = int(np.bincount(others).argmax())
    else:
        return None
    place = place_of(stroke.coords)
    return Doubt(
        stroke_id=stroke.id,
        class_id=stroke.class_id,
        plane=stroke.plane,
        point=place.point,
        box=place.box,
        looks_like=looks_like,
        agreement=agreement,
        typicality=typicality,
        held_out=held_out,
    )


@torch.inference_mode()
def answers_at(
    model: InstantModel,
    store: FeatureStore,
    coords: Coords,
    *,
    plane: tuple[int, ...] = (),
) -> Answers:
    """Return what a model says at `(n, 2)` pixels; only their surroundings are used."""
    ids = np.array(model.class_ids, np.uint8)
    classes = np.zeros(len(coords), np.uint8)
    typicality = np.zeros(len(coords), np.float32)
    owners = store.owners(torch.from_numpy(coords).long()).numpy()
    for index in np.unique(owners).tolist():
        mine = np.flatnonzero(owners == index)
        part = surroundings(
            store.tile(plane, index),
            coords[mine],
            factors=store.factors,
            margin=model.margin,
        )
        logits, score = model.evaluate(part.levels, part.size, part.guide)
        r, c = part.at.T
        classes[mine] = ids[logits[:, r, c].argmax(0).cpu().numpy()]
        typicality[mine] = model.calibration.typicality(score[r, c]).cpu().numpy()
    return Answers(classes, typicality)


def _without(scribbles: Scribbles, strokes: Sequence[Stroke]) -> Scribbles:
    gone = {s.id for s in strokes}
    return replace(
        scribbles, strokes=tuple(s for s in scribbles.strokes if s.id not in gone)
    )


def _fit(
    trainer: InstantTrainer,
    images: Sequence[Scribbled],
    classes: Sequence[ClassInfo],
) -> Generator[Progress, None, InstantModel]:
    """Fit, and pass on only that something happens: it can be stopped meanwhile."""
    steps = trainer.fit(images, classes)
    while True:
        try:
            next(steps)
        except StopIteration as end:
            model: InstantModel = end.value
            return model
        yield Progress(done=0, total=0, stage="checking your scribbles")

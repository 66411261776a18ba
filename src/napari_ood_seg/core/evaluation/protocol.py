"""The audit: hold each class out in turn and see whether it is called unknown."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import torch

from napari_ood_seg.core.api import finish, training_set
from napari_ood_seg.core.config import InstantConfig
from napari_ood_seg.core.device import pick_device
from napari_ood_seg.core.evaluation import ranking
from napari_ood_seg.core.evaluation.metrics import mean_of, reliability_curve
from napari_ood_seg.core.evaluation.pixels import Site, predict_at
from napari_ood_seg.core.evaluation.report import Audit, HeldOut
from napari_ood_seg.core.evaluation.splits import make_plan
from napari_ood_seg.core.inference.predict import open_features
from napari_ood_seg.core.training.instant import InstantTrainer, check
from napari_ood_seg.core.types import UNKNOWN, ClassInfo, Prediction, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    import numpy.typing as npt

    from napari_ood_seg.core.evaluation.pixels import Tiles
    from napari_ood_seg.core.evaluation.splits import Plan, Spot, Trial
    from napari_ood_seg.core.features.store import FeatureStore
    from napari_ood_seg.core.models.instant import InstantModel
    from napari_ood_seg.core.training.instant import Scribbled

    Floats = npt.NDArray[np.float64]


_PIXELS: Final = 64
"""So many pixels of each piece that is held out are looked at."""


def audit(  # noqa: PLR0913 - those of `train`, and the threshold
    images: Any,  # noqa: ANN401 - as of `train`
    scribbles: Any,  # noqa: ANN401 - as of `train`
    *,
    classes: Sequence[ClassInfo | str] = (),
    config: InstantConfig | None = None,
    device: str = "auto",
    keep: float = 0.95,
    on_progress: Callable[[Progress], None] | None = None,
) -> Audit:
    """Return how well each class is recognised as unknown when it was never painted.

    Parameters
    ----------
    images, scribbles, classes, config, device, on_progress
        As of `train`.
    keep
        Share of the scribbles taken to be typical: the user's threshold.

    Raises
    ------
    ScribbleError
        If there is only one class, or too little paint to leave some of it out.
    ImageError, ModelMismatchError, FileFormatError, DeviceError
        As `train`.
    """
    prepared = training_set(images, scribbles, classes)
    steps = leave_class_out(
        prepared.images,
        prepared.classes,
        config=InstantConfig() if config is None else config,
        device=pick_device(device),
        keep=keep,
    )
    return finish(steps, on_progress)


def leave_class_out(
    images: Sequence[Scribbled],
    classes: Sequence[ClassInfo],
    *,
    config: InstantConfig,
    device: torch.device,
    keep: float = 0.95,
) -> Generator[Progress, None, Audit]:
    """Hold each painted class out in turn; see `audit`.

    For every class and every fold a model is fitted without the class and without
    the fold. The pixels of the class are then to be told from the pixels of the
    fold, which are of the other classes. Every class weighs the same, and every
    stroke of a class; of long strokes an even sample of pixels is taken.

    Raises
    ------
    ScribbleError, ImageError, ModelMismatchError
        As `audit`.
    """
    check(images)
    plan = make_plan(images, classes)
    total = sum(len(trials) for trials in plan.rounds)
    by_class: dict[int, list[Outcome]] = defaultdict(list)
    shared = Examiner(config, device=device)
    done = 0
    for trials in plan.rounds:
        apart = plan.folds == "images"  # what is fitted on differs in its images
        examiner = Examiner(config, device=device) if apart else shared
        for trial in trials:
            progress = Progress(done=done, total=total, stage="holding classes out")
            outcome = yield from examiner.examine(trial, progress)
            by_class[trial.class_id].append(outcome)
            done += 1
    yield Progress(done=total, total=total, stage="holding classes out")
    return _summary(by_class, images, classes, plan=plan, keep=keep)


class Answer(NamedTuple):
    """What a model said about a piece of scribble of this class."""

    class_id: int
    prediction: Prediction


class Outcome(NamedTuple):
    """The answers of one model."""

    known: list[Answer]
    unknown: list[Answer]


class Examiner:
    """Fits the models of trials on the same images, keeping what stays the same.

    Parameters
    ----------
    config, device
        Of the models.
    """

    def __init__(self, config: InstantConfig, *, device: torch.device) -> None:
        self._trainer = InstantTrainer(config, device=device)
        self._stores: dict[object, FeatureStore] = {}
        self._sites: dict[object, Site] = {}

    def examine(
        self, trial: Trial, progress: Progress
    ) -> Generator[Progress, None, Outcome]:
        """Fit a model without the class and ask it.

        Parameters
        ----------
        progress
            Told at every step, but for the first fit, whose own steps are told.
        """
        steps = self._trainer.fit(trial.training, ())
        if self._sites:
            steps = _retold(steps, progress)
        model = yield from steps
        answers: list[list[Answer]] = []
        tiles: Tiles = {}
        for spots in (trial.known, trial.unknown):
            answers.append([])
            for spot in spots:
                yield progress
                prediction = predict_at(model, self._site(model, spot), tiles)
                answers[-1].append(Answer(spot.piece.class_id, prediction))
        return Outcome(*answers)

    def _site(self, model: InstantModel, spot: Spot) -> Site:
        if spot.piece not in self._sites:
            coords = spot.piece.coords
            step = -(-len(coords) // _PIXELS)
            self._sites[spot.piece] = Site.of(
                self._store(model, spot),
                torch.from_numpy(coords[::step].astype(np.int64)),
                smoothing=model.config.smoothing,
                plane=spot.piece.plane,
            )
        return self._sites[spot.piece]

    def _store(self, model: InstantModel, spot: Spot) -> FeatureStore:
        """Return the features fitted on, or of an image that was not, as for `predict`.

        The latter serve all models of the trainer: only the scribbles differ.
        """
        fitted = self._trainer.store(spot.source)
        if fitted is not None:
            return fitted
        if spot.source not in self._stores:
            self._stores[spot.source] = open_features(
                model, spot.source, device=self._trainer.device
            )
        return self._stores[spot.source]


def _retold(
    steps: Generator[Progress, None, InstantModel], progress: Progress
) -> Generator[Progress, None, InstantModel]:
    """Do the steps, telling the same of all of them."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            model: InstantModel = end.value
            return model
        yield progress


def _summary(
    by_class: dict[int, list[Outcome]],
    images: Sequence[Scribbled],
    classes: Sequence[ClassInfo],
    *,
    plan: Plan,
    keep: float,
) -> Audit:
    infos = {c.id: c for c in classes}
    ids = sorted(by_class)
    everything = [o for i in ids for o in by_class[i]]
    known = [answer for outcome in everything for answer in outcome.known]
    shares = _shares(known, [*ids, UNKNOWN], keep)
    return Audit(
        classes=tuple(
            _held_out(
                infos.get(i, ClassInfo(id=i, name=f"class {i}", color="#bbbbbb")),
                by_class[i],
                images,
                ids=ids,
                keep=keep,
            )
            for i in ids
        ),
        keep=keep,
        folds=plan.folds,
        n_images=len(images),
        n_fits=len(everything),
        confusion=tuple(
            tuple(shares[i].tolist() if i in shares else [np.nan] * (len(ids) + 1))
            for i in ids
        ),
        reliability=reliability_curve(
            np.concatenate([a.prediction.typicality[0] for a in known]),
            _weights(known),
        ),
    )


def _held_out(
    info: ClassInfo,
    outcomes: Sequence[Outcome],
    images: Sequence[Scribbled],
    *,
    ids: Sequence[int],
    keep: float,
) -> HeldOut:
    answers = [*ids, UNKNOWN]
    known = _shares([a for o in outcomes for a in o.known], answers, keep)
    own = _shares([a for o in outcomes for a in o.unknown], answers, keep)[info.id]
    painted = [s for _, scribbles in images for s in scribbles.strokes]
    strokes = [len(s) for s in painted if s.class_id == info.id]
    ranked = [_ranked(o) for o in outcomes]
    return HeldOut(
        id=info.id,
        name=info.name,
        color=info.color,
        auroc=mean_of([ranking.auroc(*r) for r in ranked]),
        ap=mean_of([ranking.average_precision(*r) for r in ranked]),
        fpr95=mean_of([ranking.fpr_at_tpr(*r) for r in ranked]),
        ap_by_chance=mean_of([ranking.weighted_share(*r[1:]) for r in ranked]),
        tpr=float(own[-1]),
        kept=mean_of([1.0 - float(shares[-1]) for shares in known.values()]),
        taken_for={i: float(s) for i, s in zip(answers, own, strict=True)},
        n_strokes=len(strokes),
        n_pixels=sum(strokes),
        n_folds=len(outcomes),
        roc=ranking.mean_curve([ranking.roc_curve(*r) for r in ranked]),
        pr=ranking.mean_curve([ranking.pr_curve(*r) for r in ranked]),
    )


def _ranked(outcome: Outcome) -> tuple[Floats, npt.NDArray[np.bool_], Floats]:
    """Return scores of the pixels, whether they are of the held-out class, weights."""
    answers = [*outcome.known, *outcome.unknown]
    scores = np.concatenate([a.prediction.score[0] for a in answers])
    n_known = sum(a.prediction.score.size for a in outcome.known)
    return scores.astype(float), np.arange(len(scores)) >= n_known, _weights(answers)


def _weights(answers: Sequence[Answer]) -> Floats:
    """Return the weight of each pixel: classes alike, and strokes of a class."""
    n_pieces: dict[int, int] = defaultdict(int)
    for answer in answers:
        n_pieces[answer.class_id] += 1
    sizes = [(a.prediction.score.size, n_pieces[a.class_id]) for a in answers]
    return np.concatenate([np.full(n, 1.0 / (n * pieces)) for n, pieces in sizes])


def _shares(
    answers: Sequence[Answer], ids: Sequence[int], keep: float
) -> dict[int, Floats]:
    """Return per true class the share of each answer, every piece alike."""
    rows: dict[int, list[Floats]] = defaultdict(list)
    for answer in answers:
        labels = answer.prediction.labels(keep=keep)
        rows[answer.class_id].append((labels.ravel() == np.array(ids)[:, None]).mean(1))
    return {class_id: np.mean(pieces, axis=0) for class_id, pieces in rows.items()}

"""What runs on the worker thread: frozen jobs and the caches between them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

from napari_ood_seg.core.inference.view import Extent
from napari_ood_seg.core.types import Progress
from napari_ood_seg.session.jobs import Audited, Exported, Guided, TileDone, Trained
from napari_ood_seg.session.sight import Sight

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from napari_ood_seg.core.config import InstantConfig
    from napari_ood_seg.core.data.coverage import Coverage
    from napari_ood_seg.core.data.scribbles import Scribbles
    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.features.store import FeatureStore
    from napari_ood_seg.core.guidance.doubts import Doubt
    from napari_ood_seg.core.guidance.explain import Explanation
    from napari_ood_seg.core.guidance.nearness import StrokeMeans
    from napari_ood_seg.core.guidance.typicalities import ClassTypicality
    from napari_ood_seg.core.models.instant import InstantModel
    from napari_ood_seg.core.training.instant import InstantTrainer
    from napari_ood_seg.core.types import ClassInfo
    from napari_ood_seg.session.result import Result

    Event = Progress | Trained | TileDone | Exported | Audited | Guided
    Events = Generator[Event, None, None]

_TALLY_PIXELS: Final = 250_000
"""So many pixels say enough, and are copied in a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownJob:
    """A job whose result is shown.

    Attributes
    ----------
    plane
        The one that is shown; it is predicted first.
    ahead
        Planes to predict after it.
    sight
        What is visible, now and when that changes.
    covered
        By plane, what was predicted already with the same model.
    extent
        How much to predict.
    budget
        Bytes of features to keep.
    """

    source: ImageSource
    device: str
    plane: tuple[int, ...]
    ahead: tuple[tuple[int, ...], ...] = ()
    sight: Sight = field(default_factory=Sight, repr=False)
    covered: Mapping[tuple[int, ...], Coverage] = field(
        default_factory=dict, repr=False
    )
    extent: Extent = Extent.ALL
    budget: int = 2 * 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class PredictJob(ShownJob):
    """Apply a model to an image."""

    model: InstantModel = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainJob(ShownJob):
    """Train on the scribbles of an image, and perhaps of others, then predict it.

    Attributes
    ----------
    others
        Further images and their scribbles.
    """

    scribbles: Scribbles = field(repr=False)
    classes: tuple[ClassInfo, ...]
    config: InstantConfig
    others: tuple[tuple[ImageSource, Scribbles], ...] = field(default=(), repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportJob:
    """Predict a plane and write it to `path`."""

    source: ImageSource
    model: InstantModel = field(repr=False)
    device: str
    plane: tuple[int, ...]
    path: Path
    keep: float
    classes: tuple[ClassInfo, ...]
    overwrite: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditJob:
    """Hold each class of an image out in turn."""

    source: ImageSource
    scribbles: Scribbles = field(repr=False)
    classes: tuple[ClassInfo, ...]
    config: InstantConfig
    device: str
    keep: float


@dataclass(frozen=True, slots=True, kw_only=True)
class GuideJob:
    """Find what a model does not know on a plane, and strokes that may be mistakes."""

    source: ImageSource
    model: InstantModel = field(repr=False)
    scribbles: Scribbles = field(repr=False)
    classes: tuple[ClassInfo, ...]
    config: InstantConfig
    device: str
    plane: tuple[int, ...]
    keep: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainJob:
    """Say why a pixel is what it is; `point` is its row and column."""

    source: ImageSource
    model: InstantModel = field(repr=False)
    scribbles: Scribbles = field(repr=False)
    device: str
    plane: tuple[int, ...]
    point: tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class TallyJob:
    """Count how typical the pixels of each class are, by a sample of a result.

    Attributes
    ----------
    classes, typicality
        `(h, w)` of every so many-th row and column.
    """

    model: InstantModel = field(repr=False)
    classes: npt.NDArray[np.uint8] = field(repr=False)
    typicality: npt.NDArray[np.float32] = field(repr=False)

    @classmethod
    def of(cls, model: InstantModel, result: Result) -> Self:
        """Return the job for a result, which may go on changing."""
        step = math.ceil(math.sqrt(math.prod(result.shape) / _TALLY_PIXELS))
        return cls(
            model=model,
            classes=result.classes_in(result.whole, step=step),
            typicality=result.typicality_in(result.whole, step=step),
        )


class Workshop:
    """Runs jobs, and keeps features between them. Lives on the worker thread.

    Heavy modules are imported by the first job, not when a window opens.
    """

    def __init__(self) -> None:
        self._trainer: InstantTrainer | None = None
        self._made_for: tuple[InstantConfig, str] | None = None
        self._store: FeatureStore | None = None
        self._store_for: tuple[ImageSource, InstantModel] | None = None
        self._trained: InstantModel | None = None
        self._means: StrokeMeans | None = None

    def train(self, job: TrainJob) -> Events:
        """Fit a model, then predict every tile."""
        from napari_ood_seg.core.device import one_thread
        from napari_ood_seg.core.training.instant import Scribbled

        yield Progress(done=0, total=0, stage="preparing")
        trainer = self._trainer_for(job)
        trainer.budget = job.budget
        images = [Scribbled(job.source, job.scribbles)] if job.scribbles.strokes else []
        images += [Scribbled(source, scribbles) for source, scribbles in job.others]
        with one_thread():
            model = yield from trainer.fit(images, job.classes)
        yield Trained(model=model)
        self._trained = model
        store = self._features(job, model)
        store.budget = job.budget
        trainer.make_room(job.source)
        yield from self._tiles(model, store, job)

    def predict(self, job: PredictJob) -> Events:
        """Predict every tile with a model that there is."""
        yield Progress(done=0, total=0, stage="measuring the image")
        store = self._features(job, job.model)
        store.budget = job.budget
        yield from self._tiles(job.model, store, job)

    def export(self, job: ExportJob) -> Events:
        """Predict tile by tile into a file; nothing is left there on failure."""
        from napari_ood_seg.core.inference.export import export

        yield Progress(done=0, total=0, stage="measuring the image")
        yield from export(
            job.model,
            self._features(job, job.model),
            job.path,
            plane=job.plane,
            keep=job.keep,
            classes=job.classes,
            overwrite=job.overwrite,
        )
        yield Exported(path=job.path)

    def audit(self, job: AuditJob) -> Events:
        """Hold each class out in turn; models in use are not touched."""
        from napari_ood_seg.core.device import pick_device
        from napari_ood_seg.core.evaluation.protocol import leave_class_out
        from napari_ood_seg.core.training.instant import Scribbled

        yield Progress(done=0, total=0, stage="preparing the audit")
        audit = yield from leave_class_out(
            [Scribbled(job.source, job.scribbles)],
            job.classes,
            config=job.config,
            device=pick_device(job.device),
            keep=job.keep,
        )
        yield Audited(audit=audit)

    def guide(self, job: GuideJob) -> Events:
        """Look for unknown regions, then judge the strokes; the model stays."""
        from napari_ood_seg.core.guidance.doubts import find_doubts
        from napari_ood_seg.core.guidance.regions import suggest
        from napari_ood_seg.core.training.instant import Scribbled

        yield Progress(done=0, total=0, stage="looking for unknown")
        store = self._features(job, job.model)
        groups = yield from suggest(
            job.model,
            store,
            plane=job.plane,
            scribbles=job.scribbles,
            keep=job.keep,
        )
        doubts: tuple[Doubt, ...] = ()
        if job.scribbles.strokes:
            doubts = yield from find_doubts(
                self._trainer_for(job),
                Scribbled(job.source, job.scribbles),
                job.classes,
                keep=job.keep,
            )
        yield Guided(plane=job.plane, groups=groups, doubts=doubts)

    def explain(self, job: ExplainJob) -> Explanation:
        """Return why a pixel is what it is; quick once its features are there."""
        from napari_ood_seg.core.guidance.explain import explain
        from napari_ood_seg.core.guidance.nearness import StrokeMeans

        store = self._features(job, job.model)
        if self._means is None:
            self._means = StrokeMeans()
        strokes = self._means.of(store, job.scribbles.strokes)
        return explain(job.model, store, job.point, plane=job.plane, strokes=strokes)

    @staticmethod
    def tally(job: TallyJob) -> tuple[ClassTypicality, ...]:
        """Return how typicality is spread, class by class."""
        from napari_ood_seg.core.guidance.typicalities import typicalities

        return typicalities(job.model, job.classes, job.typicality)

    def _trainer_for(self, job: TrainJob | GuideJob) -> InstantTrainer:
        from napari_ood_seg.core.device import pick_device
        from napari_ood_seg.core.training.instant import InstantTrainer

        wanted = (job.config, job.device)
        if self._trainer is None or self._made_for != wanted:
            self._store = self._store_for = None  # frees the features of the old one
            self._trained = None
            self._trainer = InstantTrainer(job.config, device=pick_device(job.device))
            self._made_for = wanted
        return self._trainer

    def _features(
        self,
        job: ShownJob | ExportJob | GuideJob | ExplainJob,
        model: InstantModel,
    ) -> FeatureStore:
        from napari_ood_seg.core.device import pick_device
        from napari_ood_seg.core.inference.predict import open_features

        known = None if self._trainer is None else self._trainer.store(job.source)
        if known is not None and model is self._trained:
            return known
        wanted = (job.source, model)
        if self._store is None or self._store_for != wanted:
            device = pick_device(job.device)
            self._store = open_features(
                model, job.source, device=device, plane=job.plane
            )
            self._store_for = wanted
        return self._store

    def _tiles(self, model: InstantModel, store: FeatureStore, job: ShownJob) -> Events:
        from napari_ood_seg.core.data.coverage import Coverage
        from napari_ood_seg.core.inference.live import predict_live

        shape = (job.source.height, job.source.width)
        for plane in (job.plane, *job.ahead):
            coverage = job.covered.get(plane) or Coverage.none(shape, store.cell)
            pieces = predict_live(
                model,
                store,
                coverage,
                look=job.sight.look,
                plane=plane,
                extent=job.extent,
            )
            for piece in pieces:
                yield TileDone(
                    region=piece.region,
                    stride=piece.stride,
                    cell=store.cell,
                    plane=plane,
                    prediction=piece.prediction,
                    done=piece.done,
                    total=piece.total,
                    seen=piece.seen and plane == job.plane,
                    kept=store.n_bytes,
                    budget=store.budget,
                )

"""What runs on the worker thread, and the features kept between jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_ood_seg.core.types import Progress
from napari_ood_seg.session.jobs import (
    Audited,
    Compared,
    Downloaded,
    Exported,
    Guided,
    Trained,
)
from napari_ood_seg.session.work import Target

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from napari_ood_seg.core.config import DeepConfig, InstantConfig
    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.features.store import FeatureStore
    from napari_ood_seg.core.guidance.doubts import Doubt
    from napari_ood_seg.core.guidance.explain import Explanation
    from napari_ood_seg.core.guidance.nearness import StrokeMeans
    from napari_ood_seg.core.guidance.typicalities import ClassTypicality
    from napari_ood_seg.core.models.instant import InstantModel
    from napari_ood_seg.core.training.heads import Heads
    from napari_ood_seg.core.training.instant import InstantTrainer, Scribbled
    from napari_ood_seg.core.training.refinement import Refinement
    from napari_ood_seg.session.jobs import Event
    from napari_ood_seg.session.work import (
        AuditJob,
        ExplainJob,
        ExportJob,
        GuideJob,
        PictureJob,
        PredictJob,
        RefineJob,
        ShownJob,
        TallyJob,
        TrainJob,
    )

    Events = Generator[Event, None, None]


class Workshop:
    """Runs jobs, and keeps features between them. Lives on the worker thread.

    Heavy modules are imported by the first job, not when a window opens.
    """

    def __init__(self) -> None:
        self._trainer: InstantTrainer | None = None
        self._made_for: tuple[InstantConfig, str] | None = None
        self._trained: InstantModel | None = None
        self._applied: dict[ImageSource, tuple[InstantConfig, str, FeatureStore]] = {}
        self._means: StrokeMeans | None = None
        self._refinement: Refinement | None = None
        self._refined_for: tuple[DeepConfig, str] | None = None

    def train(self, job: TrainJob) -> Events:
        """Fit a model, then predict what is shown."""
        from napari_ood_seg.core.device import one_thread
        from napari_ood_seg.core.training.instant import Scribbled

        yield Progress(done=0, total=0, stage="preparing")
        images = [Scribbled(*sheet) for sheet in job.learned]
        trainer = self._trainer_for(job, images)
        trainer.budget = job.budget
        with one_thread():
            model = yield from trainer.fit(images, job.classes)
        yield Trained(model=model)
        self._trained = model
        yield from self._show(model, job)

    def refine(self, job: RefineJob) -> Events:
        """Train a network on; now and then, and at the end, see what it is good for."""
        from napari_ood_seg.core.training.instant import Scribbled

        yield Progress(done=0, total=0, stage="preparing")
        refinement = self._refinement_for(job)
        images = [Scribbled(*sheet) for sheet in job.learned]
        tried = -1
        for event in refinement.run(images, resume=job.resume):
            yield event
            if refinement.is_due():
                tried = refinement.step
                yield from self._try(refinement.heads(), images, job, tried)
        if tried != refinement.step:
            yield from self._try(refinement.heads(), images, job, refinement.step)

    def _try(
        self, heads: Heads, images: Sequence[Scribbled], job: RefineJob, step: int
    ) -> Events:
        """Fit detectors beside a network; if it is of use, that is the model."""
        from napari_ood_seg.core.device import one_thread

        with one_thread():
            model = yield from heads.fit(images, job.classes)
        before, now = heads.accuracy
        yield Compared(
            step=step,
            accuracy_before=before,
            accuracy=now,
            used=heads.is_used,
            verdict=heads.verdict,
        )
        if heads.is_used:
            self._applied.clear()  # frees the features of the old one
            self._trainer, self._made_for = heads, (job.config.heads, job.device)
            yield Trained(model=model)
            self._trained = model
            yield from self._show(model, job)

    def predict(self, job: PredictJob) -> Events:
        """Predict what is shown, and other images, with a model that there is."""
        yield Progress(done=0, total=0, stage="measuring the image")
        yield from self._show(job.model, job)

    @staticmethod
    def draw(job: PictureJob) -> Events:
        """Make a picture, a map or labels of a plane."""
        from napari_ood_seg.session.drawing import drawn

        yield Progress(done=0, total=0, stage=f"drawing: {job.name}")
        yield drawn(job)

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
            [Scribbled(*sheet) for sheet in job.learned],
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
        from napari_ood_seg.core.guidance.survey import part_to_survey
        from napari_ood_seg.core.training.instant import Scribbled

        yield Progress(done=0, total=0, stage="looking for unknown")
        store = self._features(job, job.model)
        size = (job.source.height, job.source.width)
        part = part_to_survey(size, store.size, job.near)
        groups = yield from suggest(
            job.model,
            store,
            plane=job.plane,
            scribbles=job.scribbles,
            keep=job.keep,
            part=part,
        )
        doubts: tuple[Doubt, ...] = ()
        if job.scribbles.strokes:
            image = Scribbled(job.source, job.scribbles)
            others = [Scribbled(*sheet) for sheet in job.others]
            doubts = yield from find_doubts(
                self._trainer_for(job, [image, *others]),
                image,
                job.classes,
                keep=job.keep,
                others=others,
            )
        yield Guided(plane=job.plane, part=part, groups=groups, doubts=doubts)

    @staticmethod
    def download(name: str) -> Events:
        """Bring an encoder onto this machine, if it is not there."""
        from napari_ood_seg.core.io.download import download

        yield from download(name)
        yield Downloaded(name=name)

    @staticmethod
    def on_disk(names: Sequence[str]) -> frozenset[str]:
        """Return which encoders are on this machine."""
        from napari_ood_seg.core.io.hub import is_on_disk

        return frozenset(filter(is_on_disk, names))

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

    def _trainer_for(
        self, job: TrainJob | GuideJob, images: Sequence[Scribbled]
    ) -> InstantTrainer:
        from napari_ood_seg.core.device import pick_device
        from napari_ood_seg.core.training.instant import InstantTrainer

        wanted, there = (job.config, job.device), self._trainer
        if there is None or self._made_for != wanted or not there.takes(images):
            self._applied.clear()  # frees the features of the old one
            self._trained = None
            there = InstantTrainer(job.config, device=pick_device(job.device))
            self._trainer, self._made_for = there, wanted
        return there

    def _refinement_for(self, job: RefineJob) -> Refinement:
        from napari_ood_seg.core.device import pick_device
        from napari_ood_seg.core.training.refinement import Refinement

        wanted = (job.config, job.device)
        anew = job.fresh or job.resume
        if self._refinement is None or anew or self._refined_for != wanted:
            device = pick_device(job.device)
            self._refinement = Refinement(job.config, device=device, folder=job.folder)
            self._refined_for = wanted
        return self._refinement

    def _features(
        self,
        job: ShownJob | ExportJob | GuideJob | ExplainJob,
        model: InstantModel,
    ) -> FeatureStore:
        return self._features_of(job.source, model, job.device, job.plane)

    def _features_of(
        self,
        source: ImageSource,
        model: InstantModel,
        device: str,
        plane: tuple[int, ...],
    ) -> FeatureStore:
        """Return the features of an image as a model sees it, kept if they are known.

        Models of one trainer see an image alike, so they last from stroke to stroke.
        """
        from napari_ood_seg.core.device import pick_device
        from napari_ood_seg.core.inference.predict import open_features

        known = None if self._trainer is None else self._trainer.store(source)
        alike = known is not None and known.descriptor.like(model.descriptor)
        if known is not None and alike and model is self._trained:
            return known
        config, on, store = self._applied.get(source, (None, "", None))
        same = config == model.config and on == device
        if store is None or not same or not store.descriptor.like(model.descriptor):
            store = open_features(
                model, source, device=pick_device(device), plane=plane
            )
            self._applied[source] = (model.config, device, store)
        return store

    def _stores(self) -> dict[ImageSource, list[FeatureStore]]:
        """Return what is kept, by image."""
        trained = {} if self._trainer is None else self._trainer.stores
        stores = {source: [store] for source, store in trained.items()}
        for source, (_, _, store) in self._applied.items():
            stores.setdefault(source, []).append(store)
        return stores

    def release(self) -> None:
        """Drop all that can be computed again, and give its memory back."""
        from napari_ood_seg.core.device import (
            available_devices,
            pick_device,
            release_memory,
        )

        self._trainer = self._made_for = self._trained = None
        self._applied.clear()
        self._means = self._refinement = None
        release_memory(*(pick_device(key) for key, _ in available_devices()))

    def keep_only(self, images: Sequence[ImageSource]) -> None:
        """Drop what is kept about all other images, and give its memory back."""
        unwanted = [image for image in self._stores() if image not in images]
        for image in unwanted:
            self._applied.pop(image, None)
            if self._trainer is not None:
                self._trainer.forget(image)
        refinement = self._refinement
        if refinement is not None and not set(refinement.sources) <= set(images):
            self._refinement = None
        if unwanted:
            from napari_ood_seg.core.device import trim

            trim()

    def _make_room(self, source: ImageSource, job: ShownJob) -> int:
        """Drop what nobody needs, and return the bytes that an image may take.

        Other images may keep half of the budget.
        """
        self.keep_only((*job.images, job.source))
        others = [
            s for i, own in self._stores().items() if i is not source for s in own
        ]
        if sum(store.n_bytes for store in others) > job.budget // 2:
            for store in others:
                store.clear()
        return job.budget - sum(store.n_bytes for store in others)

    def _show(self, model: InstantModel, job: ShownJob) -> Events:
        """Predict the shown image, then the others."""
        from napari_ood_seg.core.device import one_thread
        from napari_ood_seg.session.planes import Predicting

        run = Predicting(model=model, job=job, kept=self._kept)
        store = self._features(job, model)
        store.budget = self._make_room(job.source, job)
        shown = Target(source=job.source, planes=(job.plane,), covered=job.covered)
        with one_thread():
            yield from run.shown(store, shown)
            for target in job.also:
                store = self._features_of(
                    target.source, model, job.device, target.planes[0]
                )
                store.budget = self._make_room(target.source, job)
                yield from run.other(store, target)

    def _kept(self) -> int:
        """Return how many bytes of features are kept."""
        return sum(s.n_bytes for own in self._stores().values() for s in own)

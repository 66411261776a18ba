"""What is trained and shown as somebody paints: image, strokes, model, result."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from psygnal import Signal

from napari_ood_seg.core.errors import ScribbleError
from napari_ood_seg.core.inference.view import Extent
from napari_ood_seg.core.types import Progress
from napari_ood_seg.session import work
from napari_ood_seg.session.jobs import (
    Audited,
    Downloaded,
    Exported,
    Guided,
    Outcome,
    TileDone,
    Trained,
)
from napari_ood_seg.session.results import BYTES_PER_PIXEL, planes_around
from napari_ood_seg.session.sentences import sentence
from napari_ood_seg.session.sight import Sight
from napari_ood_seg.session.working import Working
from napari_ood_seg.session.workshop import Workshop

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Executor

    import numpy.typing as npt

    from napari_ood_seg.core.data.scribbles import Scribbles
    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.inference.view import View
    from napari_ood_seg.core.models.instant import InstantModel
    from napari_ood_seg.session.edits import State
    from napari_ood_seg.session.jobs import Event, JobEnd
    from napari_ood_seg.session.result import Result
    from napari_ood_seg.session.runner import Post


_SMALL: Final = BYTES_PER_PIXEL * 2**24
"""Bytes of the result of an image that live mode predicts to its end."""


class LiveSession(Working):
    """Trains on what is painted and keeps a result that follows the view.

    All methods and signals belong to the owner's thread. Training and prediction
    run as one job, see `Working`; its events come back on that thread.
    """

    plane_changed: ClassVar[Signal] = Signal()
    live_changed: ClassVar[Signal] = Signal(bool)
    painting_changed: ClassVar[Signal] = Signal(bool)
    progressed: ClassVar[Signal] = Signal(Progress)
    model_changed: ClassVar[Signal] = Signal()
    result_started: ClassVar[Signal] = Signal()
    results_renewed: ClassVar[Signal] = Signal()
    other_done: ClassVar[Signal] = Signal(object)
    tile_done: ClassVar[Signal] = Signal(TileDone)
    plane_written: ClassVar[Signal] = Signal(tuple)
    audited: ClassVar[Signal] = Signal(object)
    guided: ClassVar[Signal] = Signal(Guided)
    encoder_ready: ClassVar[Signal] = Signal(str)
    job_ended: ClassVar[Signal] = Signal()
    explained: ClassVar[Signal] = Signal(object)
    tallied: ClassVar[Signal] = Signal(object)

    def __init__(self, *, executor: Executor, post: Post) -> None:
        super().__init__(executor=executor, post=post)
        self.model: InstantModel | None = None
        self.device = "auto"
        self.memory = 2 * 2**30
        self.live = False
        self.painting = False
        self._sight = Sight()
        self._filling = self._training = False
        self._workshop = Workshop()

    def close(self) -> None:
        """Stop for good, and give back the memory of features."""
        self._keep_features(())
        super().close()

    def set_image(self, source: ImageSource | None) -> None:
        """Work on another image, or on none; what the old one has is kept.

        Once there is a view of the new one, live mode goes on there.
        """
        if source is None:
            self.stop()
        self._let_go()  # tiles may be on their way that nobody looks at now
        self._sight.now = None
        super().set_image(source)
        self._sight.start(self.plane)

    def set_plane(self, plane: tuple[int, ...]) -> None:
        """Show another plane (T, Z) of the image; live mode predicts it."""
        if plane == self.plane:
            return
        self.plane, self.result = plane, None
        if self.source is not None:
            self._sight.move(plane, self.source.plane_shape)
            self.result = self._results.get(self.source, plane)
        self.plane_changed.emit()
        self.result_started.emit()
        comes = self._running and plane in self._coming  # the worker looks at the plane
        if (self.live or self._filling) and not comes:
            self._go_on()

    @property
    def playing(self) -> bool:
        """Whether somebody goes through planes without resting on one."""
        return self._sight.is_playing

    @property
    def view(self) -> View | None:
        """What is visible; `None`: nothing in particular."""
        return self._sight.now

    def set_view(self, view: View | None) -> None:
        """Tell what is visible: it is predicted first, also by the running job."""
        self._sight.now = view
        if (self.live or self._filling) and not self._running:
            self._go_on()

    def paint(self, class_id: int, coords: npt.ArrayLike) -> None:
        """Add a stroke on the current plane; class 0 erases."""
        self.set_scribbles(self.scribbles.add(class_id, coords, plane=self.plane))

    def _hold(self, scribbles: Scribbles) -> None:
        """Live mode trains on every change of the strokes."""
        super()._hold(scribbles)
        self._train_if_live()

    def train(self) -> None:
        """Train on the strokes and predict the image, replacing a running job."""
        with self._told_if_refused():
            learned = self._learned()
            job = work.TrainJob(
                **self._shown(self._require_image()),
                learned=learned,
                classes=self._classes_of(learned),
                config=self.config,
            )
            self._filling = self._training = True
            self._start(partial(self._workshop.train, job))

    def predict(self) -> None:
        """Apply the model that there is to the image, replacing a running job."""
        with self._told_if_refused():
            source, model = self._require_image(), self._require_model()
            self._age_results()
            job = work.PredictJob(**self._shown(source), model=model)
            self._filling = True
            self._start(partial(self._workshop.predict, job))

    def _age_results(self) -> None:
        """Keep of the results only what is seen, until it is predicted anew."""
        if self.source is not None:
            others = {i: self._plane_of(i) for i in self._predicted()}
            seen = self._sight.now
            self._results.renew(self.source, self.plane, seen, others=others)
        self.results_renewed.emit()

    def _go_on(self) -> None:
        """Take up what was being done, for what is shown now."""
        if self._training:
            self.train()  # the same, but what is shown now is predicted first
        elif self._fitting_model is None:
            self._train_if_live()
        else:
            self._fill()

    @property
    def _fitting_model(self) -> InstantModel | None:
        """The model, if it can be applied to the image."""
        source, model = self.source, self.model
        return model if source and model and model.takes(source) else None

    def _fill(self) -> None:
        """Predict what is visible and was not yet, then planes that come next."""
        if self.result is None or self.result.lacks(self.view):
            self._predict_more(self._extent if self.plane else Extent.VIEW)

    def predict_ahead(self) -> None:
        """Predict what is not visible as well, while nobody waits for anything."""
        if self._filling and not self._running and not self.painting:
            self._predict_more(self._extent)

    def _predict_more(self, extent: Extent) -> None:
        source, model = self.source, self._fitting_model
        if source is None or model is None:
            return
        shown = self._shown(source) | {"covered": self._results.covered(source)}
        ahead = extent != Extent.VIEW
        if ahead:  # other images that have a result already
            shown["also"] = tuple(self._target(i) for i in self._predicted())
        job = work.PredictJob(**shown | {"extent": extent}, model=model)
        self._start(partial(self._workshop.predict, job), ahead=ahead)
        if extent is Extent.ALL:
            self._coming = frozenset((job.plane, *job.ahead))

    def _predicted(self) -> Iterator[ImageSource]:
        """Yield the other images that live mode predicts again with a new model."""
        for image in self._taken():
            if self._results.has(image) and self._fits(image):
                yield image

    def _taken(self) -> tuple[ImageSource, ...]:
        """Return the other images that the model can be applied to."""
        model, others = self.model, (i for i in self.images if i is not self.source)
        return () if model is None else tuple(filter(model.takes, others))

    def _target(self, source: ImageSource, room: int = 0) -> work.Target:
        """Return what to predict of another image; all planes that fit in `room`."""
        plane = self._plane_of(source)
        return work.Target(
            source=source,
            planes=(plane, *planes_around(source, plane, room)),
            covered=self._results.covered(source),
        )

    @property
    def _extent(self) -> Extent:
        """How much is predicted in the end: images that are too large never wholly."""
        return Extent.ALL if self._fits(self._require_image()) else Extent.AROUND

    def _fits(self, source: ImageSource) -> bool:
        """Whether an image is predicted wholly; in live mode only smaller ones are."""
        size = BYTES_PER_PIXEL * source.height * source.width
        return size <= (_SMALL if self.live else self.memory)

    def _shown(self, source: ImageSource) -> dict[str, Any]:
        """Return what a job has to know about what is shown."""
        extent = self._extent if self.view is None else Extent.VIEW
        return {
            "source": source,
            "images": self.images,
            "device": self.device,
            "plane": self.plane,
            "ahead": planes_around(source, self.plane, self.memory),
            "sight": self._sight,
            "extent": extent,
            "budget": self.memory,
        }

    def set_painting(self, painting: bool) -> None:
        """Tell that somebody begins or ends to paint: nothing is done ahead meanwhile.

        In live mode it would soon be stale; and painting must not wait for it.
        """
        self.painting = painting
        if painting and self.ahead:
            self._runner.cancel()
        self.painting_changed.emit(painting)

    def set_live(self, live: bool) -> None:
        """Train after every stroke from now on, or stop doing so."""
        if live == self.live:
            return
        self.live = live
        self.live_changed.emit(live)
        if live:  # making layers takes a moment: now, not while somebody paints
            self._begin_result()
        self._train_if_live()

    def stop(self) -> None:
        """Stop the running job at its next step; live mode ends too.

        What the model of now has not predicted of other images is blanked.
        """
        self._filling = self._training = False
        self._runner.cancel()
        self.set_live(False)
        self._results.settle_others(self.source)
        self.results_renewed.emit()

    def set_memory(self, gigabytes: float) -> None:
        """Keep features, and results, in no more memory than this from now on."""
        self.memory = round(gigabytes * 2**30)

    def set_device(self, device: str) -> None:
        """Compute elsewhere from the next job on."""
        self.device = device

    def _choose(self, state: State) -> None:
        """Live mode trains again with other settings."""
        before = self.config, self.shelf
        super()._choose(state)
        if (self.config, self.shelf) != before:
            self._train_if_live()

    def set_images(self, images: Sequence[ImageSource]) -> None:
        """Tell which images there are; results of others are gone."""
        before = set(self.images)
        super().set_images(images)
        if before.difference(images):
            self.results_renewed.emit()
            self._keep_features(self.images)

    def _keep_features(self, images: Sequence[ImageSource]) -> None:
        """Drop those of all other images, once no job works with them."""
        keep = partial(self._workshop.keep_only, images)
        self._afterwards(keep, lambda _: None)

    def learn_from(self, source: ImageSource, *, learn: bool) -> None:
        """Live mode trains again, with or without an image."""
        super().learn_from(source, learn=learn)
        self._train_if_live()

    def _train_if_live(self) -> None:
        if not self.live or self.source is None:
            return
        if self.scribbles.strokes or self._sheets():  # else there is nothing to say
            self.train()

    def set_model(self, model: InstantModel) -> None:
        """Use a model that was loaded from a file; its classes replace ours."""
        self.model = model
        self.set_classes(model.classes)
        self.model_changed.emit()

    def _require_model(self) -> InstantModel:
        if self.model is None:
            raise ScribbleError("there is no model yet: train one or load one first")
        return self.model

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.progressed.emit(event)
            if (
                event.total and self._displays
            ):  # the image is fit for use, and the wait is long enough
                self._begin_result()
        elif isinstance(event, Trained):
            self.model, self._training = event.model, False
            self._age_results()
            self.model_changed.emit()
        elif isinstance(event, TileDone):
            self._on_tile(event)
        elif isinstance(event, Audited):
            self.audited.emit(event.audit)
        elif isinstance(event, Guided):
            self.guided.emit(event)
        elif isinstance(event, Exported):
            self.message.emit(f"wrote {event.path.name}", "info")
        elif isinstance(event, Downloaded):
            self.encoder_ready.emit(event.name)

    def _on_tile(self, event: TileDone) -> None:
        result = self._results.make(event.source, event.plane)
        result.write(
            event.region, event.prediction, stride=event.stride, cell=event.cell
        )
        if event.source is not self.source:
            self.other_done.emit(event.source)
            return
        if event.plane == self.plane:
            self._begin_result()
            self.tile_done.emit(event)
        self.plane_written.emit(event.plane)

    def result_of(self, source: ImageSource) -> Result | None:
        """Return the result of the plane of an image that was shown last."""
        if source is self.source:
            return self.result
        return self._results.get(source, self._plane_of(source))

    def _begin_result(self) -> None:
        if self.result is None and self.source is not None:
            self.result = self._results.make(self.source, self.plane)
            self.result_started.emit()

    def _on_end(self, end: JobEnd) -> None:
        waited = self.busy
        self._running = self._training = False
        if self.result is not None and self._displays:
            self.result.settle()
        self._set_busy(busy=False)
        self._set_ahead(ahead=False)
        if end.outcome is Outcome.FAILED:
            self._filling = False  # it would fail again
            self.message.emit(sentence(end.error), "error")
        elif end.outcome is Outcome.CANCELLED and waited:
            self.message.emit("stopped", "info")
        elif waited:
            self._say_done()
        self.job_ended.emit()
        if not self._displays and self._filling:
            self._fill()

    def _say_done(self) -> None:
        self.message.emit(f"done in {self.elapsed:.1f} s", "info")

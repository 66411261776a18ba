"""What is trained and shown as somebody paints: image, strokes, model, result."""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

from psygnal import Signal

from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.errors import ImageError, OODSegError, ScribbleError
from napari_ood_seg.core.inference.view import Extent
from napari_ood_seg.core.types import Progress
from napari_ood_seg.session import work
from napari_ood_seg.session.choices import Choices
from napari_ood_seg.session.jobs import (
    Audited,
    Exported,
    Guided,
    JobEnd,
    Outcome,
    TileDone,
    Trained,
)
from napari_ood_seg.session.results import BYTES_PER_PIXEL, Results, planes_around
from napari_ood_seg.session.runner import JobRunner
from napari_ood_seg.session.sentences import sentence
from napari_ood_seg.session.sight import Sight

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from concurrent.futures import Executor

    import numpy.typing as npt

    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.inference.view import View
    from napari_ood_seg.core.models.instant import InstantModel
    from napari_ood_seg.core.types import ClassInfo
    from napari_ood_seg.session.edits import State
    from napari_ood_seg.session.result import Result
    from napari_ood_seg.session.runner import Post

    Event = Progress | Trained | TileDone | Exported | Audited | Guided


_SMALL: Final = BYTES_PER_PIXEL * 2**24
"""Bytes of the result of an image that live mode predicts to its end."""


class LiveSession(Choices):
    """Trains on what is painted and keeps a result that follows the view.

    All methods and signals belong to the owner's thread. Training and prediction
    run as one job on `executor`; its events come back through `post`.

    Parameters
    ----------
    executor
        Runs one job at a time.
    post
        Runs a callable on the owner's thread.
    """

    image_changed: ClassVar[Signal] = Signal()
    plane_changed: ClassVar[Signal] = Signal()
    live_changed: ClassVar[Signal] = Signal(bool)
    busy_changed: ClassVar[Signal] = Signal(bool)
    ahead_changed: ClassVar[Signal] = Signal(bool)
    painting_changed: ClassVar[Signal] = Signal(bool)
    progressed: ClassVar[Signal] = Signal(Progress)
    model_changed: ClassVar[Signal] = Signal()
    result_started: ClassVar[Signal] = Signal()
    tile_done: ClassVar[Signal] = Signal(TileDone)
    audited: ClassVar[Signal] = Signal(object)
    guided: ClassVar[Signal] = Signal(Guided)
    job_ended: ClassVar[Signal] = Signal()
    explained: ClassVar[Signal] = Signal(object)
    tallied: ClassVar[Signal] = Signal(object)
    message: ClassVar[Signal] = Signal(str, str)

    def __init__(self, *, executor: Executor, post: Post) -> None:
        super().__init__()
        self.source: ImageSource | None = None
        self.plane: tuple[int, ...] = ()
        self.model: InstantModel | None = None
        self.result: Result | None = None
        self.device = "auto"
        self.memory = 2 * 2**30
        self.live = False
        self.busy = False
        self.ahead = False
        self.painting = False
        self._results = Results()
        self._sight = Sight()
        self._running = False
        self._filling = self._training = False
        self._started = 0.0
        self._displays = True
        self._workshop = work.Workshop()
        self._runner: JobRunner[Event] = JobRunner(
            executor=executor,
            post=post,
            on_event=self._on_event,
            on_end=self._on_end,
        )

    def set_image(self, source: ImageSource | None) -> None:
        """Work on another image, or on none; strokes and result belong to the old one.

        A model stays: it can be applied to the new image.
        """
        self.stop()
        self._runner.drop()  # tiles of the old image may already be on their way
        self._running = False
        self._set_busy(busy=False)
        self._set_ahead(ahead=False)
        self._sight.now = None
        if self.source is not None:
            self._results.forget(self.source)
        self.source = source
        self.plane = () if source is None else (0,) * len(source.plane_shape)
        shape = (0, 0) if source is None else (source.height, source.width)
        self.scribbles = Scribbles(shape)
        self.edits.clear()
        self.result = None
        self.image_changed.emit()
        self.scribbles_changed.emit()

    def set_plane(self, plane: tuple[int, ...]) -> None:
        """Show another plane (T, Z) of the image; live mode predicts it."""
        if plane == self.plane:
            return
        self.plane = plane
        found = None
        if self.source is not None:
            found = self._results.get(self.source, plane)
        self.result = found
        self.plane_changed.emit()
        self.result_started.emit()
        if self._training:
            self.train()  # the same, but this plane is predicted first
        elif self.live or self._filling:
            self._fill()

    @property
    def view(self) -> View | None:
        """What is visible; `None`: nothing in particular."""
        return self._sight.now

    def set_view(self, view: View | None) -> None:
        """Tell what is visible: it is predicted first, also by the running job."""
        self._sight.now = view
        if self._filling and not self._running:
            self._fill()

    def paint(self, class_id: int, coords: npt.ArrayLike) -> None:
        """Add a stroke on the current plane; class 0 erases."""
        self.set_scribbles(self.scribbles.add(class_id, coords, plane=self.plane))

    def _hold(self, scribbles: Scribbles) -> None:
        """Live mode trains on every change of the strokes."""
        super()._hold(scribbles)
        if self.live and scribbles.strokes:
            self.train()

    def train(self) -> None:
        """Train on the strokes and predict the image, replacing a running job."""
        with self._told_if_refused():
            source = self._require_image()
            self.scribbles.require_paint()
            job = work.TrainJob(
                **self._shown(source),
                scribbles=self.scribbles,
                classes=self._painted_classes(),
                config=self.config,
            )
            self._filling = self._training = True
            self._start(partial(self._workshop.train, job))

    def predict(self) -> None:
        """Apply the model that there is to the image, replacing a running job."""
        with self._told_if_refused():
            source, model = self._require_image(), self._require_model()
            self._results.renew(source, self.plane, self._sight.now)
            job = work.PredictJob(**self._shown(source), model=model)
            self._filling = True
            self._start(partial(self._workshop.predict, job))

    def _fill(self) -> None:
        """Predict what is visible and was not yet, with the model that there is."""
        if self.result is None or self.result.lacks(self.view):
            self._predict_more(Extent.VIEW)

    def predict_ahead(self) -> None:
        """Predict what is not visible as well, while nobody waits for anything."""
        if self._filling and not self._running and not self.painting:
            self._predict_more(self._extent)

    def _predict_more(self, extent: Extent) -> None:
        source, model = self.source, self.model
        if source is None or model is None or source.n_channels != model.n_channels:
            return
        shown = self._shown(source) | {"covered": self._results.covered(source)}
        job = work.PredictJob(**shown | {"extent": extent}, model=model)
        self._start(partial(self._workshop.predict, job), ahead=extent != Extent.VIEW)

    @property
    def _extent(self) -> Extent:
        """How much is predicted in the end: images that are too large never wholly."""
        source = self._require_image()
        size = BYTES_PER_PIXEL * source.height * source.width
        most = _SMALL if self.live else self.memory
        return Extent.ALL if size <= most else Extent.AROUND

    def _shown(self, source: ImageSource) -> dict[str, Any]:
        """Return what a job has to know about what is shown."""
        extent = self._extent if self.view is None else Extent.VIEW
        return {
            "source": source,
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
        if live and self.scribbles.strokes:
            self.train()

    def stop(self) -> None:
        """Stop the running job at its next step; live mode ends too."""
        self._filling = self._training = False
        self._runner.cancel()
        self.set_live(False)

    def close(self) -> None:
        """Stop for good; nothing is emitted any more."""
        self._runner.close()

    def call_owner(self, call: Callable[[], None]) -> None:
        """Run `call` on the owner's thread, unless the session is closed by then."""
        self._runner.call_owner(call)

    def set_memory(self, gigabytes: float) -> None:
        """Keep features, and results, in no more memory than this from now on."""
        self.memory = round(gigabytes * 2**30)

    def set_device(self, device: str) -> None:
        """Compute elsewhere from the next job on."""
        self.device = device

    def _choose(self, state: State) -> None:
        """Live mode trains again with other settings."""
        before = self.config
        super()._choose(state)
        if self.config != before and self.live and self.scribbles.strokes:
            self.train()

    def set_model(self, model: InstantModel) -> None:
        """Use a model that was loaded from a file; its classes replace ours."""
        self.model = model
        self.set_classes(model.classes)
        self.model_changed.emit()

    @contextmanager
    def _told_if_refused(self) -> Iterator[None]:
        """Turn an error of ours into a message; nothing else happens then."""
        try:
            yield
        except OODSegError as error:
            self.message.emit(str(error), "warning")

    def _require_image(self) -> ImageSource:
        if self.source is None:
            raise ImageError("there is no image: open one, then choose it here")
        return self.source

    def _require_model(self) -> InstantModel:
        if self.model is None:
            raise ScribbleError("there is no model yet: train one or load one first")
        return self.model

    def _painted_classes(self) -> tuple[ClassInfo, ...]:
        painted = set(self.scribbles.class_ids)
        found = (c for c in self.classes if c.id in painted)
        return tuple(sorted(found, key=lambda c: c.id))

    def _start(
        self,
        job: Callable[[], Generator[Event, None, None]],
        *,
        shown: bool = True,
        ahead: bool = False,
    ) -> None:
        if self._runner.closed:
            return
        self._displays = shown
        self._started = time.perf_counter()
        self._running = True
        self._set_ahead(ahead=ahead)
        self._set_busy(busy=not ahead)
        self._runner.start(job)

    def _set_busy(self, *, busy: bool) -> None:
        if busy != self.busy:
            self.busy = busy
            self.busy_changed.emit(busy)

    def _set_ahead(self, *, ahead: bool) -> None:
        if ahead != self.ahead:
            self.ahead = ahead
            self.ahead_changed.emit(ahead)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.progressed.emit(event)
            if (
                event.total and self._displays
            ):  # the image is fit for use, and the wait is long enough
                self._begin_result()
        elif isinstance(event, Trained):
            self.model, self._training = event.model, False
            if self.source is not None:
                self._results.renew(self.source, self.plane, self._sight.now)
            self.model_changed.emit()
        elif isinstance(event, TileDone):
            self._on_tile(event)
        elif isinstance(event, Audited):
            self.audited.emit(event.audit)
        elif isinstance(event, Guided):
            self.guided.emit(event)
        else:
            self.message.emit(f"wrote {event.path.name}", "info")

    def _on_tile(self, event: TileDone) -> None:
        if self.source is None:
            return
        result = self._results.make(self.source, event.plane)
        result.write(
            event.region, event.prediction, stride=event.stride, cell=event.cell
        )
        if event.plane == self.plane:
            self._begin_result()
            self.tile_done.emit(event)

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

    @property
    def elapsed(self) -> float:
        """Seconds since the last job began."""
        return time.perf_counter() - self._started

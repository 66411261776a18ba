"""The evented Session: image, classes, scribbles, model, status, commands."""

from __future__ import annotations

import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from psygnal import Signal

from napari_ood_seg.core.config import InstantConfig
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.errors import ImageError, OODSegError, ScribbleError
from napari_ood_seg.core.types import Progress
from napari_ood_seg.session import work
from napari_ood_seg.session.annotations import Annotations
from napari_ood_seg.session.edits import Edit, State, changed_settings
from napari_ood_seg.session.jobs import (
    Audited,
    Exported,
    Guided,
    JobEnd,
    Outcome,
    TileDone,
    Trained,
)
from napari_ood_seg.session.result import Result
from napari_ood_seg.session.runner import JobRunner

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from concurrent.futures import Executor
    from pathlib import Path

    import numpy.typing as npt

    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.models.instant import InstantModel
    from napari_ood_seg.core.types import ClassInfo
    from napari_ood_seg.session.runner import Post

    Event = Progress | Trained | TileDone | Exported | Audited | Guided


class Session(Annotations):
    """What the user is doing, without a window.

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
    live_changed: ClassVar[Signal] = Signal(bool)
    busy_changed: ClassVar[Signal] = Signal(bool)
    progressed: ClassVar[Signal] = Signal(Progress)
    model_changed: ClassVar[Signal] = Signal()
    result_started: ClassVar[Signal] = Signal()
    tile_done: ClassVar[Signal] = Signal(TileDone)
    keep_changed: ClassVar[Signal] = Signal(float)
    config_changed: ClassVar[Signal] = Signal(InstantConfig)
    audited: ClassVar[Signal] = Signal(object)
    guided: ClassVar[Signal] = Signal(Guided)
    message: ClassVar[Signal] = Signal(str, str)

    def __init__(self, *, executor: Executor, post: Post) -> None:
        super().__init__()
        self.source: ImageSource | None = None
        self.plane: tuple[int, ...] = ()
        self.model: InstantModel | None = None
        self.result: Result | None = None
        self.config = InstantConfig()
        self.device = "auto"
        self.keep = 0.95
        self.focus: tuple[float, float] | None = None
        self.live = False
        self.busy = False
        self._started = 0.0
        self._shown = True
        self._workshop = work.Workshop()
        self._runner: JobRunner[Event] = JobRunner(
            executor=executor,
            post=post,
            on_event=self._on_event,
            on_end=self._on_end,
        )

    # ------------------------------------------------------------------ image
    def set_image(self, source: ImageSource | None) -> None:
        """Work on another image, or on none; strokes and result belong to the old one.

        A model stays: it can be applied to the new image.
        """
        self.stop()
        self._runner.drop()  # tiles of the old image may already be on their way
        self._set_busy(busy=False)
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
        self.result = None
        self.result_started.emit()
        if self.live and self.model is not None:
            self.predict()

    # -------------------------------------------------------------- scribbles
    def paint(self, class_id: int, coords: npt.ArrayLike) -> None:
        """Add a stroke on the current plane; class 0 erases."""
        self.set_scribbles(self.scribbles.add(class_id, coords, plane=self.plane))

    def _hold(self, scribbles: Scribbles) -> None:
        """Live mode trains on every change of the strokes."""
        super()._hold(scribbles)
        if self.live and scribbles.strokes:
            self.train()

    # ------------------------------------------------------------------- jobs
    def train(self) -> None:
        """Train on the strokes and predict the image, replacing a running job."""
        with self._told_if_refused():
            source = self._require_image()
            self.scribbles.require_paint()
            job = work.TrainJob(
                source=source,
                scribbles=self.scribbles,
                classes=self._painted_classes(),
                config=self.config,
                device=self.device,
                plane=self.plane,
                focus=self.focus,
            )
            self._start(partial(self._workshop.train, job))

    def predict(self) -> None:
        """Apply the model that there is to the image, replacing a running job."""
        with self._told_if_refused():
            source, model = self._require_image(), self._require_model()
            job = work.PredictJob(
                source=source,
                model=model,
                device=self.device,
                plane=self.plane,
                focus=self.focus,
            )
            self._start(partial(self._workshop.predict, job))

    def export(self, path: Path, *, overwrite: bool = False) -> None:
        """Write classes and OOD map to a file, by suffix."""
        with self._told_if_refused():
            source, model = self._require_image(), self._require_model()
            job = work.ExportJob(
                source=source,
                model=model,
                device=self.device,
                plane=self.plane,
                path=path,
                keep=self.keep,
                classes=self.classes,
                overwrite=overwrite,
            )
            self._start(partial(self._workshop.export, job), shown=False)

    def audit(self) -> None:
        """Hold each class out in turn, to see whether it is called unknown."""
        with self._told_if_refused():
            source = self._require_image()
            self.scribbles.require_paint()
            job = work.AuditJob(
                source=source,
                scribbles=self.scribbles,
                classes=self._painted_classes(),
                config=self.config,
                device=self.device,
                keep=self.keep,
            )
            self._start(partial(self._workshop.audit, job), shown=False)

    def guide(self) -> None:
        """Look for unknown regions and doubtful strokes, replacing a running job."""
        with self._told_if_refused():
            job = work.GuideJob(
                source=self._require_image(),
                model=self._require_model(),
                scribbles=self.scribbles,
                classes=self._painted_classes(),
                config=self.config,
                device=self.device,
                plane=self.plane,
                keep=self.keep,
            )
            self._start(partial(self._workshop.guide, job), shown=False)

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
        self._runner.cancel()
        self.set_live(False)

    def close(self) -> None:
        """Stop for good; nothing is emitted any more."""
        self._runner.close()

    def call_owner(self, call: Callable[[], None]) -> None:
        """Run `call` on the owner's thread, unless the session is closed by then."""
        self._runner.call_owner(call)

    def set_device(self, device: str) -> None:
        """Compute elsewhere from the next job on."""
        self.device = device

    def set_config(self, config: InstantConfig) -> None:
        """Change the settings, as one step of undo; live mode trains again."""
        if config != self.config:
            what = changed_settings(self.config, config)
            now = State(self.classes, self.scribbles, config=self.config)
            after = now._replace(config=config)
            run = f"settings: {what}"
            edit = Edit(what=f"change {what}", before=now, after=after, run=run)
            self.edits.record(edit)
            self._choose(after)

    # ----------------------------------------------------------------- result
    def set_keep(self, keep: float) -> None:
        """Move the threshold: the share of held-out scribbles that stays known.

        Moves that follow each other are one step of undo, until `end_keep`.
        """
        if keep != self.keep:
            now = State(self.classes, self.scribbles, keep=self.keep)
            after = now._replace(keep=keep)
            what = f"keep {keep:.1%} of the scribbles"
            self.edits.record(Edit(what=what, before=now, after=after, run="keep"))
            self._choose(after)

    def end_keep(self) -> None:
        """Take the threshold for set: the next move is another step of undo."""
        self.edits.end_run()

    def _choose(self, state: State) -> None:
        """Take over threshold and settings, where a state has them."""
        if state.keep is not None and state.keep != self.keep:
            self.keep = state.keep
            self.keep_changed.emit(state.keep)
        if state.config is not None and state.config != self.config:
            self.config = state.config
            self.config_changed.emit(state.config)
            if self.live and self.scribbles.strokes:
                self.train()

    def set_model(self, model: InstantModel) -> None:
        """Use a model that was loaded from a file; its classes replace ours."""
        self.model = model
        self.set_classes(model.classes)
        self.model_changed.emit()

    # ---------------------------------------------------------------- private
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
        self, job: Callable[[], Generator[Event, None, None]], *, shown: bool = True
    ) -> None:
        if self._runner.closed:
            return
        self._shown = shown
        self._started = time.perf_counter()
        self._set_busy(busy=True)
        self._runner.start(job)

    def _set_busy(self, *, busy: bool) -> None:
        if busy != self.busy:
            self.busy = busy
            self.busy_changed.emit(busy)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Progress):
            self.progressed.emit(event)
            if (
                event.total and self._shown
            ):  # the image is fit for use, and the wait is long enough
                self._begin_result()
        elif isinstance(event, Trained):
            self.model = event.model
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
        self._begin_result()
        if self.result is not None and event.plane == self.plane:
            self.result.write(event.tile.inner, event.prediction)
            self.tile_done.emit(event)

    def _begin_result(self) -> None:
        if self.result is None and self.source is not None:
            self.result = Result.empty((self.source.height, self.source.width))
            self.result_started.emit()

    def _on_end(self, end: JobEnd) -> None:
        self._set_busy(busy=False)
        if end.outcome is Outcome.FAILED:
            self.message.emit(_explain(end.error), "error")
        elif end.outcome is Outcome.CANCELLED:
            self.message.emit("stopped", "info")
        else:
            self.message.emit(f"done in {self.elapsed:.1f} s", "info")

    @property
    def elapsed(self) -> float:
        """Seconds since the last job began."""
        return time.perf_counter() - self._started


def _explain(error: Exception | None) -> str:
    """Return one sentence for a person."""
    if isinstance(error, OODSegError):
        return str(error)
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():
        return "out of memory: use a smaller image, or the CPU"
    return f"something went wrong inside ({type(error).__name__}: {error}); see the log"

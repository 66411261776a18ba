"""A network that is trained in the background while somebody works."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from psygnal import Signal

from napari_ood_seg.core.config import DeepConfig
from napari_ood_seg.core.errors import OODSegError
from napari_ood_seg.core.types import Learning, Progress
from napari_ood_seg.session import work
from napari_ood_seg.session.jobs import Compared, Outcome
from napari_ood_seg.session.live import LiveSession

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from concurrent.futures import Executor
    from pathlib import Path

    from napari_ood_seg.session.jobs import Event, JobEnd
    from napari_ood_seg.session.runner import Post
    from napari_ood_seg.session.shelf import Sheet

    Wanted = tuple[DeepConfig, tuple[Sheet, ...]]


class Refining(StrEnum):
    """Whether a network is trained."""

    OFF = "off"
    ON = "on"
    PAUSED = "paused"


class RefiningSession(LiveSession):
    """Trains a network whenever nobody waits for anything else.

    Painting, training and predicting come first: the training of the network makes way
    and goes on where it stopped, with the strokes of then. In live mode it goes on
    after each change, else it is over when it has been trained once.

    Attributes
    ----------
    refining
        What is wanted; a job need not run at the moment.
    deep
        Settings of the network; those of its heads are `config`.
    kept_since
        When a training of these strokes was written that did not come to its end, in
        seconds since 1970; `None` if there is none.
    """

    refining_changed: ClassVar[Signal] = Signal(str)
    refined: ClassVar[Signal] = Signal(object)
    compared: ClassVar[Signal] = Signal(Compared)
    deep_changed: ClassVar[Signal] = Signal(DeepConfig)
    kept_changed: ClassVar[Signal] = Signal(object)

    def __init__(self, *, executor: Executor, post: Post) -> None:
        super().__init__(executor=executor, post=post)
        self.refining = Refining.OFF
        self.deep = DeepConfig()
        self.kept_since: float | None = None
        self._folder: Path | None = None
        self._fresh = self._resume = False
        self._to_refine: Wanted | None = None
        self._refining_now: Wanted | None = None
        self._done_with: Wanted | None = None

    def set_deep(self, deep: DeepConfig) -> None:
        """Change the settings of the network; training begins anew with them."""
        if deep != self.deep:
            self.deep = deep
            self.deep_changed.emit(deep)

    def keep_training_in(self, folder: Path) -> None:
        """Write trainings to a folder until they end, to be gone on from after a crash.

        Whether there is one for the strokes is looked for when those change.
        """
        self._folder = folder
        for signal in (self.scribbles_changed, self.images_changed, self.image_changed):
            signal.connect(self._look_for_kept)
        self.deep_changed.connect(self._look_for_kept)
        self.config_changed.connect(self._look_for_kept)
        self._look_for_kept()

    def _look_for_kept(self) -> None:
        """Ask the worker whether there is a training to go on from."""
        folder = self._folder
        learned = () if self.source is None else self._sheets()
        wanted = self.refining is Refining.OFF and learned
        if folder is None or not wanted or not any(folder.glob("*.training")):
            self._set_kept(None)
            return
        config = replace(self.deep, heads=self.config)
        ask = partial(_kept_since, folder, learned, config)
        self._between(ask, self._on_kept, kind="kept")

    def _on_kept(self, since: float | None) -> None:
        self._set_kept(since if self.refining is Refining.OFF else None)

    def _set_kept(self, since: float | None) -> None:
        if since != self.kept_since:
            self.kept_since = since
            self.kept_changed.emit(since)

    def resume_kept(self) -> None:
        """Go on with the training that was kept."""
        self._resume = True
        self.refine()
        self._resume = self.refining is Refining.ON

    def refine(self) -> None:
        """Train a network from now on, or go on after a pause."""
        with self._told_if_refused():
            self._learned()  # else there is nothing to train on, and that is told
            self._done_with = None
            self._set_refining(Refining.ON)
            if not self._running:
                self._refine()

    def pause(self) -> None:
        """Stop training the network at its next step; what it learned is kept."""
        if self.refining is Refining.ON:
            self._set_refining(Refining.PAUSED)
            if self._refining_now is not None:
                self._runner.cancel()

    def refine_anew(self) -> None:
        """Forget what the network has learned, and train from the first step."""
        self._fresh, self._resume = True, False
        if self._refining_now is not None:
            self._runner.cancel()
        self.refine()

    def release_memory(self) -> None:
        """Stop everything, and give back memory; what is shown stays."""
        self.stop()
        self._afterwards(self._workshop.release, self._on_released)

    def _on_released(self, _: object) -> None:
        self.message.emit("memory of features and networks was given back", "info")

    def stop(self) -> None:
        """Stop everything; the training of the network can be taken up again."""
        self.pause()
        super().stop()

    def predict_ahead(self) -> None:
        """Use the time while nobody waits: for the network first, if one is wanted."""
        if not self._takes_turn():
            super().predict_ahead()
        elif not self._running and not self.painting:
            self._refine()

    def _takes_turn(self) -> bool:
        """Whether there is something for the network to learn."""
        if self.refining is not Refining.ON or self.source is None:
            return False
        return self._done_with != self._wanted()

    def _wanted(self) -> Wanted:
        return replace(self.deep, heads=self.config), self._sheets()

    def _refine(self) -> None:
        try:
            config, learned = replace(self.deep, heads=self.config), self._learned()
        except OODSegError as error:  # all strokes were removed meanwhile
            self._set_refining(Refining.OFF)
            self.message.emit(str(error), "warning")
            return
        job = work.RefineJob(
            **self._shown(self._require_image()),
            learned=learned,
            classes=self._classes_of(learned),
            config=config,
            fresh=self._fresh,
            folder=self._folder,
            resume=self._resume,
        )
        self._fresh, self._filling = False, True
        self._to_refine = config, learned
        self._start(partial(self._workshop.refine, job), ahead=True)

    def _start(
        self,
        job: Callable[[], Generator[Event, None, None]],
        *,
        shown: bool = True,
        ahead: bool = False,
    ) -> None:
        # another job replaces that of the network
        self._refining_now, self._to_refine = self._to_refine, None
        super()._start(job, shown=shown, ahead=ahead)

    def _let_go(self) -> None:
        self._refining_now = None
        super()._let_go()

    def _set_refining(self, refining: Refining) -> None:
        if refining is not self.refining:
            self.refining = refining
            self.refining_changed.emit(str(refining))
            self._look_for_kept()

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Compared):
            self.compared.emit(event)
            return
        super()._on_event(event)
        if self._refining_now is not None and isinstance(event, Progress):
            self._resume = self._resume and not isinstance(event, Learning)
            self.refined.emit(event)

    def _on_end(self, end: JobEnd) -> None:
        ours, self._refining_now = self._refining_now, None
        if ours and end.outcome is not Outcome.CANCELLED:
            self._resume = False
        if ours and end.outcome is Outcome.DONE:
            self._done_with = ours
            if not self.live:
                self._set_refining(Refining.OFF)
            self.message.emit("the network is trained", "info")
        elif ours and end.outcome is Outcome.FAILED:
            self._set_refining(Refining.OFF)
        waited = self.busy
        super()._on_end(end)
        if self._running:
            return
        is_turn = not waited and self._takes_turn()  # a plane stepped to is done
        if is_turn or (ours and self.refining is not Refining.PAUSED):
            self.predict_ahead()


def _kept_since(
    folder: Path, learned: tuple[Sheet, ...], config: DeepConfig
) -> float | None:
    """Return when a training of these strokes was last written, if it was."""
    from napari_ood_seg.core.training.instant import Scribbled
    from napari_ood_seg.core.training.kept import file_of, kept_since

    return kept_since(file_of(folder, [Scribbled(*s) for s in learned], config))

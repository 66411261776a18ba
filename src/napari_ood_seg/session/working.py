"""One job at a time for the session, and what is told about it."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, ClassVar, TypeVar

from psygnal import Signal

from napari_ood_seg.core.errors import OODSegError
from napari_ood_seg.session.gallery import Gallery
from napari_ood_seg.session.runner import JobRunner
from napari_ood_seg.session.sentences import sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator
    from concurrent.futures import Executor

    from napari_ood_seg.session.jobs import Event, JobEnd
    from napari_ood_seg.session.runner import Post


T = TypeVar("T")


class Working(Gallery, ABC):
    """Starts jobs on `executor`, and says whether one runs.

    Parameters
    ----------
    executor
        Runs one job at a time.
    post
        Runs a callable on the owner's thread.

    Attributes
    ----------
    busy
        Whether somebody waits for a job.
    ahead
        Whether a job does what nobody waits for.
    """

    busy_changed: ClassVar[Signal] = Signal(bool)
    ahead_changed: ClassVar[Signal] = Signal(bool)
    message: ClassVar[Signal] = Signal(str, str)

    def __init__(self, *, executor: Executor, post: Post) -> None:
        super().__init__()
        self.busy = False
        self.ahead = False
        self._running = False
        self._displays = True
        self._coming: frozenset[tuple[int, ...]] = frozenset()  # planes of the job
        self._started = 0.0
        self._runner: JobRunner[Event] = JobRunner(
            executor=executor,
            post=post,
            on_event=self._on_event,
            on_end=self._on_end,
        )

    def close(self) -> None:
        """Stop for good; nothing is emitted any more."""
        self._runner.close()

    def call_owner(self, call: Callable[[], None]) -> None:
        """Run `call` on the owner's thread, unless the session is closed by then."""
        self._runner.call_owner(call)

    @contextmanager
    def _told_if_refused(self) -> Iterator[None]:
        """Turn an error of ours into a message; nothing else happens then."""
        try:
            yield
        except OODSegError as error:
            self.message.emit(str(error), "warning")

    def _start(
        self,
        job: Callable[[], Generator[Event, None, None]],
        *,
        shown: bool = True,
        ahead: bool = False,
    ) -> None:
        if self._runner.closed:
            return
        self._displays, self._coming = shown, frozenset()
        self._started = time.perf_counter()
        self._running = True
        self._set_ahead(ahead=ahead)
        self._set_busy(busy=not ahead)
        self._runner.start(job)

    def _between(
        self, call: Callable[[], T], answer: Callable[[T], object], *, kind: str
    ) -> None:
        """Run a short call on the worker, between two events of a running job.

        Parameters
        ----------
        answer
            Gets what it returns, unless something of the same kind was asked since.
        """
        self._runner.ask(call, answer, kind=kind, on_error=self._tell_error)

    def _afterwards(self, call: Callable[[], T], answer: Callable[[T], object]) -> None:
        """Run a short call on the worker once the running job is over."""
        self._runner.afterwards(call, answer, on_error=self._tell_error)

    def _tell_error(self, error: Exception) -> None:
        self.message.emit(sentence(error), "error")

    def _set_busy(self, *, busy: bool) -> None:
        if busy != self.busy:
            self.busy = busy
            self.busy_changed.emit(busy)

    def _set_ahead(self, *, ahead: bool) -> None:
        if ahead != self.ahead:
            self.ahead = ahead
            self.ahead_changed.emit(ahead)

    def _let_go(self) -> None:
        """Hear nothing more of the running job."""
        self._runner.drop()
        self._running = False
        self._set_busy(busy=False)
        self._set_ahead(ahead=False)

    @abstractmethod
    def _on_event(self, event: Event) -> None:
        """Take in what the running job tells."""

    @abstractmethod
    def _on_end(self, end: JobEnd) -> None:
        """Take note that the running job is over."""

    @property
    def elapsed(self) -> float:
        """Seconds since the last job began."""
        return time.perf_counter() - self._started

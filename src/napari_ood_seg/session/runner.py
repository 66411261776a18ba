"""Run one job at a time off the calling thread, dropping stale results.

Short questions are answered on the same thread, between two events of the job; what
the job must not see happen, after it.
"""

from __future__ import annotations

import logging
import threading
from contextlib import closing, suppress
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from napari_ood_seg.core.errors import OODSegError
from napari_ood_seg.core.interrupt import Interrupted, interruptible
from napari_ood_seg.session.jobs import JobEnd, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from concurrent.futures import Executor

    Post = Callable[[Callable[[], None]], None]

Event = TypeVar("Event")
Answer = TypeVar("Answer")
Told = TypeVar("Told")

logger = logging.getLogger(__name__)


class JobRunner(Generic[Event]):
    """Drive a generator on an executor and hand its events to the owner.

    Parameters
    ----------
    executor
        Where jobs run, one at a time. Tests pass one that runs at once.
    post
        Called on the worker; must run its argument on the owner's thread.
    on_event, on_end
        Called on the owner's thread, never for a job that was replaced or dropped.
    """

    def __init__(
        self,
        *,
        executor: Executor,
        post: Post,
        on_event: Callable[[Event], None],
        on_end: Callable[[JobEnd], None],
    ) -> None:
        self._executor = executor
        self._post = post
        self._on_event = on_event
        self._on_end = on_end
        self._generation = 0
        self._cancel = threading.Event()
        self._closed = threading.Event()
        self._asked: dict[str, int] = {}
        self._waiting: dict[str, Callable[[], None]] = {}
        self._lock = threading.Lock()  # guards `_waiting`

    def start(self, job: Callable[[], Generator[Event, None, None]]) -> None:
        """Replace the running job, if any, by `job`; nothing once closed."""
        if self._closed.is_set():
            return
        self.cancel()
        self._generation += 1
        self._cancel = threading.Event()
        self._executor.submit(self._drive, job, self._generation, self._cancel)

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed.is_set()

    def cancel(self) -> None:
        """Ask the running job to stop at its next event, or `checkpoint` before."""
        self._cancel.set()

    def drop(self) -> None:
        """Cancel, and deliver nothing more of the running job, not even its end.

        What was asked until now is not answered either.
        """
        self.cancel()
        self._generation += 1
        for kind in self._asked:
            self._asked[kind] += 1
        with self._lock:
            self._waiting.clear()

    def close(self) -> None:
        """Cancel for good: no event is delivered after this returns.

        What was to come `afterwards` does, but nobody hears of it.
        """
        self._closed.set()
        self.drop()
        self._executor.shutdown(wait=False)

    def ask(
        self,
        call: Callable[[], Answer],
        on_answer: Callable[[Answer], object],
        *,
        kind: str,
        on_error: Callable[[Exception], object],
    ) -> None:
        """Run a short call on the worker between two events of the running job.

        At once if no job runs; a job that runs goes on. Nothing once closed.

        Parameters
        ----------
        call
            Takes some milliseconds: the job waits for it.
        on_answer, on_error
            One of them is called on the owner's thread with what came of it, unless
            something of the same kind was asked since, or the job was dropped.
        kind
            Of several questions of a kind only the latest is answered.
        """
        if self._closed.is_set():
            return
        number = self._asked[kind] = self._asked.get(kind, 0) + 1

        def deliver(tell: Callable[[], object]) -> None:
            def on_owner_thread() -> None:
                if number == self._asked[kind]:
                    tell()

            self.call_owner(on_owner_thread)

        with self._lock:
            first = not self._waiting  # else somebody is on the way to answer
            self._waiting[kind] = partial(_answer, call, on_answer, on_error, deliver)
        if first:
            self._executor.submit(self._answer_waiting)

    def afterwards(
        self,
        call: Callable[[], Answer],
        on_answer: Callable[[Answer], object],
        *,
        on_error: Callable[[Exception], object],
    ) -> None:
        """Run a call on the worker once what was started or asked before is over.

        For what takes away from under a job what it works with. Neither `cancel`,
        `drop` nor `close` forgets it. Nothing once closed.

        Parameters
        ----------
        on_answer, on_error
            One of them is called on the owner's thread with what came of it.
        """
        if not self._closed.is_set():
            with suppress(RuntimeError):  # at the very end nothing is taken any more
                self._executor.submit(
                    _answer, call, on_answer, on_error, self.call_owner
                )

    def call_owner(self, call: Callable[[], object]) -> None:
        """Run `call` on the owner's thread; dropped once closed."""

        def on_owner_thread() -> None:
            if not self._closed.is_set():
                call()

        if not self._closed.is_set():
            self._post(on_owner_thread)

    def _drive(
        self,
        job: Callable[[], Generator[Event, None, None]],
        generation: int,
        cancel: threading.Event,
    ) -> None:
        end = _attempt(
            partial(self._consume, job, generation, cancel),
            lambda outcome: JobEnd(outcome=outcome),
            lambda error: JobEnd(outcome=Outcome.FAILED, error=error),
            what=f"job {generation}",
        )
        self._deliver(generation, partial(self._on_end, end))

    def _consume(
        self,
        job: Callable[[], Generator[Event, None, None]],
        generation: int,
        cancel: threading.Event,
    ) -> Outcome:
        if cancel.is_set():  # replaced while it waited in the queue
            return Outcome.CANCELLED
        with closing(job()) as events:  # runs the job's `finally` on this thread
            try:
                for event in interruptible(events, cancel.is_set):
                    if cancel.is_set():
                        return Outcome.CANCELLED
                    self._deliver(generation, partial(self._on_event, event))
                    self._answer_waiting()
            except Interrupted:
                return Outcome.CANCELLED
        return Outcome.DONE

    def _answer_waiting(self) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, {}
        for answer in waiting.values():
            answer()

    def _deliver(self, generation: int, call: Callable[[], None]) -> None:
        def on_owner_thread() -> None:
            if generation == self._generation:
                call()

        if not self._closed.is_set():
            self._post(on_owner_thread)


def _answer(
    call: Callable[[], Answer],
    on_answer: Callable[[Answer], object],
    on_error: Callable[[Exception], object],
    deliver: Callable[[Callable[[], object]], None],
) -> None:
    """Deliver what `call` returns, or what goes wrong: the job must not suffer."""
    tell = _attempt(
        call,
        lambda found: partial(on_answer, found),
        lambda error: partial(on_error, error),
        what="a question",
    )
    deliver(tell)


def _attempt(
    call: Callable[[], Answer],
    on_answer: Callable[[Answer], Told],
    on_error: Callable[[Exception], Told],
    *,
    what: str,
) -> Told:
    """Return what is made of the answer, or of what went wrong."""
    try:
        found = call()
    except OODSegError as error:  # explains itself
        return on_error(error)
    except Exception as error:  # the one boundary: everything is reported
        logger.exception("%s failed", what)
        return on_error(error)
    return on_answer(found)

"""Run one job at a time off the calling thread, dropping stale results."""

from __future__ import annotations

import logging
import threading
from contextlib import closing
from functools import partial
from typing import TYPE_CHECKING, Generic, TypeVar

from napari_ood_seg.core.errors import OODSegError
from napari_ood_seg.session.jobs import JobEnd, Outcome

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from concurrent.futures import Executor

    Post = Callable[[Callable[[], None]], None]

Event = TypeVar("Event")

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
        """Ask the running job to stop at its next event."""
        self._cancel.set()

    def drop(self) -> None:
        """Cancel, and deliver nothing more of the running job, not even its end."""
        self.cancel()
        self._generation += 1

    def close(self) -> None:
        """Cancel for good: no event is delivered after this returns."""
        self._closed.set()
        self.drop()
        self._executor.shutdown(wait=False, cancel_futures=True)

    def call_owner(self, call: Callable[[], None]) -> None:
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
        try:
            outcome = self._consume(job, generation, cancel)
            end = JobEnd(outcome=outcome)
        except OODSegError as error:  # explains itself
            end = JobEnd(outcome=Outcome.FAILED, error=error)
        except Exception as error:  # the one boundary: everything is reported
            logger.exception("job %d failed", generation)
            end = JobEnd(outcome=Outcome.FAILED, error=error)
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
            for event in events:
                if cancel.is_set():
                    return Outcome.CANCELLED
                self._deliver(generation, partial(self._on_event, event))
        return Outcome.DONE

    def _deliver(self, generation: int, call: Callable[[], None]) -> None:
        def on_owner_thread() -> None:
            if generation == self._generation:
                call()

        if not self._closed.is_set():
            self._post(on_owner_thread)

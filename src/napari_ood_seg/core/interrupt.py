"""Stop a computation from within, between two of its parts.

A job is a generator, and whoever runs it may stop it at each event. Between two events
it may take a tenth of a second and more, for which somebody who paints would wait. So
long computations also ask at `checkpoint` whether they are still wanted.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterator

    Stopped = Callable[[], bool]

Event = TypeVar("Event")


class Interrupted(BaseException):
    """What is being computed is not wanted any more.

    Like `KeyboardInterrupt` it is no `Exception`: nobody may take it for an error.
    """


def _never() -> bool:
    return False


_stopped: ContextVar[Stopped] = ContextVar("stopped", default=_never)


def interruptible(
    events: Generator[Event, None, None], stopped: Stopped
) -> Iterator[Event]:
    """Yield what a job yields; meanwhile `checkpoint` raises once `stopped()` holds.

    What is done with an event is not interrupted.
    """
    while True:
        with asking(stopped):
            try:
                event = next(events)
            except StopIteration:
                return
        yield event


@contextmanager
def asking(stopped: Stopped) -> Iterator[None]:
    """Let `checkpoint` on this thread ask `stopped` meanwhile."""
    token = _stopped.set(stopped)
    try:
        yield
    finally:
        _stopped.reset(token)


def asked() -> Stopped:
    """Return what `checkpoint` asks on this thread, to hand it to another one."""
    return _stopped.get()


def checkpoint() -> None:
    """Go on only if this is still wanted.

    Raises
    ------
    Interrupted
        If it is not. Nothing may be half done where this is called.
    """
    if _stopped.get()():
        raise Interrupted

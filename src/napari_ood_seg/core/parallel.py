"""Coarse parallel work on the processor, each part on one thread."""

from __future__ import annotations

import os
import threading
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import cache, partial
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

import torch

from napari_ood_seg.core.device import one_thread
from napari_ood_seg.core.interrupt import Interrupted, asked, asking, checkpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from napari_ood_seg.core.interrupt import Stopped

_NAME: Final = "napari-ood-seg part"

Item = TypeVar("Item")
Result = TypeVar("Result")


@cache
def n_workers() -> int:
    """Return on how many threads `spread` computes: one a core, or what OpenMP may."""
    affinity = getattr(os, "sched_getaffinity", None)
    cores = len(affinity(0)) if affinity is not None else os.cpu_count() or 1
    allowed = os.environ.get("OMP_NUM_THREADS", "")
    return min(cores, int(allowed)) if allowed.isdecimal() and int(allowed) else cores


def spread(
    function: Callable[[Item], Result], items: Sequence[Item], *, on: torch.device
) -> list[Result]:
    """Return what a function gives for each item, in order.

    The items are shared out among the cores. Torch's own threads wait for each other
    after every operation; beside a window that is being drawn, one of them is often
    late, and an operation of a tenth of a millisecond then takes as long as the
    system lets somebody else compute. Here only the last items wait.

    Parameters
    ----------
    function
        Takes a millisecond or more; what it raises is raised here.
    on
        Where it computes; on a graphics card one comes after the other.

    Raises
    ------
    Interrupted
        If it is not wanted any more, see `checkpoint`.

    Examples
    --------
    >>> spread(lambda n: n * n, [1, 2, 3], on=torch.device("cpu"))
    [1, 4, 9]
    """
    alone = n_workers() == 1 or len(items) < 2 or _is_part()
    if on.type != "cpu" or alone:
        return [_part(function, item) for item in items]
    inference = torch.is_inference_mode_enabled()
    run = partial(_run, function, inference, asked())
    with one_thread(), _not_at_the_end():
        found = _pool().map(run, items)
    return list(found)


def side_by_side(
    function: Callable[[Item], Result], items: Iterable[Item], *, n: int
) -> Iterator[Result]:
    """Yield what a function gives for each item, as soon as it is there.

    Of `n` items at a time, or one a core, each is computed on one thread. An item is
    drawn when a thread is free, so that whoever gives them can say which is wanted most
    just then.

    Raises
    ------
    Interrupted
        If it is not wanted any more, see `checkpoint`. However it ends, nothing is
        still computed afterwards.

    Examples
    --------
    >>> list(side_by_side(lambda n: n * n, [1, 2, 3], n=1))
    [1, 4, 9]
    """
    n = min(n, n_workers())
    if n == 1 or _is_part():
        yield from (_part(function, item) for item in items)
        return
    left, running = iter(items), set[Future[Result]]()
    enough = threading.Event()
    stopped = asked()
    run = partial(
        _run,
        function,
        torch.is_inference_mode_enabled(),
        lambda: enough.is_set() or stopped(),
    )
    try:
        while True:
            for item in islice(left, n - len(running)):
                with _not_at_the_end():
                    running.add(_pool().submit(run, item))
            if not running:
                return
            done, running = wait(running, return_when=FIRST_COMPLETED)
            for each in done:
                yield each.result()
    finally:
        enough.set()
        wait(running)


@contextmanager
def all_cores() -> Iterator[None]:
    """Let torch use its own threads meanwhile, for a few large operations.

    On a thread that computes a part beside others it keeps to that one.
    """
    before = torch.get_num_threads()
    if not _is_part():
        torch.set_num_threads(n_workers())
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _not_at_the_end() -> Iterator[None]:
    """While Python ends it starts no work, and nobody waits for any."""
    try:
        yield
    except RuntimeError as error:
        if "shutdown" not in str(error):  # there may be no thread left, say
            raise
        raise Interrupted from error


def _is_part() -> bool:
    """Whether somebody waits for this: to wait for others in turn might never end."""
    return threading.current_thread().name.startswith(_NAME)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(
        n_workers(),
        thread_name_prefix=_NAME,
        initializer=torch.set_num_threads,
        initargs=(1,),
    )


def _run(
    function: Callable[[Item], Result], inference: bool, stopped: Stopped, item: Item
) -> Result:
    """Run on a thread of the pool as the caller would; torch has its mode by thread."""
    with torch.inference_mode(inference), asking(stopped):
        return _part(function, item)


def _part(function: Callable[[Item], Result], item: Item) -> Result:
    checkpoint()
    return function(item)

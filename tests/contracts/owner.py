"""Stand-ins for the window: an executor that does not wait, and an owner's thread."""

from __future__ import annotations

import threading
from collections import deque
from concurrent.futures import Executor, Future
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

PATIENCE_S = 20.0
"""Only a test that fails waits so long."""


class InlineExecutor(Executor):
    """Runs at once, one after the other; the test needs no waiting."""

    def __init__(self) -> None:
        self._queue: deque[Callable[[], Any]] = deque()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kw: Any) -> Future[Any]:
        self._queue.append(partial(fn, *args, **kw))
        if len(self._queue) == 1:  # else what runs now asked for it
            while self._queue:
                try:
                    self._queue[0]()
                finally:
                    self._queue.popleft()
        return Future()


class Owner:
    """The owner's thread is the test itself: it runs what was posted when asked."""

    def __init__(self) -> None:
        self._inbox: SimpleQueue[Callable[[], None]] = SimpleQueue()

    def post(self, call: Callable[[], None]) -> None:
        self._inbox.put(call)

    def run_until(self, done: Callable[[], bool]) -> None:
        while not done():
            self._inbox.get(timeout=PATIENCE_S)()

    def run_waiting(self) -> int:
        """Run what waits now, and return how many calls that were."""
        n = 0
        while True:
            try:
                call = self._inbox.get_nowait()
            except Empty:
                return n
            call()
            n += 1


class GatedImage:
    """An image that can only be read once the gate is open."""

    def __init__(self, data: npt.NDArray[np.float32]) -> None:
        self._data = data
        self.shape, self.dtype = data.shape, data.dtype
        self.entered = threading.Event()
        self.gate = threading.Event()
        self.reads = 0

    def __getitem__(self, index: Any) -> npt.NDArray[np.float32]:
        self.reads += 1
        self.entered.set()
        if not self.gate.wait(PATIENCE_S):
            raise TimeoutError("nobody opened the gate")
        out: npt.NDArray[np.float32] = self._data[index]
        return out


class BrokenImage(GatedImage):
    """An image that cannot be read."""

    def __init__(self, data: npt.NDArray[np.float32], error: Exception) -> None:
        super().__init__(data)
        self._error = error

    def __getitem__(self, index: Any) -> npt.NDArray[np.float32]:
        raise self._error

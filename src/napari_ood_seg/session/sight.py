"""`Sight`: what is on the screen, for whoever works elsewhere."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from napari_ood_seg.core.inference.view import View

    Plane = tuple[int, ...]

BEHIND: Final = 4
"""A plane that was passed is as far away as one so many times as far ahead."""

_MOST: Final = 64
"""More planes than this are never predicted side by side."""

STILL: Final = 0.7
"""Seconds without a step after which nobody plays any more."""


class Sight:
    """Holds the view of now. The owner's thread replaces it, workers only look.

    A view is frozen, so whoever looks has one that stays as it is.

    Parameters
    ----------
    clock
        Gives seconds.

    Attributes
    ----------
    plane, heading
        The plane that is shown, and in which direction of each axis it moves; 0 where
        it does not.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._moved = clock()
        self.now: View | None = None
        self.plane: Plane = ()
        self.heading: Plane = ()
        self._moves = 0  # single steps in the same direction, until a jump
        self._moves_seen = 0  # the worker's: those of them that it has seen
        self._steps: deque[int] = deque(maxlen=_MOST)  # seen each time it asked

    def look(self) -> View | None:
        """Return what is visible; the same object until it changes."""
        return self.now

    def start(self, plane: Plane) -> None:
        """Show a plane of another image."""
        self.plane, self.heading = plane, (0,) * len(plane)
        self._moves = 0

    def move(self, plane: Plane, shape: tuple[int, ...]) -> None:
        """Show another plane of `shape` planes, and note where it goes."""
        if len(self.plane) == len(plane):
            before, self.heading = self.heading, heading(self.plane, plane, shape)
            away = distance(self.plane, plane, self.heading)
            onwards = away == 1 and self.heading == before
            self._moves = self._moves + 1 if onwards else 0
        self.plane, self._moved = plane, self._clock()

    @property
    def is_playing(self) -> bool:
        """Whether somebody goes through planes without resting on one."""
        return self._moves > 0 and self._clock() - self._moved < STILL

    def order(
        self, planes: Sequence[Plane], at_once: int = 1
    ) -> Iterator[tuple[Plane, int]]:
        """Yield which plane is wanted next, and at every how many pixels.

        As things are when it is asked. Who plays sees each plane for a moment, and
        wants it in time: half as finely as the screen shows it. Features take most of
        the time, so that this is faster, but twice the work: else it is every pixel.

        Parameters
        ----------
        planes
            All that are to be predicted.
        at_once
            How many are predicted side by side.
        """
        left, unknown = list(planes), list(planes)
        while left:
            if self.is_playing and unknown:
                plane = self.next_of(unknown, at_once)
                finest = 2 * (1 if self.now is None else self.now.stride)
            else:
                plane, finest = self.next_of(left, at_once), 1
            if plane in unknown:
                unknown.remove(plane)
            if finest == 1:
                left.remove(plane)
            yield plane, finest

    def next_of(self, planes: Sequence[Plane], at_once: int = 1) -> Plane:
        """Return which of some planes is wanted first, as things are now.

        While somebody plays faster than planes are predicted, that is the one where
        they will be by then: the shown one would always come too late.
        """
        at, way, lead = self.plane, self.heading, self._lead(at_once)
        if not at:
            return planes[0]
        aim = tuple(a + lead * w for a, w in zip(at, way, strict=True))
        return min(planes, key=lambda p: (distance(aim, p, way), [-i for i in p]))

    def _lead(self, at_once: int) -> int:
        """Return how many planes are played until the next one is predicted and drawn.

        That is one more than while the last one was predicted: each time that it is
        asked, one of those that are predicted side by side is done.
        """
        moves = self._moves
        self._steps.append(max(moves - self._moves_seen, 0))
        self._moves_seen = moves
        steps = sum(list(self._steps)[-at_once:])
        return steps + 1 if steps and self.is_playing else 0


def heading(before: Plane, now: Plane, shape: tuple[int, ...]) -> Plane:
    """Return the direction of a step; from the last plane to the first is forwards.

    >>> (
    ...     heading((3,), (4,), (60,)),
    ...     heading((59,), (0,), (60,)),
    ...     heading((3,), (2,), (9,)),
    ... )
    ((1,), (1,), (-1,))
    """
    steps = [b - a for a, b in zip(before, now, strict=True)]
    wraps = [n > 2 and abs(s) == n - 1 for s, n in zip(steps, shape, strict=True)]
    return tuple(
        int(np.sign(-s if w else s)) for s, w in zip(steps, wraps, strict=True)
    )


def distance(at: Plane, plane: Plane, way: Plane) -> int:
    """Return how many steps away a plane is; those behind count several times.

    >>> (
    ...     distance((5,), (8,), (1,)),
    ...     distance((5,), (4,), (1,)),
    ...     distance((5,), (4,), (0,)),
    ... )
    (3, 4, 1)
    """
    return sum(
        abs(b - a) * (BEHIND if (b - a) * w < 0 else 1)
        for a, b, w in zip(at, plane, way, strict=True)
    )

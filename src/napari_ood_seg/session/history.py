"""Recognise in a label image that a stroke was undone or done again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from napari_ood_seg.core.data.scribbles import Scribbles

    Region = tuple[slice, slice]
    Look = Callable[[Region, tuple[int, ...]], npt.NDArray[np.integer] | None]

_DEPTH = 100
"""Steps that are remembered; napari's own label history is as long."""


_REACH = 6
"""Steps that may be undone, or done again, before anybody looks."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """One change of the scribbles and where it happened: a region of some planes."""

    before: Scribbles = field(repr=False)
    after: Scribbles = field(repr=False)
    region: Region
    planes: tuple[tuple[int, ...], ...]


class StrokeHistory:
    """The last changes, so that an undone stroke gives back the very strokes before.

    napari undoes pixels, and tells nobody which. The regions of the last changes
    are looked at: if they show what was there before, those changes were undone.
    What napari has no pixels of, or has forgotten, is undone here.
    """

    def __init__(self) -> None:
        self._done: list[Step] = []
        self._undone: list[Step] = []

    @property
    def last(self) -> Step | None:
        """The change to undo next."""
        return self._done[-1] if self._done else None

    @property
    def next(self) -> Step | None:
        """The change to do again next."""
        return self._undone[-1] if self._undone else None

    def record(self, step: Step) -> None:
        """Remember a change; what was undone before cannot be done again."""
        self._done.append(step)
        del self._done[:-_DEPTH]
        self._undone.clear()

    def undo(self) -> Step | None:
        """Take the last change for undone, and return it."""
        if self._done:
            self._undone.append(self._done.pop())
            return self._undone[-1]
        return None

    def redo(self) -> Step | None:
        """Take the last undone change for done, and return it."""
        if self._undone:
            self._done.append(self._undone.pop())
            return self._done[-1]
        return None

    def clear(self) -> None:
        """Forget everything."""
        self._done.clear()
        self._undone.clear()

    def follow(self, look: Look) -> Scribbles | None:
        """Return the scribbles after undo or redo, or `None` if neither happened.

        States may look alike where the last change was, so the regions of the
        changes before and after it are looked at as well; of states that look the
        same everywhere, the nearest is taken.

        Parameters
        ----------
        look
            Gives the label image of a region of a plane as it is now; `None` if it
            cannot be seen, which tells nothing.
        """
        steps = [*self._done, *reversed(self._undone)]
        now = len(self._done)
        around = steps[max(now - _REACH - 1, 0) : now + _REACH + 1]
        for at in _nearest(now, len(steps)):
            state = steps[at].before if at < max(now, 1) else steps[at - 1].after
            if all(_shows(look, step, state) for step in around):
                self._done, self._undone = steps[:at], steps[at:][::-1]
                return None if at == now else state
        return None


def _nearest(now: int, n: int) -> Iterator[int]:
    """Yield positions between `n` steps, starting `now`, before rather than after."""
    yield from [now] if n else []
    for far in range(1, _REACH + 1):
        yield from (at for at in (now - far, now + far) if 0 <= at <= n)


def _shows(look: Look, step: Step, state: Scribbles) -> bool:
    """Whether a region looks as it does in a state, as far as it can be seen."""
    for plane in step.planes:
        seen = look(step.region, plane)
        if seen is not None and not np.array_equal(
            seen, state.to_labels(step.region, plane=plane)
        ):
            return False
    return True

"""Recognise in a label image that a stroke was undone or done again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    from napari_ood_seg.core.data.scribbles import Scribbles

    Region = tuple[slice, slice]
    Look = Callable[[Region, tuple[int, ...]], npt.NDArray[np.integer]]

_DEPTH = 100
"""Steps that are remembered; napari's own label history is as long."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """One change of the scribbles and where it happened."""

    before: Scribbles = field(repr=False)
    after: Scribbles = field(repr=False)
    region: Region
    plane: tuple[int, ...]


class StrokeHistory:
    """The last changes, so that an undone stroke gives back the very strokes before.

    napari undoes pixels, and tells nobody which. The region of the last change
    is looked at: if it shows what was there before, that change was undone.
    """

    def __init__(self) -> None:
        self._done: list[Step] = []
        self._undone: list[Step] = []

    def record(self, step: Step) -> None:
        """Remember a change; what was undone before cannot be done again."""
        self._done.append(step)
        del self._done[:-_DEPTH]
        self._undone.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._done.clear()
        self._undone.clear()

    def follow(self, look: Look) -> Scribbles | None:
        """Return the scribbles after undo or redo, or `None` if neither happened.

        Parameters
        ----------
        look
            Gives the label image of a region of a plane as it is now.
        """
        found = None
        while self._done and _shows(look, self._done[-1], self._done[-1].before):
            step = self._done.pop()
            self._undone.append(step)
            found = step.before
        if found is not None:
            return found
        while self._undone and _shows(look, self._undone[-1], self._undone[-1].after):
            step = self._undone.pop()
            self._done.append(step)
            found = step.after
        return found


def _shows(look: Look, step: Step, state: Scribbles) -> bool:
    return bool(
        np.array_equal(
            look(step.region, step.plane),
            state.to_labels(step.region, plane=step.plane),
        )
    )

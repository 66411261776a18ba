"""Undo and redo of what was done to the classes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from napari_ood_seg.core.data.scribbles import Scribbles
    from napari_ood_seg.core.types import ClassInfo

_DEPTH = 100


class State(NamedTuple):
    """Classes and strokes at one moment."""

    classes: tuple[ClassInfo, ...]
    scribbles: Scribbles


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Edit:
    """One command on the classes.

    Attributes
    ----------
    what
        For a person, such as ``rename class 1``.
    """

    what: str
    before: State
    after: State

    @property
    def painted(self) -> bool:
        """Whether strokes changed too."""
        return self.before.scribbles is not self.after.scribbles


class EditHistory:
    """The last edits of the classes, in one order with the strokes.

    Strokes have a history of their own, which gives back the very object from
    before. So an edit is the next to undo while the strokes are those that it left;
    once something was painted, that comes first.
    """

    def __init__(self) -> None:
        self._done: list[Edit] = []
        self._undone: list[Edit] = []

    def record(self, edit: Edit) -> None:
        """Remember an edit; what was undone before cannot be done again."""
        self._done.append(edit)
        del self._done[:-_DEPTH]
        self._undone.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._done.clear()
        self._undone.clear()

    def forget_undone(self) -> None:
        """Something else was done: what was undone cannot be done again."""
        self._undone.clear()

    def undoable(self, scribbles: Scribbles) -> Edit | None:
        """Return the edit to undo next, `None` if a stroke comes first."""
        if self._done and self._done[-1].after.scribbles is scribbles:
            return self._done[-1]
        return None

    def redoable(self, scribbles: Scribbles) -> Edit | None:
        """Return the edit to do again next, `None` if a stroke comes first."""
        if self._undone and self._undone[-1].before.scribbles is scribbles:
            return self._undone[-1]
        return None

    def undo(self) -> Edit:
        """Take the last edit for undone."""
        self._undone.append(self._done.pop())
        return self._undone[-1]

    def redo(self) -> Edit:
        """Take the last undone edit for done."""
        self._done.append(self._undone.pop())
        return self._done[-1]

    def follow(self, scribbles: Scribbles) -> tuple[ClassInfo, ...] | None:
        """Return the classes that belong to strokes which came back by themselves.

        The label image undoes what an edit painted, and edits that came after it
        are undone with it; the same holds for redo. `None` if no edit has to do
        with these strokes.
        """
        for edit in self._done:
            if edit.painted and edit.before.scribbles is scribbles:
                while self.undo() is not edit:
                    pass
                return edit.before.classes
        for edit in self._undone:
            if edit.painted and edit.after.scribbles is scribbles:
                while self.redo() is not edit:
                    pass
                return edit.after.classes
        return None

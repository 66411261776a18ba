"""Undo and redo of what was done to the classes, the threshold and the settings."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari_ood_seg.core.config import InstantConfig
    from napari_ood_seg.core.data.scribbles import Scribbles
    from napari_ood_seg.core.types import ClassInfo
    from napari_ood_seg.session.shelf import Shelf

_DEPTH = 100


class State(NamedTuple):
    """Classes and strokes at one moment.

    Strokes on other images, threshold and settings are `None` unless the edit
    changed them.
    """

    classes: tuple[ClassInfo, ...]
    scribbles: Scribbles
    keep: float | None = None
    config: InstantConfig | None = None
    shelf: Shelf | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Edit:
    """One command on the classes, the threshold or the settings.

    Attributes
    ----------
    what
        For a person, such as ``rename class 1``.
    run
        Edits that follow each other with the same word here are one step: a slider
        is dragged.
    """

    what: str
    before: State
    after: State
    run: str = ""

    @property
    def painted(self) -> bool:
        """Whether strokes changed too."""
        return self.before.scribbles is not self.after.scribbles


def changed_settings(before: InstantConfig, after: InstantConfig) -> str:
    """Return the labels of the settings in which two differ, for a person.

    >>> from napari_ood_seg.core.config import InstantConfig
    >>> changed_settings(InstantConfig(), InstantConfig(smoothing=2.0, distance=1.0))
    'Distance, Smoothing'
    """
    return ", ".join(
        str(field.metadata.get("label", field.name))
        for field in fields(before)
        if getattr(before, field.name) != getattr(after, field.name)
    )


class EditHistory:
    """The last edits, in one order with the strokes.

    Strokes have a history of their own, which gives back the very object from
    before. So an edit is the next to undo while the strokes are those that it left;
    once something was painted, that comes first.
    """

    def __init__(self) -> None:
        self._done: list[Edit] = []
        self._undone: list[Edit] = []
        self._run = ""

    def record(self, edit: Edit) -> None:
        """Remember an edit; what was undone before cannot be done again."""
        self._undone.clear()
        if edit.run and edit.run == self._run:
            edit = replace(edit, before=self._done.pop().before)
        if edit.run and edit.before == edit.after:  # the slider is where it was
            self._run = ""
            return
        self._run = edit.run
        self._done.append(edit)
        del self._done[:-_DEPTH]

    def end_run(self) -> None:
        """What comes next is a step of its own."""
        self._run = ""

    def clear(self) -> None:
        """Forget everything."""
        self._done.clear()
        self.forget_undone()

    def forget_undone(self) -> None:
        """Something else was done: what was undone cannot be done again."""
        self._undone.clear()
        self.end_run()

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
        self.end_run()
        self._undone.append(self._done.pop())
        return self._undone[-1]

    def redo(self) -> Edit:
        """Take the last undone edit for done."""
        self.end_run()
        self._done.append(self._undone.pop())
        return self._done[-1]

    def follow(self, scribbles: Scribbles) -> State | None:
        """Return the state that belongs to strokes which came back by themselves.

        The label image undoes what an edit painted, and edits that came after it
        are undone with it; the same holds for redo. `None` if no edit has to do
        with these strokes.
        """
        for edit in self._done:
            if edit.painted and edit.before.scribbles is scribbles:
                return _joined(iter(self.undo, None), edit, after=False)
        for edit in self._undone:
            if edit.painted and edit.after.scribbles is scribbles:
                return _joined(iter(self.redo, None), edit, after=True)
        return None


def _joined(edits: Iterator[Edit], last: Edit, *, after: bool) -> State:
    """Return what is so after all edits until `last` were undone, or done again."""
    keep, config, shelf = None, None, None
    for edit in edits:
        state = edit.after if after else edit.before
        keep = keep if state.keep is None else state.keep
        config = config if state.config is None else state.config
        shelf = shelf if state.shelf is None else state.shelf
        if edit is last:
            break
    state = last.after if after else last.before
    return state._replace(keep=keep, config=config, shelf=shelf)

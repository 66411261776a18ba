"""What is painted and what it means: classes and strokes, with undo."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from psygnal import Signal

from napari_ood_seg.core.data.palette import next_color
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.errors import ScribbleError
from napari_ood_seg.core.types import MAX_CLASS_ID, ClassInfo
from napari_ood_seg.session.edits import Edit, EditHistory, State
from napari_ood_seg.session.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    Classes = tuple[ClassInfo, ...]


class Annotations:
    """Classes in the user's order, and strokes; every edit of a class can be undone.

    Classes are those of all images; `shelf` has the strokes on images that are not
    worked on now, and commands on a class hold for them too. Strokes are undone by
    whoever painted them, see `set_scribbles`. Commands on a class that is gone do
    nothing: a dialog may have been open meanwhile.
    """

    classes_changed: ClassVar[Signal] = Signal()
    scribbles_changed: ClassVar[Signal] = Signal()

    def __init__(self) -> None:
        self.classes: Classes = ()
        self.scribbles = Scribbles((0, 0))
        self.shelf = Shelf()
        self.edits = EditHistory()

    # ---------------------------------------------------------------- classes
    def add_class(self, name: str = "", color: str = "") -> ClassInfo:
        """Add a class with the next free id, and return it.

        Raises
        ------
        ScribbleError
            If there are already as many as there can be.
        """
        free = _free({c.id for c in self.classes})
        added = self._named(free, name=name, color=color)
        self._edit(f"add {added.name}", (*self.classes, added))
        return added

    def rename_class(self, class_id: int, name: str) -> None:
        """Give a class another name; an empty one is ignored."""
        known = self.class_of(class_id)
        if known is not None and name.strip():
            self._replace(replace(known, name=name.strip()), f"rename {known.name}")

    def recolor_class(self, class_id: int, color: str) -> None:
        """Give a class another colour, ``#rrggbb``."""
        known = self.class_of(class_id)
        if known is not None:
            self._replace(replace(known, color=color), f"recolour {known.name}")

    def move_class(self, class_id: int, by: int) -> None:
        """Move a class down the list (up if negative); it stops at the ends."""
        moved = self.class_of(class_id)
        if moved is None:
            return
        others = [c for c in self.classes if c.id != class_id]
        at = min(max(self.classes.index(moved) + by, 0), len(others))
        order = (*others[:at], moved, *others[at:])
        if order != self.classes:
            self._edit(f"move {moved.name}", order)

    def remove_class(self, class_id: int) -> None:
        """Remove a class and its strokes."""
        gone = self.class_of(class_id)
        if gone is not None:
            scribbles = self.scribbles.without_class(class_id)
            shelf = self.shelf.without_class(class_id)
            self._drop(gone, f"remove {gone.name}", scribbles, shelf)

    def merge_classes(self, class_id: int, into: int) -> None:
        """Give the strokes of a class to another, and remove it."""
        gone, kept = self.class_of(class_id), self.class_of(into)
        if gone is not None and kept is not None and gone is not kept:
            scribbles = self.scribbles.relabelled(class_id, into)
            shelf = self.shelf.relabelled(class_id, into)
            self._drop(gone, f"merge {gone.name} into {kept.name}", scribbles, shelf)

    def import_classes(self, classes: Sequence[ClassInfo]) -> Classes:
        """Replace the classes by others; those with strokes stay at the end.

        Returns
        -------
        Classes that stayed because they are painted and have no successor.
        """
        stay = self._without_successor(classes)
        if (*classes, *stay) != self.classes:
            self._edit("import classes", (*classes, *stay))
        return stay

    def set_classes(self, classes: Classes) -> None:
        """Replace all classes for good, there is nothing to undo; strokes stay.

        So do painted classes that have no successor, at the end.
        """
        self.edits.clear()
        self._set((*classes, *self._without_successor(classes)))

    def join_classes(self, classes: Sequence[ClassInfo]) -> dict[int, int]:
        """Take over the classes of strokes that were painted elsewhere.

        A class of the same name is the same class, whatever its number. Without any
        stroke so far, the classes are simply replaced.

        Returns
        -------
        The new number of each class that has another one here.

        Raises
        ------
        ScribbleError
            If there would be more classes than there can be.
        """
        if not self._painted():
            self.set_classes(tuple(classes))
            return {}
        by_name = {c.name: c.id for c in self.classes}
        used = {c.id for c in self.classes}
        joined, numbers = list(self.classes), {}
        for other in classes:
            number = by_name.get(other.name)
            if number is None:
                number = other.id if other.id not in used else _free(used)
                used.add(number)
                joined.append(replace(other, id=number))
            if number != other.id:
                numbers[other.id] = number
        if len(joined) > len(self.classes):
            self.edits.clear()
            self._set(tuple(joined))
        return numbers

    def class_of(self, class_id: int) -> ClassInfo | None:
        """Return the class with an id, `None` if there is none."""
        return next((c for c in self.classes if c.id == class_id), None)

    # ------------------------------------------------------------------- undo
    def undo(self) -> Edit | None:
        """Undo the last edit, unless strokes were painted since."""
        if self.edits.undoable(self.scribbles) is None:
            return None
        edit = self.edits.undo()
        self._restore(edit.before)
        return edit

    def redo(self) -> Edit | None:
        """Do the edit again that was undone last."""
        if self.edits.redoable(self.scribbles) is None:
            return None
        edit = self.edits.redo()
        self._restore(edit.after)
        return edit

    # -------------------------------------------------------------- scribbles
    def set_scribbles(self, scribbles: Scribbles, *, again: bool = False) -> None:
        """Replace the strokes; painted classes that are not there get a name.

        Parameters
        ----------
        again
            Whether undo or redo of strokes brought these back: the classes that
            were there with them come back too.
        """
        if again:
            state = self.edits.follow(scribbles)
            if state is not None:
                self._set(state.classes)
                self._choose(state)
        else:
            self.edits.forget_undone()
        self._hold(scribbles)

    def _hold(self, scribbles: Scribbles) -> None:
        self.scribbles = scribbles
        known = {c.id for c in self.classes}
        for class_id in scribbles.class_ids:
            if class_id not in known:
                self._set((*self.classes, self._named(class_id)))
        self.scribbles_changed.emit()

    # ---------------------------------------------------------------- private
    def _named(self, class_id: int, *, name: str = "", color: str = "") -> ClassInfo:
        color = color or next_color({c.color for c in self.classes})
        return ClassInfo(id=class_id, name=name or f"class {class_id}", color=color)

    def _without_successor(self, classes: Sequence[ClassInfo]) -> Classes:
        """Return the painted classes that a new list does not have."""
        new, painted = {c.id for c in classes}, self._painted()
        return tuple(c for c in self.classes if c.id in painted and c.id not in new)

    def _painted(self) -> frozenset[int]:
        """Return the classes with strokes, on any image."""
        return self.shelf.class_ids.union(self.scribbles.class_ids)

    def _replace(self, changed: ClassInfo, what: str) -> None:
        classes = tuple(changed if c.id == changed.id else c for c in self.classes)
        if classes != self.classes:
            self._edit(what, classes)

    def _drop(
        self, gone: ClassInfo, what: str, scribbles: Scribbles, shelf: Shelf
    ) -> None:
        left = tuple(c for c in self.classes if c is not gone)
        painted = gone.id in self.scribbles.class_ids
        self._edit(what, left, scribbles if painted else None, shelf)

    def _edit(
        self,
        what: str,
        classes: Classes,
        scribbles: Scribbles | None = None,
        shelf: Shelf | None = None,
    ) -> None:
        before = State(self.classes, self.scribbles)
        after = State(classes, self.scribbles if scribbles is None else scribbles)
        if shelf is not None and shelf is not self.shelf:
            before = before._replace(shelf=self.shelf)
            after = after._replace(shelf=shelf)
        self.edits.record(Edit(what=what, before=before, after=after))
        self._restore(after)

    def _restore(self, state: State) -> None:
        if state.classes is not self.classes:
            self._set(state.classes)
        self._choose(state)
        if state.scribbles is not self.scribbles:
            self._hold(state.scribbles)

    def _choose(self, state: State) -> None:
        """Take over what a state has beside classes and strokes."""
        if state.shelf is not None:
            self.shelf = state.shelf

    def _set(self, classes: Classes) -> None:
        self.classes = classes
        self.classes_changed.emit()


def _free(used: AbstractSet[int]) -> int:
    """Return the lowest number that no class has.

    Raises
    ------
    ScribbleError
        If there are already as many classes as there can be.
    """
    free = next((i for i in range(1, MAX_CLASS_ID + 1) if i not in used), None)
    if free is None:
        raise ScribbleError(f"there can be at most {MAX_CLASS_ID} classes")
    return free

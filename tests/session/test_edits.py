from __future__ import annotations

from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.types import ClassInfo
from napari_ood_seg.session.edits import Edit, EditHistory, State

FIRST, SECOND, THIRD = (Scribbles((i, i)) for i in (1, 2, 3))


def state(name: str, scribbles: Scribbles) -> State:
    return State((ClassInfo(id=1, name=name, color="#000000"),), scribbles)


def edit(before: State, after: State) -> Edit:
    return Edit(what="it", before=before, after=after)


A, B, C = state("a", FIRST), state("b", FIRST), state("c", SECOND)


def test_the_strokes_tell_what_is_next() -> None:
    history, rename, merge = EditHistory(), edit(A, B), edit(B, C)
    history.record(rename)
    history.record(merge)
    assert (rename.painted, merge.painted) == (False, True)
    assert history.undoable(FIRST) is None
    assert history.undoable(SECOND) is merge
    assert history.undo() is merge
    assert history.undoable(FIRST) is rename
    assert history.redoable(FIRST) is merge
    assert history.redoable(SECOND) is None
    assert history.redo() is merge


def test_follow_goes_back_and_forth_over_several() -> None:
    history = EditHistory()
    steps = [edit(A, B), edit(B, C), edit(C, state("d", SECOND))]
    for step in steps:
        history.record(step)
    assert history.follow(THIRD) is None
    assert history.follow(SECOND) is None
    assert history.follow(FIRST) == B
    assert history.undoable(FIRST) is steps[0]
    assert history.follow(SECOND) == C
    assert history.redoable(SECOND) is steps[2]


def test_a_new_edit_ends_redo() -> None:
    history = EditHistory()
    history.record(edit(A, B))
    history.undo()
    history.record(edit(A, C))
    assert history.redoable(SECOND) is None
    history.undo()
    history.forget_undone()
    assert history.redoable(FIRST) is None


def test_only_so_many_are_kept() -> None:
    history = EditHistory()
    for _ in range(130):
        history.record(edit(A, B))
    n = 0
    while history.undoable(FIRST) is not None:
        history.undo()
        n += 1
    assert n == 100
    history.clear()
    assert history.redoable(FIRST) is None

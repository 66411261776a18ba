from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.types import ClassInfo
from napari_ood_seg.session.annotations import Annotations

if TYPE_CHECKING:
    from collections.abc import Callable

    Command = Callable[[Annotations], object]


def info(class_id: int, name: str = "") -> ClassInfo:
    return ClassInfo(id=class_id, name=name or f"c{class_id}", color="#010203")


@pytest.fixture
def three() -> Annotations:
    """Classes 1, 2, 3; two strokes of 1, one of 2."""
    made = Annotations()
    made.set_classes((info(1), info(2), info(3)))
    scribbles = Scribbles((9, 9)).add(1, [(0, 0), (0, 1)]).add(2, [(4, 4)])
    made.set_scribbles(scribbles.add(1, [(8, 8)]))
    return made


def ids(annotations: Annotations) -> list[int]:
    return [c.id for c in annotations.classes]


def strokes(annotations: Annotations) -> list[tuple[int, int]]:
    return [(s.id, s.class_id) for s in annotations.scribbles.strokes]


COMMANDS: dict[str, Command] = {
    "add": lambda a: a.add_class("Fat"),
    "rename": lambda a: a.rename_class(1, " Liver "),
    "recolour": lambda a: a.recolor_class(1, "#ffffff"),
    "move": lambda a: a.move_class(1, 2),
    "remove": lambda a: a.remove_class(1),
    "remove unpainted": lambda a: a.remove_class(3),
    "merge": lambda a: a.merge_classes(1, 2),
    "merge unpainted": lambda a: a.merge_classes(3, 2),
    "import": lambda a: a.import_classes([info(7), info(1, "Liver")]),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_undo_and_redo_give_back_the_very_state(three: Annotations, name: str) -> None:
    before = (three.classes, three.scribbles)
    COMMANDS[name](three)
    after = (three.classes, three.scribbles)
    assert after != before
    for _ in range(2):
        undone = three.undo()
        assert (three.classes, three.scribbles) == before
        assert three.undo() is None
        assert three.redo() is undone is not None
        assert (three.classes, three.scribbles) == after
        assert three.redo() is None


def test_all_commands_after_each_other_and_back(three: Annotations) -> None:
    states = [(three.classes, three.scribbles)]
    for command in COMMANDS.values():
        before = len(states)
        command(three)
        if (three.classes, three.scribbles) != states[-1]:
            states.append((three.classes, three.scribbles))
        assert len(states) <= before + 1
    for state in reversed(states[:-1]):
        assert three.undo() is not None
        assert (three.classes, three.scribbles) == state
    for state in states[1:]:
        assert three.redo() is not None
        assert (three.classes, three.scribbles) == state


@pytest.mark.parametrize(
    "nothing",
    [
        lambda a: a.rename_class(1, "  "),
        lambda a: a.rename_class(1, "c1"),
        lambda a: a.rename_class(9, "gone"),
        lambda a: a.recolor_class(1, "#010203"),
        lambda a: a.recolor_class(9, "#ffffff"),
        lambda a: a.move_class(1, -1),
        lambda a: a.move_class(3, 5),
        lambda a: a.move_class(9, 1),
        lambda a: a.remove_class(9),
        lambda a: a.merge_classes(1, 1),
        lambda a: a.merge_classes(1, 9),
        lambda a: a.merge_classes(9, 1),
        lambda a: a.import_classes(a.classes),
    ],
)
def test_what_changes_nothing_is_no_step(three: Annotations, nothing: Command) -> None:
    before = three.classes
    nothing(three)
    assert three.classes == before
    assert three.undo() is None


@pytest.mark.parametrize(
    ("class_id", "by", "order"),
    [(1, 1, [2, 1, 3]), (3, -1, [1, 3, 2]), (3, -9, [3, 1, 2]), (1, 9, [2, 3, 1])],
)
def test_move(three: Annotations, class_id: int, by: int, order: list[int]) -> None:
    three.move_class(class_id, by)
    assert ids(three) == order


def test_merged_strokes_keep_their_ids(three: Annotations) -> None:
    three.merge_classes(1, 2)
    assert ids(three) == [2, 3]
    assert strokes(three) == [(1, 2), (2, 2), (3, 2)]
    assert three.scribbles.pixel_counts() == {2: 4}


def test_import_keeps_what_is_painted(three: Annotations) -> None:
    stayed = three.import_classes([info(5, "Bone"), info(2, "Fat")])
    assert [c.name for c in stayed] == ["c1"]
    assert [(c.id, c.name) for c in three.classes] == [
        (5, "Bone"),
        (2, "Fat"),
        (1, "c1"),
    ]


def test_a_stroke_comes_before_the_edit_that_it_followed(three: Annotations) -> None:
    three.rename_class(1, "Liver")
    after_edit = three.scribbles
    three.set_scribbles(after_edit.add(2, [(7, 7)]))
    assert three.undo() is None  # the stroke is the last thing that was done
    three.set_scribbles(after_edit, again=True)
    assert three.undo() is not None
    assert three.classes[0].name == "c1"


def test_a_new_stroke_ends_redo(three: Annotations) -> None:
    three.rename_class(1, "Liver")
    three.undo()
    before = three.scribbles
    three.set_scribbles(before.add(2, [(7, 7)]))
    three.set_scribbles(before, again=True)
    assert three.redo() is None


def test_classes_come_back_with_their_strokes(three: Annotations) -> None:
    """The label image undoes a merge by itself, and what came after goes with it."""
    before = (three.classes, three.scribbles)
    three.merge_classes(1, 2)
    merged = (three.classes, three.scribbles)
    three.rename_class(2, "Both")
    three.set_scribbles(before[1], again=True)
    assert (three.classes, three.scribbles) == before
    three.set_scribbles(merged[1], again=True)
    assert (three.classes, three.scribbles) == merged
    redone = three.redo()
    assert redone is not None
    assert redone.what == "rename c2"
    assert three.classes[0].name == "Both"


def test_replaced_for_good(three: Annotations) -> None:
    three.rename_class(1, "Liver")
    three.set_classes((info(4), info(2, "Fat")))
    assert three.undo() is None
    assert [(c.id, c.name) for c in three.classes] == [
        (4, "c4"),
        (2, "Fat"),
        (1, "Liver"),  # it is painted: its strokes need a row
    ]


def test_painted_without_a_name(three: Annotations) -> None:
    three.set_scribbles(three.scribbles.add(9, [(1, 1)]).add(8, [(2, 2)]))
    assert ids(three) == [1, 2, 3, 8, 9]
    assert three.undo() is None  # it comes and goes with its stroke


def test_each_change_is_told(three: Annotations) -> None:
    told: list[str] = []
    three.classes_changed.connect(lambda: told.append("classes"))
    three.scribbles_changed.connect(lambda: told.append("scribbles"))
    three.rename_class(1, "Liver")
    three.merge_classes(1, 2)
    three.undo()
    assert told == ["classes", *["classes", "scribbles"] * 2]

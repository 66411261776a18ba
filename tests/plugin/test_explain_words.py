from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_ood_seg.core.data.palette import UNKNOWN_COLOR
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.guidance.explain import (
    ClassSupport,
    Explanation,
    NearStroke,
    Reason,
)
from napari_ood_seg.core.guidance.typicalities import BINS, ClassTypicality
from napari_ood_seg.plugin.explain_words import MAX_BARS, MAX_STROKES, Words, reasons
from napari_ood_seg.session.session import Session
from tests.contracts.owner import InlineExecutor


def support(class_id: int, distance: float, posterior: float) -> ClassSupport:
    return ClassSupport(
        class_id=class_id, distance=distance, logit=-distance, posterior=posterior
    )


def near(stroke_id: int, class_id: int, distance: float = 0.5) -> NearStroke:
    return NearStroke(
        stroke_id=stroke_id,
        class_id=class_id,
        plane=(),
        point=(0, 0),
        box=(0, 0, 1, 1),
        distance=distance,
    )


FOUND = Explanation(
    point=(3, 4),
    plane=(),
    classes=(support(2, 1.0, 0.99996), support(1, 2.5, 0.00004)),
    typicality=0.5,
    score=-1.0,
    reasons=(
        Reason(name="ambiguity", share=0.5),
        Reason(name="distance", share=0.0),
        Reason(name="mahalanobis++", share=-1.5),
    ),
    strokes=(),
)


@pytest.fixture
def words() -> Words:
    session = Session(executor=InlineExecutor(), post=lambda call: call())
    session.scribbles = Scribbles((9, 9))
    for class_id in (1, 2, 2):
        row = len(session.scribbles.strokes)
        session.set_scribbles(session.scribbles.add(class_id, [[row, 0]]))
    session.rename_class(1, "fat")
    session.rename_class(2, "liver")
    return Words(session)


def test_known_pixel(words: Words) -> None:
    shown = words.pixel(FOUND)
    assert (shown.title, shown.color) == ("liver", words.color(2))
    assert shown.note == "Like what you painted. fat is 2.5 times as far."
    assert [(b.name, b.value, b.text) for b in shown.distances] == [
        ("liver", 1.0, "1.00"),
        ("fat", 2.5, "2.50"),
    ]
    assert [b.text for b in shown.probabilities] == ["100.0 %", "<0.1 %"]


@pytest.mark.parametrize(
    ("first", "note"),
    [
        ("ambiguity", "Between two classes. fat is as near as liver."),
        ("mahalanobis++", "Unlike everything you painted. fat is as near as liver."),
    ],
)
def test_unknown_pixel(words: Words, first: str, note: str) -> None:
    found = replace(
        FOUND,
        typicality=0.01,
        classes=(support(2, 4.0, 0.5), support(1, 4.1, 0.5)),
        reasons=(Reason(name=first, share=3.0),),
    )
    shown = words.pixel(found)
    assert (shown.title, shown.color) == ("Unknown, nearest is liver", UNKNOWN_COLOR)
    assert shown.note == note


def test_pixel_without_a_value(words: Words) -> None:
    found = replace(FOUND, typicality=0.0, valid=False)
    assert words.note(found) == "The image has no finite value here."


def test_one_class(words: Words) -> None:
    found = replace(FOUND, classes=FOUND.classes[:1])
    assert words.note(found) == "Like what you painted."


def test_class_that_is_gone(words: Words) -> None:
    found = replace(FOUND, classes=(support(7, 1.0, 1.0),))
    assert words.pixel(found).title == "class 7"


def test_reasons_add_up_and_leave_out_what_weighs_nothing() -> None:
    text = reasons(FOUND)
    assert text.startswith("OOD score -1.00: ambiguity +0.50, mahalanobis++ -1.50;")


def test_strokes_are_numbered_within_their_class(words: Words) -> None:
    rows = words.strokes([near(3, 2, 0.876), near(1, 1), near(99, 2)])
    assert [r.cells for r in rows] == [
        ("liver, stroke 2", "0.88"),
        ("fat, stroke 1", "0.50"),
        ("liver, stroke 0", "0.50"),
    ]


def test_long_lists_are_cut(words: Words) -> None:
    many = tuple(support(i, float(i), 0.0) for i in range(1, 20))
    assert len(words.pixel(replace(FOUND, classes=many)).distances) == MAX_BARS
    assert len(words.strokes([near(1, 1)] * 20)) == MAX_STROKES


@pytest.mark.parametrize(
    ("n", "held"),
    [
        (0, "no stroke was held out"),
        (1, "1 stroke held out"),
        (4, "4 strokes held out"),
    ],
)
def test_histogram(words: Words, n: int, held: str) -> None:
    own = ClassTypicality(
        class_id=1,
        held=np.full(BINS, 1 / BINS),
        predicted=np.eye(BINS)[0],
        n_strokes=n,
        share=0.25,
    )
    row = words.histogram(own)
    assert row.name == "fat"
    assert row.note == f"Nearest class of 25.0 % of the image; {held}."
    np.testing.assert_array_equal(row.histogram.bars, own.predicted)
    np.testing.assert_array_equal(row.histogram.line, own.held)

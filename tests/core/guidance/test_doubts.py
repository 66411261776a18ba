from __future__ import annotations

import numpy as np
import pytest

from napari_ood_seg.core.config import FilterConfig, InstantConfig
from napari_ood_seg.core.data.scribbles import Scribbles, Stroke
from napari_ood_seg.core.guidance.doubts import (
    Answers,
    answers_at,
    deal_strokes,
    find_doubts,
    judge,
)
from napari_ood_seg.core.training.instant import Scribbled
from napari_ood_seg.core.types import UNKNOWN
from tests.contracts.scenes import (
    LEFT,
    MIDDLE,
    RIGHT,
    Fitted,
    drive,
    fit,
    strip,
    strokes,
    three_textures,
)

TILED = InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0, 4.0)), tile=32)


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit(three_textures(), config=TILED)


def doubts_of(fitted: Fitted, scribbles: Scribbles) -> list[tuple[int, int, bool]]:
    image = Scribbled(fitted.source, scribbles)
    found = drive(find_doubts(fitted.trainer, image, ()))
    return [(d.stroke_id, d.looks_like, d.held_out) for d in found]


def test_answers_are_those_of_the_prediction(fitted: Fitted) -> None:
    store = fitted.trainer.store(fitted.source)
    assert store is not None
    assert len(store.tiles) > 1
    coords = strip(28, (slice(0, 64), slice(2, 94)))  # across all tiles of a row
    answers = answers_at(fitted.model, store, coords.astype(np.int32))
    at = tuple(coords.T)
    np.testing.assert_array_equal(answers.classes, fitted.prediction.classes[at])
    np.testing.assert_allclose(
        answers.typicality, fitted.prediction.typicality[at], atol=1e-3
    )


def test_good_strokes_are_not_doubted(fitted: Fitted) -> None:
    assert doubts_of(fitted, strokes()) == []


def test_stroke_of_the_wrong_class_is_found(fitted: Fitted) -> None:
    wrong = strokes().add(1, strip(20, MIDDLE))
    stroke = wrong.strokes[-1]
    assert doubts_of(fitted, wrong)[0] == (stroke.id, 2, True)


def test_stroke_on_what_is_no_class_is_found(fitted: Fitted) -> None:
    wrong = strokes().add(1, strip(20, RIGHT))
    found = doubts_of(fitted, wrong)
    assert (wrong.strokes[-1].id, UNKNOWN, True) in found


def test_lone_stroke_is_judged_by_a_model_that_knows_it(fitted: Fitted) -> None:
    lone = Scribbles((64, 96)).add(2, strip(28, MIDDLE))
    for row in (10, 46):
        lone = lone.add(1, strip(row, LEFT))
    assert doubts_of(fitted, lone) == []


def test_nothing_to_say_about_one_stroke(fitted: Fitted) -> None:
    assert doubts_of(fitted, Scribbles((64, 96)).add(1, strip(28, LEFT))) == []


def dot(stroke_id: int, class_id: int) -> Stroke:
    return Stroke(
        id=stroke_id, class_id=class_id, coords=np.array([[stroke_id, 0]], np.int32)
    )


def test_strokes_are_dealt_in_turn_and_lone_ones_are_kept() -> None:
    own = tuple(dot(i, 1 if i < 6 else 2) for i in range(1, 7))
    folds = deal_strokes(Scribbles((9, 9), own, 7), 3)
    ids = [([s.id for s in f.strokes], f.kept) for f in folds]
    assert ids == [([1, 4], False), ([2, 5], False), ([3], False), ([6], True)]


@pytest.mark.parametrize(
    ("classes", "typicality", "expected"),
    [
        ([1, 1, 1, 2], [0.5, 0.5, 0.5, 0.5], None),
        ([1, 2, 2, 3], [0.5, 0.5, 0.5, 0.5], 2),
        ([1, 1, 1, 1], [0.01, 0.02, 0.03, 0.9], UNKNOWN),
        ([2, 2, 2, 2], [0.01, 0.02, 0.03, 0.9], UNKNOWN),
    ],
    ids=["agrees", "another class", "unknown", "unknown before another class"],
)
def test_judgement(
    classes: list[int], typicality: list[float], expected: int | None
) -> None:
    stroke = Stroke(
        id=4,
        class_id=1,
        coords=np.array([[2, 3], [2, 4], [2, 5], [2, 9]], np.int32),
        plane=(3,),
    )
    answers = Answers(np.array(classes, np.uint8), np.array(typicality, np.float32))
    doubt = judge(stroke, answers, keep=0.95, held_out=True)
    if expected is None:
        assert doubt is None
    else:
        assert doubt is not None
        assert doubt.looks_like == expected
        assert (doubt.stroke_id, doubt.class_id, doubt.plane) == (4, 1, (3,))
        assert doubt.point == (2, 5)
        assert doubt.box == (2, 3, 3, 10)

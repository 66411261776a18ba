from __future__ import annotations

import numpy as np
import pytest

from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import ScribbleError
from napari_ood_seg.core.evaluation.splits import (
    Plan,
    Spot,
    Trial,
    by_image,
    by_stroke,
    make_plan,
)
from napari_ood_seg.core.training.instant import Scribbled
from napari_ood_seg.core.types import ClassInfo
from tests.contracts.scenes import LEFT, MIDDLE, SHAPE, strip, strokes

CLASSES = [ClassInfo(id=i, name=n, color="#000000") for i, n in ((1, "a"), (2, "b"))]


def image(scribbles: Scribbles, name: str = "image") -> Scribbled:
    return Scribbled(ImageSource.from_array(np.zeros(SHAPE), name=name), scribbles)


def painted(scribbled: Scribbled) -> set[tuple[int, int, int]]:
    """Return class, row and column of everything that is painted."""
    return {
        (s.class_id, int(at[0]), int(at[1]))
        for s in scribbled.scribbles.strokes
        for at in s.coords
    }


def scored(spots: tuple[Spot, ...], source: ImageSource) -> set[tuple[int, int, int]]:
    return {
        (s.piece.class_id, int(at[0]), int(at[1]))
        for s in spots
        if s.source is source
        for at in s.piece.coords
    }


def trials(plan: Plan) -> list[Trial]:
    return [t for group in plan.rounds for t in group]


@pytest.mark.parametrize("n_strokes", [1, 2, 3])
def test_folds_of_strokes_hold_every_pixel_out_once(n_strokes: int) -> None:
    scribbles = Scribbles(SHAPE)
    for i in range(n_strokes):
        scribbles = scribbles.add(1, strip(10 + 9 * i, LEFT))
        scribbles = scribbles.add(2, strip(10 + 9 * i, MIDDLE))
    job = image(scribbles)
    held = []
    for split in by_stroke([job]):
        out = scored(split.known, job.source)
        assert out.isdisjoint(painted(split.training[0]))
        assert out | painted(split.training[0]) == painted(job)
        assert {1, 2} == set(split.training[0].scribbles.class_ids)
        held += sorted(out)
    assert len(held) == len(set(held)) == len(painted(job))


def test_whole_strokes_stay_the_same_objects() -> None:
    """So that the trainer keeps their statistics."""
    job = image(strokes())
    for split in by_stroke([job]):
        mine = set(job.scribbles.strokes)
        assert set(split.training[0].scribbles.strokes) < mine


@pytest.mark.parametrize("n_images", [2, 5])
def test_folds_of_images_hold_every_image_out_once(n_images: int) -> None:
    jobs = [image(strokes(), str(i)) for i in range(n_images)]
    held = []
    for split in by_image(jobs):
        out = {s.source for s in split.known}
        assert out.isdisjoint({s for s, _ in split.training})
        assert len(out) + len(split.training) == n_images
        held += [s.name for s in out]
    assert sorted(held) == [str(i) for i in range(n_images)]


@pytest.mark.parametrize("n_images", [1, 3])
def test_a_trial_is_fitted_on_nothing_that_it_scores(n_images: int) -> None:
    jobs = [image(strokes(1, 2, 3), str(i)) for i in range(n_images)]
    plan = make_plan(jobs, CLASSES)
    assert plan.folds == ("strokes" if n_images == 1 else "images")
    assert [t.class_id for t in trials(plan)] == [1, 2, 3] * len(plan.rounds)
    for trial in trials(plan):
        for source, _ in jobs:
            fitted = [painted(t) for t in trial.training if t.source is source]
            seen = set().union(*fitted)
            assert seen.isdisjoint(scored(trial.known, source))
            assert seen.isdisjoint(scored(trial.unknown, source))
            assert all(class_id != trial.class_id for class_id, *_ in seen)
        assert {s.piece.class_id for s in trial.unknown} == {trial.class_id}
        assert trial.class_id not in {s.piece.class_id for s in trial.known}


def test_images_that_cannot_be_kept_apart() -> None:
    """Class 2 is on one image only: nothing would be left to tell it from."""
    jobs = [image(strokes(1), "one"), image(strokes(2), "two")]
    plan = make_plan(jobs, CLASSES)
    assert plan.folds == "strokes"
    assert plan.class_ids == {1, 2}


def test_a_class_that_is_only_on_the_image_held_out_is_not_scored_as_known() -> None:
    jobs = [image(strokes(1, 2, 3)), image(strokes(1, 2)), image(strokes(1, 2))]
    plan = make_plan(jobs, CLASSES)
    assert plan.folds == "images"
    first = plan.rounds[0]
    assert all(s.piece.class_id != 3 for t in first for s in t.known)
    assert [t.class_id for t in trials(plan)].count(3) == 1


@pytest.mark.parametrize(
    ("scribbles", "message"),
    [
        pytest.param(
            strokes(1),
            "an audit holds one class out and asks for it, but there is only one: "
            "paint a second class",
            id="one class",
        ),
        pytest.param(
            strokes(1).add(2, [(30, 50)]),
            "there is too little paint on 'b' to leave some of it out and check on it: "
            "paint two strokes of at least 8 pixels on each class",
            id="a dot",
        ),
        pytest.param(
            Scribbles(SHAPE).add(1, [(3, 5)]).add(2, [(30, 50)]),
            "there is too little paint on 'a' and 'b' to leave some of it out and "
            "check on it: paint two strokes of at least 8 pixels on each class",
            id="two dots",
        ),
    ],
)
def test_too_little_paint(scribbles: Scribbles, message: str) -> None:
    with pytest.raises(ScribbleError) as caught:
        make_plan([image(scribbles)], CLASSES)
    assert str(caught.value) == message


def test_a_dot_beside_two_good_classes_is_held_out_too() -> None:
    plan = make_plan([image(strokes(1, 2).add(3, [(30, 80)]))], CLASSES)
    assert plan.class_ids == {1, 2, 3}

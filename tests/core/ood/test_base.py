from __future__ import annotations

import pytest
import torch

from napari_ood_seg.core.ood.base import (
    StrokePixels,
    TrainingPixels,
    balanced_weights,
    labelled_rows,
)
from tests.contracts.detector import draw


def stroke(class_id: int, n: int, group: int = 0) -> StrokePixels:
    return StrokePixels(
        class_id=class_id, group=group, features=draw(n, 3, seed=10 * class_id + n)
    )


def test_from_labels_makes_one_stroke_per_class() -> None:
    features = torch.arange(8.0).reshape(4, 2)
    pixels = TrainingPixels.from_labels(features, torch.tensor([7, 2, 7, 2]))
    assert pixels.class_ids == (2, 7)
    assert [s.features.tolist() for s in pixels.strokes] == [
        [[2, 3], [6, 7]],
        [[0, 1], [4, 5]],
    ]
    assert torch.equal(pixels.unlabelled, features)
    assert pixels.n_features == 2


def test_balanced_weights_give_every_class_the_same() -> None:
    strokes = [stroke(2, 5), stroke(9, 40), stroke(2, 15), stroke(4, 1)]
    weights = balanced_weights(strokes)
    owner = torch.tensor([s.class_id for s in strokes for _ in range(len(s.features))])
    assert float(weights.sum()) == pytest.approx(1)
    for class_id in (2, 4, 9):
        mine = weights[owner == class_id]
        assert float(mine.sum()) == pytest.approx(1 / 3)
        assert (mine == mine[0]).all()  # every pixel of a class alike


def test_without_takes_groups_away_and_keeps_the_rest() -> None:
    strokes = tuple(stroke(c, 4 + g, g) for c in (1, 2) for g in (0, 1, 2))
    pixels = TrainingPixels(strokes=strokes, unlabelled=draw(5, 3))
    rest = pixels.without({0, 2})
    assert rest.strokes == (strokes[1], strokes[4])
    assert rest.unlabelled is pixels.unlabelled
    assert pixels.strokes == strokes
    assert pixels.without({0, 1, 2}).class_ids == ()
    assert pixels.class_ids == (1, 2)


def test_by_class_is_ordered_by_id() -> None:
    strokes = (stroke(5, 2), stroke(1, 3), stroke(5, 4))
    groups = TrainingPixels(strokes=strokes, unlabelled=draw(5, 3)).by_class()
    assert list(groups) == [1, 5]
    assert groups[5] == [strokes[0], strokes[2]]


def test_moments_are_kept_per_view() -> None:
    one = stroke(1, 10)
    plain = one.moments("plain", lambda z: z)
    double = one.moments("double", lambda z: 2 * z)
    assert one.moments("plain", lambda z: 99 * z) is plain
    torch.testing.assert_close(double.total, 2 * plain.total)


def test_labelled_rows_are_ordered_by_class_and_balanced() -> None:
    strokes = (stroke(5, 2), stroke(1, 3), stroke(5, 4))
    pixels = TrainingPixels(strokes=strokes, unlabelled=draw(5, 3))
    rows = labelled_rows(pixels)
    expected = [strokes[1].features, strokes[0].features, strokes[2].features]
    assert torch.equal(rows.features, torch.cat(expected))
    assert rows.classes.tolist() == [0] * 3 + [1] * 6
    torch.testing.assert_close(rows.weights, torch.tensor([1 / 6] * 3 + [1 / 12] * 6))


@pytest.mark.parametrize("per_class", [1, 2, 5, 99])
def test_labelled_rows_keep_evenly_spaced_pixels(per_class: int) -> None:
    pixels = TrainingPixels(
        strokes=(stroke(1, 30), stroke(2, 3)), unlabelled=draw(5, 3)
    )
    rows = labelled_rows(pixels, per_class)
    assert rows.classes.bincount().tolist() == [min(30, per_class), min(3, per_class)]
    assert torch.equal(rows.features[0], pixels.strokes[0].features[0])
    assert float(rows.weights.sum()) == pytest.approx(1)

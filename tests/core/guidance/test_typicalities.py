from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_ood_seg.core.config import FilterConfig, InstantConfig
from napari_ood_seg.core.guidance.typicalities import BINS, typicalities
from napari_ood_seg.core.ood.threshold import LEVELS, Calibration
from tests.contracts.scenes import Fitted, fit, strokes, three_textures

CONFIG = InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0)))


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit(three_textures(), strokes(1, 2), config=CONFIG)


def test_predicted_pixels_are_counted_by_class(fitted: Fitted) -> None:
    shown = fitted.prediction
    found = typicalities(fitted.model, shown.classes, shown.typicality)
    assert [c.class_id for c in found] == [1, 2]
    for own in found:
        mine = shown.typicality[shown.classes == own.class_id]
        counts, _ = np.histogram(mine, bins=BINS, range=(0, 1))
        np.testing.assert_allclose(own.predicted, counts / len(mine), atol=1e-3)
        assert own.share == pytest.approx(len(mine) / shown.classes.size)


def test_pixels_that_are_not_predicted_yet_do_not_count(fitted: Fitted) -> None:
    classes = np.array([[1, 1, 2, 0]], np.uint8)
    typicality = np.array([[0.05, 1.0, 0.5, np.nan]], np.float32)
    one, two = typicalities(fitted.model, classes, typicality)
    assert one.predicted.nonzero()[0].tolist() == [1, BINS - 1]
    assert one.share == pytest.approx(2 / 3)
    assert two.predicted[BINS // 2] == 1.0


def test_nothing_predicted(fitted: Fitted) -> None:
    nothing = np.zeros((2, 2), np.uint8), np.full((2, 2), np.nan, np.float32)
    for own in typicalities(fitted.model, *nothing):
        assert own.share == 0.0
        assert not own.predicted.any()


def even(n: int, *, low: float = 0.0, high: float = 1.0) -> torch.Tensor:
    return torch.linspace(low, high, n)


def with_held(fitted: Fitted, held: dict[int, list[torch.Tensor]]) -> Fitted:
    quantiles = LEVELS.float()[None]  # the score is 1 - typicality
    made = Calibration(quantiles=quantiles, n_strokes=3, held=held)
    return fitted._replace(model=replace(fitted.model, calibration=made))


def test_held_out_scores_that_keep_the_promise_are_even(fitted: Fitted) -> None:
    made = with_held(fitted, {1: [even(4000), even(400)], 2: []})
    shown = fitted.prediction
    one, two = typicalities(made.model, shown.classes, shown.typicality)
    np.testing.assert_allclose(one.held, 1 / BINS, atol=3e-3)
    assert (one.n_strokes, two.n_strokes) == (2, 0)
    assert not two.held.any()


def test_strokes_weigh_the_same(fitted: Fitted) -> None:
    made = with_held(fitted, {1: [even(500, high=0.1), even(50, low=0.9)]})
    shown = fitted.prediction
    one, _ = typicalities(made.model, shown.classes, shown.typicality)
    assert one.held[-2:].sum() == pytest.approx(0.5, abs=0.02)
    assert one.held[:2].sum() == pytest.approx(0.5, abs=0.02)


def test_every_class_by_its_own_quantiles(fitted: Fitted) -> None:
    rows = torch.stack([LEVELS.float(), LEVELS.float() + 5])
    held = {1: [even(2000)], 2: [even(2000, low=5.0, high=6.0)]}
    made = Calibration(quantiles=rows, n_strokes=2, held=held)
    model = replace(fitted.model, calibration=made)
    shown = fitted.prediction
    for own in typicalities(model, shown.classes, shown.typicality):
        np.testing.assert_allclose(own.held, 1 / BINS, atol=3e-3)


def test_training_keeps_the_held_out_scores(fitted: Fitted) -> None:
    held = fitted.model.calibration.held
    assert {i: len(s) for i, s in held.items()} == {1: 3, 2: 3}
    shown = fitted.prediction
    for own in typicalities(fitted.model, shown.classes, shown.typicality):
        scores = torch.stack(list(held[own.class_id]))
        typical = fitted.model.calibration.typicality(scores).numpy()
        counts, _ = np.histogram(typical, bins=BINS, range=(0, 1))
        np.testing.assert_allclose(own.held, counts / typical.size, atol=2e-2)

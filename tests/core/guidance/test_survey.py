from __future__ import annotations

import numpy as np
import pytest

from napari_ood_seg.core.config import FilterConfig, InstantConfig
from napari_ood_seg.core.guidance.looks import known_distance, log_distances
from napari_ood_seg.core.guidance.survey import (
    Survey,
    cell_edge,
    part_to_survey,
    take_survey,
)
from napari_ood_seg.core.types import Progress
from tests.contracts.scenes import SHAPE, Fitted, drive, fit, three_textures

CONFIG = InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0)))


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit(three_textures(), config=CONFIG)


def survey_of(fitted: Fitted) -> Survey:
    store = fitted.trainer.store(fitted.source)
    assert store is not None
    return drive(take_survey(fitted.model, store))


@pytest.mark.parametrize(
    ("size", "step", "edge"),
    [
        ((512, 512), 1024, 4),
        ((2000, 3000), 1024, 16),
        ((20, 9), 32, 1),
        ((4000, 4000), 48, 16),
    ],
)
def test_edge_of_a_cell(size: tuple[int, int], step: int, edge: int) -> None:
    assert cell_edge(size, step) == edge


def test_cells_of_one_pixel_are_the_prediction(fitted: Fitted) -> None:
    survey = survey_of(fitted)
    assert survey.edge == 1
    assert survey.size == SHAPE
    np.testing.assert_array_equal(survey.classes, fitted.prediction.classes)
    np.testing.assert_allclose(
        survey.typicality, fitted.prediction.typicality, atol=1e-5
    )
    probabilities = fitted.prediction.probabilities
    assert probabilities is not None
    lead = np.abs(probabilities[0] - probabilities[1])
    np.testing.assert_allclose(survey.margin, lead, atol=1e-5)


def test_distance_in_spreads_is_that_of_the_classifier(fitted: Fitted) -> None:
    survey = survey_of(fitted)
    store = fitted.trainer.store(fitted.source)
    assert store is not None
    z = store.tile((), 0).levels[0]  # of full resolution
    expected = fitted.model.ensemble.classifier[0].distances(z.flatten(1).T).log()
    found = log_distances(survey.within[:1], survey.known[:1])
    np.testing.assert_allclose(found.reshape(2, -1).T, expected, atol=2e-2)
    nearest = known_distance(survey.within[:1], survey.known[:1])
    assert (nearest.ravel() <= expected.amax(1).numpy() + 2e-2).all()


def test_large_cells_are_means(fitted: Fitted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_ood_seg.core.guidance.survey._CELLS", 100)
    survey = survey_of(fitted)
    edge = survey.edge
    assert edge == 8
    assert survey.typicality.shape == (8, 12)
    blocks = fitted.prediction.typicality.reshape(8, edge, 12, edge)
    np.testing.assert_allclose(survey.typicality, blocks.mean((1, 3)), atol=1e-4)
    assert survey.within[0].shape[1:] == (8, 12)


def test_tiles_make_the_same_survey(fitted: Fitted) -> None:
    tiled = fit(
        three_textures(),
        config=InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0)), tile=32),
    )
    one, many = survey_of(fitted), survey_of(tiled)
    for a, b in zip(one.within, many.within, strict=True):
        np.testing.assert_allclose(a, b, atol=5e-2)
    np.testing.assert_allclose(one.typicality, many.typicality, atol=3e-2)


def test_progress_comes_before_every_tile() -> None:
    tiled = fit(three_textures(), config=InstantConfig(tile=32))
    store = tiled.trainer.store(tiled.source)
    assert store is not None
    steps = list(take_survey(tiled.model, store))
    assert steps == [
        Progress(done=i, total=len(steps), stage="looking for unknown")
        for i in range(len(store.tiles))
    ]


def test_one_class_leads_everywhere() -> None:
    from tests.contracts.scenes import strokes

    alone = fit(three_textures(), strokes(1), config=CONFIG)
    assert (survey_of(alone).margin == 1).all()


@pytest.mark.parametrize("at", [0, 511, 512, 20_000, 49_999, 10**6])
def test_of_a_slide_whole_tiles_around_a_place_are_looked_at(at: int) -> None:
    n, step = 50_000, 512
    rows, columns = part_to_survey((n, 700), step, (at, 10))
    assert columns == slice(0, 700)
    assert rows.start % step == 0
    assert rows.stop in (rows.start + 12 * step, n)
    if at < n:
        assert rows.start <= at < rows.stop
    inside = 6 * step <= at < n - 7 * step
    if inside:  # as far to one side as to the other, to a tile
        assert abs((rows.start + rows.stop) / 2 - at) <= step


def test_a_part_is_that_part_of_the_whole() -> None:
    tiled = fit(
        three_textures(),
        config=InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0)), tile=16),
    )
    store = tiled.trainer.store(tiled.source)
    assert store is not None
    whole = survey_of(tiled)
    rows, columns = slice(16, 64), slice(32, 80)
    part = drive(take_survey(tiled.model, store, part=(rows, columns)))
    assert (part.edge, part.origin, part.size) == (1, (16, 32), (48, 48))
    np.testing.assert_array_equal(part.typicality, whole.typicality[rows, columns])
    for a, b in zip(part.within, whole.within, strict=True):
        np.testing.assert_allclose(a, b[:, rows, columns], atol=1e-4)

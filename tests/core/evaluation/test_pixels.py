from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_ood_seg.core.config import FilterConfig, InstantConfig
from napari_ood_seg.core.evaluation.pixels import Site, predict_at
from napari_ood_seg.core.inference.predict import open_features
from tests.contracts.scenes import CPU, SHAPE, Fitted, fit, strokes, three_textures

if TYPE_CHECKING:
    from napari_ood_seg.core.evaluation.pixels import Tiles
    from napari_ood_seg.core.features.store import FeatureStore

PIXELS = torch.tensor([[0, 0], [63, 95], [0, 95], [31, 32], [32, 31], [40, 80], [5, 5]])


def store_of(fitted: Fitted) -> FeatureStore:
    store = fitted.trainer.store(fitted.source)
    assert store is not None
    return store


def assert_same_as_the_map(fitted: Fitted, pixels: torch.Tensor) -> None:
    smoothing = fitted.model.config.smoothing
    site = Site.of(store_of(fitted), pixels, smoothing=smoothing)
    found, whole = predict_at(fitted.model, site), fitted.prediction
    at = tuple(pixels.T.numpy())
    assert found.score.shape == (1, len(pixels))
    np.testing.assert_allclose(found.score[0], whole.score[at], atol=2e-5)
    np.testing.assert_array_equal(found.classes[0], whole.classes[at])
    np.testing.assert_allclose(found.typicality[0], whole.typicality[at], atol=0.02)


@pytest.mark.parametrize("smoothing", [0.0, 2.0])
@pytest.mark.parametrize("tile", [32, 512])
def test_equals_the_prediction_of_the_whole_image(smoothing: float, tile: int) -> None:
    config = InstantConfig(smoothing=smoothing, tile=tile)
    assert_same_as_the_map(fit(three_textures(), config=config), PIXELS)


@pytest.mark.parametrize("tile", [32, 512])
def test_smoothed_along_edges(tile: int) -> None:
    config = InstantConfig(edge_aware=True, tile=tile)
    fitted = fit(three_textures(), config=config)
    assert_same_as_the_map(fitted, PIXELS)
    store = store_of(fitted)
    known: Tiles = {}
    site = Site.of(store, PIXELS[-1:], smoothing=2.0)
    predict_at(fitted.model, site, known)
    assert [index for _, _, index in known] == [0]


def test_several_detectors_and_one_class() -> None:
    config = InstantConfig(detectors=("mahalanobis++", "nearest neighbour"))
    fitted = fit(three_textures(), strokes(2), config=config)
    assert_same_as_the_map(fitted, PIXELS)


def test_one_pixel_at_a_time_equals_all() -> None:
    fitted = fit(three_textures())
    store, smoothing = store_of(fitted), fitted.model.config.smoothing
    together = predict_at(fitted.model, Site.of(store, PIXELS, smoothing=smoothing))
    for i, pixel in enumerate(PIXELS):
        site = Site.of(store, pixel[None], smoothing=smoothing)
        alone = predict_at(fitted.model, site)
        np.testing.assert_allclose(alone.score[0, 0], together.score[0, i], atol=1e-5)


def test_pixels_that_are_not_finite_are_not_typical() -> None:
    image = three_textures()
    image[30, 40] = np.nan
    quick = InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0)), tile=32)
    fitted = fit(image, config=quick)
    pixels = torch.tensor([[30, 40], [30, 41], [29, 40], [10, 10]])
    assert_same_as_the_map(fitted, pixels)
    site = Site.of(store_of(fitted), pixels, smoothing=quick.smoothing)
    assert site.invalid.tolist() == [True, False, False, False]
    assert predict_at(fitted.model, site).typicality[0, 0] == 0


def test_on_an_image_that_was_not_fitted_on() -> None:
    fitted = fit(three_textures())
    other = fit(three_textures(seed=5)).source
    store = open_features(fitted.model, other, device=CPU)
    grid = np.mgrid[: SHAPE[0] : 9, : SHAPE[1] : 9].reshape(2, -1).T.copy()
    smoothing = fitted.model.config.smoothing
    site = Site.of(store, torch.from_numpy(grid), smoothing=smoothing)
    whole = fitted.model.predict_tile(store.tile((), 0))
    found = predict_at(fitted.model, site)
    np.testing.assert_allclose(found.score[0], whole.score[tuple(grid.T)], atol=2e-5)

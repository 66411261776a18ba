from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
import torch
from scipy.special import softmax

from napari_ood_seg.core.config import FilterConfig, InstantConfig
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import ModelMismatchError
from napari_ood_seg.core.features.reading import read_region, sample_regions
from napari_ood_seg.core.features.store import FeatureStore
from tests.contracts.model import DenseModelContract
from tests.contracts.scenes import (
    CPU,
    LEFT,
    MIDDLE,
    SHAPE,
    fit,
    strip,
    three_textures,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_ood_seg.core.features.tile_features import TileFeatures
    from napari_ood_seg.core.models.base import DenseModel
    from napari_ood_seg.core.models.instant import InstantModel
    from napari_ood_seg.core.ood.base import ClassDetector, PixelDetector

CONFIG = InstantConfig(
    filters=FilterConfig(sigmas=(1.0, 2.0, 4.0)),
    smoothing=2.0,
    detectors=("mahalanobis++", "relative mahalanobis"),
)
WHOLE = (slice(0, SHAPE[0]), slice(0, SHAPE[1]))


def fitted(config: InstantConfig = CONFIG) -> InstantModel:
    """Return a model whose class ids are neither consecutive nor in painted order."""
    scribbles = Scribbles(SHAPE)
    for row in (10, 28, 46):
        scribbles = scribbles.add(9, strip(row, LEFT)).add(4, strip(row, MIDDLE))
    return fit(three_textures(), scribbles, config=config).model


class TestInstantModel(DenseModelContract):
    @pytest.fixture
    def model(self) -> DenseModel:
        return fitted()

    @pytest.fixture
    def region(self) -> torch.Tensor:
        source = ImageSource.from_array(three_textures())
        return read_region(source, WHOLE, plane=(), device=CPU)

    @pytest.fixture
    def aligned(self) -> int:
        return fitted().descriptor.bank.stride

    @pytest.fixture
    def truth(self) -> dict[int, tuple[slice, slice]]:
        return {9: LEFT, 4: MIDDLE}


@pytest.fixture
def model() -> InstantModel:
    return fitted()


def whole_tile(model: InstantModel, image: object = None) -> TileFeatures:
    array = three_textures() if image is None else image
    source = ImageSource.from_array(array)
    store = FeatureStore(source, model.descriptor, device=CPU, margin=model.margin)
    return store.tile((), 0)


def rows_of(z: torch.Tensor) -> torch.Tensor:
    return z.flatten(1).T.contiguous()


def merged(maps: Sequence[torch.Tensor], model: InstantModel) -> torch.Tensor:
    """Return the mean of enlarged maps, for a model without smoothing."""
    enlarged = [
        torch.nn.functional.interpolate(m[None], size=SHAPE, mode="bilinear")[0]
        for m in maps
    ]
    assert model.config.smoothing == 0
    return torch.stack(enlarged).mean(0)


@pytest.fixture
def sharp() -> InstantModel:
    return fitted(
        InstantConfig(filters=CONFIG.filters, detectors=CONFIG.detectors, smoothing=0.0)
    )


def test_logits_are_log_densities_of_experts(sharp: InstantModel) -> None:
    levels = whole_tile(sharp).levels
    maps = [
        c.distances(rows_of(z)).log().T.reshape(2, *z.shape[1:])
        for z, c in zip(levels, sharp.ensemble.classifier, strict=True)
    ]
    n_features = levels[0].shape[0]  # fewer than asked for: so many filters there are
    assert n_features < sharp.config.filters.n_features
    expected = -0.5 * n_features * merged(maps, sharp)
    got = sharp.logits(levels, SHAPE)
    torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-2)


def test_scores_are_the_weighted_sum_of_standardised_evidence(
    sharp: InstantModel,
) -> None:
    levels, e = whole_tile(sharp).levels, sharp.ensemble

    def by_class(experts: Sequence[PixelDetector]) -> torch.Tensor:
        maps = [
            cast("ClassDetector", x).class_scores(rows_of(z)).T.reshape(2, *z.shape[1:])
            for z, x in zip(levels, experts, strict=True)
        ]
        return merged(maps, sharp)

    scores = [by_class(experts) for experts in e.members.values()]
    evidence = [s.amin(0) for s in scores]
    evidence.append(by_class(e.classifier).amin(0))
    evidence.append(-scores[0].diff(dim=0)[0].abs())
    total = sum(
        w * (v - c) / s
        for w, v, c, s in zip(e.weights, evidence, e.centre, e.scale, strict=True)
    )
    _, got = sharp.evaluate(levels, SHAPE)
    torch.testing.assert_close(got, total, rtol=1e-3, atol=1e-3)


def test_a_class_may_have_its_own_threshold() -> None:
    model = fitted(replace(CONFIG, per_class=True))
    tile = whole_tile(model)
    found = model.predict_tile(tile)
    assert len(model.calibration.quantiles) == 2
    score = torch.from_numpy(found.score)
    for index, class_id in enumerate(model.class_ids):
        own = model.calibration.typicality(score, torch.full(SHAPE, index))
        mine = found.classes == class_id
        assert mine.any()
        np.testing.assert_array_equal(found.typicality[mine], own[mine])


def test_smoothing_blurs_the_scores(model: InstantModel, sharp: InstantModel) -> None:
    levels = whole_tile(model).levels
    rough = sharp.evaluate(levels, SHAPE)[1].diff(dim=0).abs().mean()
    smooth = model.evaluate(levels, SHAPE)[1].diff(dim=0).abs().mean()
    assert smooth < 0.7 * rough
    assert model.margin > sharp.margin


def test_prediction_of_a_tile(model: InstantModel) -> None:
    tile = whole_tile(model)
    found = model.predict_tile(tile, probabilities=True)
    logits = model.logits(tile.levels, tile.size).double().numpy()
    ids = np.array(model.class_ids)
    np.testing.assert_array_equal(found.classes, ids[logits.argmax(0)])
    assert found.probabilities is not None
    np.testing.assert_allclose(found.probabilities, softmax(logits, axis=0), atol=1e-4)
    score = model.evaluate(tile.levels, tile.size)[1]
    np.testing.assert_array_equal(found.score, score)
    np.testing.assert_array_equal(
        found.typicality, model.calibration.typicality(torch.from_numpy(found.score))
    )
    assert found.classes.dtype == np.uint8
    assert found.score.dtype == found.typicality.dtype == np.float32
    assert found.probabilities.dtype == np.float32


def test_probabilities_only_when_asked_for(model: InstantModel) -> None:
    assert model.predict_tile(whole_tile(model)).probabilities is None


def test_pixels_that_are_not_finite_are_unknown(model: InstantModel) -> None:
    image = three_textures()
    image[10, 10:12] = np.nan
    image[20, 50, 1] = np.inf
    found = model.predict_tile(whole_tile(model, image))
    broken = ~np.isfinite(image).all(2)
    assert broken.sum() == 3
    assert (found.typicality[broken] == 0).all()
    assert np.isfinite(found.score).all()
    assert np.isin(found.classes, model.class_ids).all()
    plain = model.predict_tile(whole_tile(model))
    far = (slice(40, 56), LEFT[1])  # no filter reaches there
    np.testing.assert_allclose(found.typicality[far], plain.typicality[far], atol=1e-4)
    assert (plain.typicality[far] > 0.05).mean() > 0.9


def test_another_descriptor_leaves_the_heads_alone(model: InstantModel) -> None:
    source = ImageSource.from_array(three_textures(seed=5))
    adapted = model.descriptor.adapted(sample_regions(source, device=CPU))
    other = model.with_descriptor(adapted)
    assert other.descriptor is adapted
    assert other.ensemble is model.ensemble
    assert model.descriptor is not adapted


@pytest.mark.parametrize("n_channels", [1, 2, 4, 40])
def test_an_image_with_other_channels(model: InstantModel, n_channels: int) -> None:
    image = three_textures(n_channels)
    source = ImageSource.from_array(image, axes="YXC", rgb=False, name="slide")
    with pytest.raises(ModelMismatchError) as caught:
        model.require_fit(source)
    assert str(caught.value) == (
        f"the model was trained on 3 channels but the image 'slide' has {n_channels}: "
        "check the axes, or train a new model"
    )


def test_an_image_with_the_same_channels(model: InstantModel) -> None:
    model.require_fit(ImageSource.from_array(np.zeros((9, 9, 3))))
    model.require_fit(ImageSource.from_array(np.zeros((9, 9, 4), np.uint8)))  # RGBA

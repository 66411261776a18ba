from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy.special import softmax

from napari_ood_seg.core.config import FilterConfig, InstantConfig
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import ModelMismatchError
from napari_ood_seg.core.features.store import read_region, sample_regions
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
    from napari_ood_seg.core.models.base import DenseModel
    from napari_ood_seg.core.models.instant import InstantModel

CONFIG = InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0, 4.0)))
WHOLE = (slice(0, SHAPE[0]), slice(0, SHAPE[1]))


def fitted() -> InstantModel:
    """Return a model whose class ids are neither consecutive nor in painted order."""
    scribbles = Scribbles(SHAPE)
    for row in (10, 28, 46):
        scribbles = scribbles.add(9, strip(row, LEFT)).add(4, strip(row, MIDDLE))
    return fit(three_textures(), scribbles, config=CONFIG).model


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


@pytest.fixture
def features(model: InstantModel) -> torch.Tensor:
    source = ImageSource.from_array(three_textures())
    return model.features(read_region(source, WHOLE, plane=(), device=CPU))


def test_prediction_of_features(model: InstantModel, features: torch.Tensor) -> None:
    found = model.predict_features(features, probabilities=True)
    rows = features.flatten(1).T
    logits = model.logits(rows).double().numpy()
    ids = np.array(model.class_ids)
    np.testing.assert_array_equal(found.classes.ravel(), ids[logits.argmax(1)])
    posterior = softmax(logits, axis=1).T
    assert found.probabilities is not None
    np.testing.assert_allclose(found.probabilities.reshape(2, -1), posterior, atol=1e-4)
    score = model.ensemble.score(rows)
    np.testing.assert_allclose(found.score.ravel(), score, atol=1e-4)
    np.testing.assert_array_equal(
        found.typicality,
        model.calibration.typicality(torch.from_numpy(found.score)),
    )
    assert found.classes.dtype == np.uint8
    assert found.score.dtype == found.typicality.dtype == np.float32
    assert found.probabilities.dtype == np.float32


def test_probabilities_only_when_asked_for(
    model: InstantModel, features: torch.Tensor
) -> None:
    assert model.predict_features(features[:, :4, :4]).probabilities is None


def test_permuting_pixels_permutes_the_prediction(
    model: InstantModel, features: torch.Tensor
) -> None:
    plain = model.predict_features(features)
    flipped = model.predict_features(features.flip(1, 2).contiguous())
    np.testing.assert_array_equal(flipped.classes[::-1, ::-1], plain.classes)
    np.testing.assert_allclose(flipped.score[::-1, ::-1], plain.score, atol=1e-3)


def test_many_pixels_equal_few(model: InstantModel, features: torch.Tensor) -> None:
    """More than are computed at a time, and no multiple of that."""
    once = model.predict_features(features, probabilities=True)
    thrice = model.predict_features(features.repeat(1, 3, 1), probabilities=True)
    np.testing.assert_array_equal(thrice.classes, np.tile(once.classes, (3, 1)))
    np.testing.assert_allclose(thrice.score, np.tile(once.score, (3, 1)), atol=1e-4)
    assert once.probabilities is not None
    assert thrice.probabilities is not None
    np.testing.assert_allclose(
        thrice.probabilities, np.tile(once.probabilities, (1, 3, 1)), atol=1e-4
    )


def test_another_descriptor_leaves_the_heads_alone(model: InstantModel) -> None:
    source = ImageSource.from_array(three_textures(seed=5))
    adapted = model.descriptor.adapted(sample_regions(source, device=CPU))
    other = model.with_descriptor(adapted)
    assert other.descriptor is adapted
    assert other.classifier is model.classifier
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

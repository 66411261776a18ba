from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
import torch

from napari_ood_seg.core.config import DeepConfig, FilterConfig, InstantConfig
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.inference.predict import predict
from napari_ood_seg.core.models.unet import Network, UNet, initialise
from napari_ood_seg.core.training.folds import deal
from napari_ood_seg.core.training.heads import Heads, unseen, unseen_folds
from napari_ood_seg.core.training.instant import InstantTrainer, Scribbled
from tests.contracts.scenes import CPU, drive, strokes, three_textures

if TYPE_CHECKING:
    from napari_ood_seg.core.types import Prediction

INSTANT = InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0)), tile=32)
DEEP = DeepConfig(width=8, heads=INSTANT)


@pytest.fixture(scope="module")
def image() -> Scribbled:
    source = ImageSource.from_array(three_textures(), axes="YXC", name="it")
    return Scribbled(source, strokes())


def network() -> Network:
    """Return one that was never trained."""
    unet = UNet(3, 2, 8)
    initialise(unet, torch.Generator().manual_seed(0))
    return Network.of(unet, name="random")


def applied(trainer: InstantTrainer, image: Scribbled) -> Prediction:
    model = drive(trainer.fit([image], ()))
    store = trainer.store(image.source)
    assert store is not None
    return predict(model, store)


def test_a_quarter_of_the_strokes_is_unseen(image: Scribbled) -> None:
    assert unseen_folds(DEEP) == {0, 4}
    pieces = deal(image.scribbles, 8)
    held = [p for p in pieces if unseen(DEEP, p)]
    assert [(p.class_id, p.fold) for p in held] == [(1, 0), (2, 0)]


def test_what_is_unknown_is_the_filters_business(image: Scribbled) -> None:
    """A network that says nothing changes no score, and no promise."""
    heads = Heads(network(), DEEP, device=CPU)
    found = applied(heads, image)
    plain = applied(InstantTrainer(INSTANT, device=CPU), image)
    np.testing.assert_allclose(found.score, plain.score, atol=2e-3)
    np.testing.assert_allclose(found.typicality, plain.typicality, atol=2e-3)
    assert not heads.is_used
    assert "does not tell your classes apart better" in heads.verdict


@pytest.mark.parametrize("evidence", ["both", "network"])
def test_the_network_may_have_a_say(
    evidence: Literal["both", "network"], image: Scribbled
) -> None:
    heads = Heads(network(), replace(DEEP, evidence=evidence), device=CPU)
    found = applied(heads, image)
    plain = applied(InstantTrainer(INSTANT, device=CPU), image)
    assert heads.is_used
    assert not np.allclose(found.score, plain.score, atol=0.1)


def test_only_unseen_strokes_promise_anything_for_a_network(image: Scribbled) -> None:
    heads = Heads(network(), replace(DEEP, evidence="both"), device=CPU)
    model = drive(heads.fit([image], ()))
    assert model.calibration.n_strokes == 2
    model = drive(Heads(network(), DEEP, device=CPU).fit([image], ()))
    assert model.calibration.n_strokes == 6

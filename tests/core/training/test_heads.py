from __future__ import annotations

import gc
from dataclasses import replace
from typing import TYPE_CHECKING, Literal
from weakref import ref

import numpy as np
import pytest
import torch

from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.inference.predict import open_features, predict
from napari_ood_seg.core.models.network import Network
from napari_ood_seg.core.models.unet import UNet, initialise
from napari_ood_seg.core.training.bundle import engine_of, load_model, save_model
from napari_ood_seg.core.training.folds import deal
from napari_ood_seg.core.training.heads import (
    Heads,
    dealt,
    unseen_folds,
)
from napari_ood_seg.core.training.instant import InstantTrainer, Scribbled
from napari_ood_seg.core.training.roles import Accuracy
from napari_ood_seg.core.training.warm import cut, touches
from tests.contracts.networks import INSTANT, SMALL
from tests.contracts.scenes import CPU, LEFT, drive, strip, strokes, three_textures
from tests.core.features.test_encoder import squeezenet

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from napari_ood_seg.core.config import DeepConfig
    from napari_ood_seg.core.training.folds import Piece
    from napari_ood_seg.core.training.warm import Seen
    from napari_ood_seg.core.types import Prediction

DEEP = SMALL


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


def seen_by(image: Scribbled) -> Seen:
    """Return what a network that was trained on an image has seen."""
    return cut([image], DEEP.hold_one_in, seen={}).seen([image], {})


def pixels(pieces: Iterable[Piece]) -> set[tuple[int, ...]]:
    return {tuple(at) for p in pieces for at in p.coords.tolist()}


def test_what_was_seen_is_never_judged_by(image: Scribbled) -> None:
    """A stroke is removed, another comes, one is partly erased: folds move on."""
    assert unseen_folds(DEEP) == {0, 4}
    seen = seen_by(image)
    learned = [p for p in deal(image.scribbles, 4) if p.fold != 0]
    assert len(learned) == 4
    scribbles = image.scribbles.add(0, image.scribbles.strokes[0].coords)
    scribbles = scribbles.add(1, strip(20, LEFT)).add(0, [[28, k] for k in range(20)])
    now = image._replace(scribbles=scribbles)
    unseen = [p for p in dealt(now, DEEP, seen) if p.fold in unseen_folds(DEEP)]
    assert not pixels(unseen) & pixels(learned)
    assert pixels(unseen) == pixels(
        p for p in deal(now.scribbles, 8) if p.class_id == 2 and p.stroke_id == 4
    ) | set(map(tuple, strip(20, LEFT).tolist()))
    assert pixels(dealt(now, DEEP, seen)) == pixels(deal(now.scribbles, 8))


def test_every_image_has_its_own_pixels(image: Scribbled) -> None:
    other = ImageSource.from_array(three_textures(seed=1), axes="YXC", name="other")
    seen = seen_by(image)
    piece = deal(image.scribbles, 8)[1]
    assert touches(seen, image.source, piece)
    assert not touches(seen, other, piece)
    assert not touches(seen, image.source, replace(piece, plane=(1,)))


def test_colours_like_those_trained_on_are_taken(image: Scribbled) -> None:
    heads = Heads(network(), seen_by(image), DEEP, device=CPU)
    grey = ImageSource.from_array(three_textures()[..., 0], axes="YX")
    colour = ImageSource.from_array(three_textures(seed=1), axes="YXC")
    assert heads.takes([image._replace(source=colour)])
    assert not heads.takes([image._replace(source=grey)])
    assert InstantTrainer(INSTANT, device=CPU).takes([image._replace(source=grey)])


def test_spectra_are_taken_beside_known_ones_only() -> None:
    cube, other = (
        ImageSource.from_array(three_textures(20, seed=i), axes="YXC", rgb=False)
        for i in range(2)
    )
    known = Scribbled(cube, strokes())
    heads = Heads(network(), seen_by(known), DEEP, device=CPU)
    assert not heads.takes([known])
    model = drive(InstantTrainer(INSTANT, device=CPU).fit([known], ()))
    heads._stores[cube] = open_features(model, cube, device=CPU)
    assert heads.takes([known, Scribbled(other, strokes())])
    assert not heads.takes([Scribbled(other, strokes())])


def test_an_image_that_is_gone_is_not_kept() -> None:
    source = ImageSource.from_array(three_textures(), axes="YXC")
    seen = seen_by(Scribbled(source, strokes()))
    heads = Heads(network(), seen, DEEP, device=CPU)
    drive(heads.fit([Scribbled(source, strokes())], ()))
    gone = ref(source)
    heads.forget(source)
    del source, seen
    gc.collect()
    assert gone() is None


def test_what_is_unknown_is_the_filters_business(image: Scribbled) -> None:
    """A network that says nothing changes no score, and no promise."""
    heads = Heads(network(), seen_by(image), DEEP, device=CPU)
    found = applied(heads, image)
    plain = applied(InstantTrainer(INSTANT, device=CPU), image)
    np.testing.assert_allclose(found.score, plain.score, atol=2e-3)
    np.testing.assert_allclose(found.typicality, plain.typicality, atol=2e-3)
    assert not heads.is_used
    assert "there is nothing that a network could" in heads.verdict


@pytest.mark.parametrize("evidence", ["both", "network"])
def test_the_network_may_have_a_say(
    evidence: Literal["both", "network"], image: Scribbled
) -> None:
    heads = Heads(
        network(), seen_by(image), replace(DEEP, evidence=evidence), device=CPU
    )
    found = applied(heads, image)
    plain = applied(InstantTrainer(INSTANT, device=CPU), image)
    assert heads.is_used
    assert not np.allclose(found.score, plain.score, atol=0.1)


def test_only_unseen_strokes_promise_anything_for_a_network(image: Scribbled) -> None:
    heads = Heads(network(), seen_by(image), replace(DEEP, evidence="both"), device=CPU)
    model = drive(heads.fit([image], ()))
    assert model.calibration.n_strokes == 2
    model = drive(Heads(network(), seen_by(image), DEEP, device=CPU).fit([image], ()))
    assert model.calibration.n_strokes == 6


@pytest.fixture
def with_encoder(tmp_path: Path) -> DeepConfig:
    """Return settings with a pretrained encoder beside the network."""
    path = tmp_path / "weights.pth"
    torch.save(squeezenet(), path)
    return replace(DEEP, heads=replace(INSTANT, encoder=str(path)))


def test_an_encoder_and_a_network_together(
    image: Scribbled, with_encoder: DeepConfig
) -> None:
    """The encoder counts as without the network, which is of no use."""
    heads = Heads(network(), seen_by(image), with_encoder, device=CPU)
    found = applied(heads, image)
    plain = applied(InstantTrainer(with_encoder.heads, device=CPU), image)
    bare = applied(InstantTrainer(INSTANT, device=CPU), image)
    np.testing.assert_allclose(found.score, plain.score, atol=2e-3)
    assert not np.allclose(bare.score, plain.score, atol=0.1)


def test_a_model_file_holds_both(
    image: Scribbled, with_encoder: DeepConfig, tmp_path: Path
) -> None:
    config = replace(with_encoder, evidence="both")
    model = drive(Heads(network(), seen_by(image), config, device=CPU).fit([image], ()))
    save_model(tmp_path / "both.oodseg", model)
    again = load_model(tmp_path / "both.oodseg")
    assert engine_of(again) == "deep"
    assert again.descriptor.factors == model.descriptor.factors
    assert again.descriptor.factors[:2] == (1, 1), "filters"
    assert again.descriptor.factors[-3:] == (1, 2, 4), "the network"
    first, second = (
        predict(m, open_features(m, image.source, device=CPU)) for m in (model, again)
    )
    np.testing.assert_array_equal(first.score, second.score)
    np.testing.assert_array_equal(first.classes, second.classes)


def test_the_verdict_is_a_sentence_for_each_outcome() -> None:
    heads = Heads(network(), {}, DEEP, device=CPU)
    for filters, best, words in (
        (1.0, 1.0, "there is nothing that a network could tell"),
        (0.9, 0.9, "does not clearly tell your classes apart better than the filters"),
        (0.9, 0.95, "tells 95% of held-out pixels right, filters 90%"),
    ):
        heads._beside.accuracy = {0.0: Accuracy(filters), 0.5: Accuracy(best)}
        assert words in heads.verdict

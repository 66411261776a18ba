from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
import torch

from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import ScribbleError
from napari_ood_seg.core.inference.predict import open_features, predict
from napari_ood_seg.core.models.efficient import EfficientUNet
from napari_ood_seg.core.models.network import Network
from napari_ood_seg.core.models.unet import initialise
from napari_ood_seg.core.training.bundle import describe, load_model, save_model
from napari_ood_seg.core.training.deep import DeepTrainer
from napari_ood_seg.core.training.folds import deal
from napari_ood_seg.core.training.instant import Scribbled
from napari_ood_seg.core.training.steps import Training
from napari_ood_seg.core.types import UNKNOWN
from tests.contracts import networks
from tests.contracts.scenes import (
    CPU,
    LEFT,
    MIDDLE,
    RIGHT,
    drive,
    strokes,
    three_textures,
)

if TYPE_CHECKING:
    from pathlib import Path

    from napari_ood_seg.core.config import DeepConfig
    from napari_ood_seg.core.models.instant import InstantModel

SMALL = replace(
    networks.SMALL, steps=30, check_every=10, patience=6, seconds=60.0, evidence="both"
)


def images(*, seed: int = 0) -> list[Scribbled]:
    source = ImageSource.from_array(three_textures(seed=seed), axes="YXC", name="it")
    return [Scribbled(source, strokes())]


def trainer(
    config: DeepConfig = SMALL, *, checkpoint: Path | None = None
) -> DeepTrainer:
    return DeepTrainer(config, device=CPU, checkpoint=checkpoint)


def weights(model: InstantModel) -> dict[str, torch.Tensor]:
    network = model.descriptor.network
    assert isinstance(network, Network)
    return dict(network.weights)


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    assert [k for k in a if not torch.equal(a[k], b[k])] == []


# -------------------------------------------------------------------------- training


def test_classes_and_the_unknown() -> None:
    (image,) = images()
    model = drive(trainer(replace(SMALL, steps=60)).fit([image], ()))
    found = predict(model, open_features(model, image.source, device=CPU))
    labels = found.labels()
    assert (labels[LEFT] == 1).mean() > 0.95
    assert (labels[MIDDLE] == 2).mean() > 0.95
    assert (labels[RIGHT] == UNKNOWN).mean() > 0.95


def test_the_same_seed_gives_the_same_model() -> None:
    first, second = (weights(drive(trainer().fit(images(), ()))) for _ in range(2))
    assert_same(first, second)
    other = weights(drive(trainer(replace(SMALL, seed=1)).fit(images(), ())))
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_held_out_strokes_are_never_learned_from() -> None:
    """Painting nonsense on them changes nothing but the promise and the check."""
    (image,) = images()
    deep = trainer()
    training = deep.prepare([image]).training
    held = [p for p in deal(image.scribbles, 4) if p.fold == 0]
    assert {p.class_id for p in held} == set(image.scribbles.class_ids)
    learned = {
        tuple(at) for _, p in training._learned.pieces for at in p.coords.tolist()
    }
    assert not learned & {tuple(at) for p in held for at in p.coords.tolist()}
    batch = training._learned.draw(50, torch.Generator().manual_seed(0), augment=False)
    n_painted = sum(len(p.coords) for _, p in training._learned.pieces)
    assert int((batch.y >= 0).flatten(1).sum(1).max()) <= n_painted


def test_the_promise_is_made_on_held_out_strokes_alone() -> None:
    (image,) = images()
    deep = trainer()
    model = drive(deep.fit([image], ()))
    held = [p for p in deal(image.scribbles, 4) if p.fold == 0]
    assert model.calibration.n_strokes == len(held)


def test_one_stroke_of_a_class_is_not_held_out() -> None:
    image = images()[0]
    few = Scribbles(image.scribbles.shape).add(1, [[9, k] for k in range(9, 15)])
    model = drive(trainer().fit([Scribbled(image.source, few)], ()))
    assert model.calibration.n_strokes == 0
    assert [c.id for c in model.classes] == [1]


def test_nothing_painted() -> None:
    image = images()[0]
    bare = Scribbled(image.source, Scribbles(image.scribbles.shape))
    with pytest.raises(ScribbleError):
        drive(trainer().fit([bare], ()))


def test_spectra() -> None:
    source = ImageSource.from_array(three_textures(30), axes="YXC")
    model = drive(trainer().fit([Scribbled(source, strokes())], ()))
    assert model.n_channels == 30
    found = predict(model, open_features(model, source, device=CPU))
    assert (found.classes[LEFT] == 1).mean() > 0.95


# -------------------------------------------------------------------------- the model


def test_a_saved_model_predicts_the_same_bits(tmp_path: Path) -> None:
    (image,) = images()
    model = drive(trainer().fit([image], ()))
    assert describe(model)["engine"] == "deep"
    path = tmp_path / "deep.oodseg"
    save_model(path, model)
    again = load_model(path)
    assert_same(weights(model), weights(again))
    first, second = (
        predict(m, open_features(m, image.source, device=CPU)) for m in (model, again)
    )
    np.testing.assert_array_equal(first.score, second.score)
    np.testing.assert_array_equal(first.classes, second.classes)


def test_a_network_of_monai(tmp_path: Path) -> None:
    """Trained, saved, read and applied like our own."""
    (image,) = images()
    config = replace(
        SMALL, network="efficientnet-b0", patch=64, batch=2, steps=10, objective="nnpu"
    )
    model = drive(trainer(config).fit([image], ()))
    network = model.descriptor.network
    assert isinstance(network, Network)
    assert network.name == "U-Net with efficientnet-b0, 10 steps"
    assert model.descriptor.halo == network.halo
    path = tmp_path / "deep.oodseg"
    save_model(path, model)
    again = load_model(path)
    assert_same(weights(model), weights(again))
    first, second = (
        predict(m, open_features(m, image.source, device=CPU)) for m in (model, again)
    )
    np.testing.assert_array_equal(first.score, second.score)
    assert (first.classes[LEFT] == 1).mean() > 0.95
    assert (first.classes[MIDDLE] == 2).mean() > 0.95


def spectra() -> Scribbled:
    source = ImageSource.from_array(three_textures(30), axes="YXC", name="it")
    return Scribbled(source, strokes())


def test_a_spectral_network(tmp_path: Path) -> None:
    """Trained, saved, read and applied like the others; it goes on with a new class."""
    image = spectra()
    config = replace(SMALL, network="spectral")
    deep = trainer(config)
    model = drive(deep.fit([image], ()))
    network = model.descriptor.network
    assert isinstance(network, Network)
    assert network.name == "Spectral network, 30 steps"
    assert network.sizes == (8, 2, 8, 30)
    decoder = model.descriptor.channels.decoder
    assert torch.equal(network.weights["decoder"], decoder)
    path = tmp_path / "deep.oodseg"
    save_model(path, model)
    again = load_model(path)
    assert_same(weights(model), weights(again))
    first, second = (
        predict(m, open_features(m, image.source, device=CPU)) for m in (model, again)
    )
    np.testing.assert_array_equal(first.score, second.score)
    assert (first.classes[LEFT] == 1).mean() > 0.95
    assert (first.classes[MIDDLE] == 2).mean() > 0.95
    more = Scribbled(image.source, strokes(1, 2, 3))
    prepared = deep.prepare([more], start=deep.last)
    assert prepared.training.steps == SMALL.warm_steps
    assert prepared.training.net.sizes == (8, 3, 8, 30)


def test_a_spectral_network_is_shown_small_patches() -> None:
    """What is around a pixel would only take time."""
    config = replace(SMALL, network="spectral", patch=96)
    training = trainer(config).prepare([spectra()]).training
    assert tuple(training.size) == (4, 32)
    x = training._learned.draw(2, torch.Generator().manual_seed(0), augment=False).x
    assert x.shape == (2, 8, 32, 32)
    assert training._learned._size == 32


@pytest.mark.parametrize("network", ["small", "efficientnet-b0"])
def test_a_stem_is_for_spectra(network: Literal["small", "efficientnet-b0"]) -> None:
    config = replace(SMALL, network=network, patch=64)
    width = 8 if network == "small" else 0

    def sizes(of: Scribbled, config: DeepConfig = config) -> tuple[int, ...]:
        return trainer(config).prepare([of]).training.net.sizes

    assert sizes(spectra()) == (8, 2, width, 8)
    assert sizes(spectra(), replace(config, stem=False)) == (8, 2, width)
    assert sizes(images()[0]) == (3, 2, width)


def test_pretrained_weights_are_where_it_starts(tmp_path: Path) -> None:
    """Those of the encoder, turned to the axes of the colours."""
    donor = EfficientUNet(3, 5, "efficientnet-b0")
    initialise(donor, torch.Generator().manual_seed(7))
    path = tmp_path / "weights.pth"
    torch.save(donor.encoder.state_dict(), path)
    config = replace(SMALL, network="efficientnet-b0", patch=64, pretrained=str(path))
    deep = trainer(config)
    training = deep.prepare(images()).training
    found, wanted = training.net.state_dict(), donor.state_dict()
    stem = "encoder._conv_stem.weight"
    assert torch.equal(
        found["encoder._blocks.0.0._depthwise_conv.weight"],
        wanted["encoder._blocks.0.0._depthwise_conv.weight"],
    )
    basis = deep._channels(images()).basis
    undone = torch.einsum("onij,cn->ocij", found[stem], basis) / 3**0.5
    torch.testing.assert_close(undone, wanted[stem])


def test_another_image_is_predicted() -> None:
    model = drive(trainer(replace(SMALL, steps=60)).fit(images(), ()))
    other = ImageSource.from_array(three_textures(seed=5), axes="YXC")
    found = predict(model, open_features(model, other, device=CPU))
    assert (found.classes[LEFT] == 1).mean() > 0.9
    assert (found.classes[MIDDLE] == 2).mean() > 0.9


def test_the_model_remembers_that_memory_ran_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """For as long as a batch of four is too much."""
    learn = Training._learn

    def refuse(self: Training) -> float:
        if self.size.batch > 2:
            raise torch.OutOfMemoryError
        return learn(self)

    monkeypatch.setattr(Training, "_learn", refuse)
    model = drive(trainer().fit(images(), ()))
    assert model.remarks[0] == (
        "memory ran out: the network saw 2 patches of 32 pixels at a time"
    )

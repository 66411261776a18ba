from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

import numpy as np
import pytest
import torch

from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import OODSegError, ScribbleError
from napari_ood_seg.core.features.backbone import Backbone
from napari_ood_seg.core.features.channels import ColorMap
from napari_ood_seg.core.features.pretrained import load_pretrained
from napari_ood_seg.core.features.reading import read_region
from napari_ood_seg.core.inference.predict import open_features, predict
from napari_ood_seg.core.models.backbone import BackboneNet
from napari_ood_seg.core.models.efficient import EfficientUNet
from napari_ood_seg.core.models.network import Network, WindowedNetwork
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
    FINE,
    LEFT,
    MIDDLE,
    NM,
    RIGHT,
    cube_at,
    drive,
    strokes,
    three_textures,
)
from tests.core.features import backbones

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


def test_images_with_other_wavelengths_are_learnt_from_together() -> None:
    """The same strokes on the same spectra, by a camera with twice as many bands."""
    config = replace(SMALL, evidence="both")
    plain = cube_at(NM, "plain")
    alike, mixed = (
        drive(
            trainer(config).fit(
                [Scribbled(plain, strokes(1)), Scribbled(other, strokes(2))], ()
            )
        )
        for other in (cube_at(NM, "fine"), cube_at(FINE, "fine"))
    )
    assert mixed.facts["wavelengths"] == NM.tolist()
    said = "The 23 bands of 'fine' were resampled to the 12 wavelengths of the model."
    assert said in mixed.remarks
    assert said not in alike.remarks
    for source in (plain, cube_at(FINE)):
        a, b = (
            predict(m, open_features(m, source, device=CPU)) for m in (alike, mixed)
        )
        assert (a.classes == b.classes).mean() > 0.99
        np.testing.assert_allclose(a.typicality, b.typicality, atol=0.05)
        assert (b.labels()[LEFT] == 1).mean() > 0.9


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


# ------------------------------------------------------------------ pretrained encoders


def on(weights: Path | str) -> DeepConfig:
    """Return settings of a network on an encoder."""
    few = replace(SMALL, batch=2, steps=4, check_every=2)
    return replace(few, network="backbone", pretrained=str(weights))


@pytest.fixture
def on_convnext(tmp_path: Path) -> DeepConfig:
    backbones.save("convnext", tmp_path / "convnext")
    return on(tmp_path / "convnext")


def test_a_pretrained_encoder_is_where_it_starts(on_convnext: DeepConfig) -> None:
    """What it makes of the colours of a patch is what the frozen one does."""
    (image,) = images()
    deep = trainer(on_convnext)
    training = deep.prepare([image]).training
    net, frozen = training.net, load_pretrained(on_convnext.pretrained)
    assert isinstance(net, BackboneNet)
    assert isinstance(frozen, Backbone)
    x = read_region(image.source, (slice(0, 64), slice(0, 96)), plane=(), device=CPU)
    channels = deep._channels([image])
    colors = ColorMap.fit(deep._regions([image]))(x)
    seen = net.colors(channels(x)[None])
    torch.testing.assert_close(seen[0], colors, rtol=1e-4, atol=1e-4)
    with torch.no_grad():
        for a, b in zip(net.body(seen), frozen.encode(seen), strict=True):
            torch.testing.assert_close(a, b, atol=0, rtol=0)
    assert tuple(training.size) == (2, 224)
    rates = [group["lr"] for group in training._optimizer.param_groups]
    assert rates == pytest.approx([3e-3, 3e-4])


@pytest.mark.parametrize("rate", [0.1, 0.0])
def test_a_pretrained_encoder_is_trained_on_or_kept(
    on_convnext: DeepConfig, rate: float, tmp_path: Path
) -> None:
    """A model file holds all of it: it predicts the same without the folder."""
    (image,) = images()
    config = replace(on_convnext, encoder_rate=rate)
    first = trainer(config).prepare([image]).training.net.state_dict()
    model = drive(trainer(config).fit([image], ()))
    network = model.descriptor.network
    assert isinstance(network, WindowedNetwork)
    assert network.name == "Network on convnext, 4 steps"
    learned = dict(trainer(config).prepare([image]).training.net.named_parameters())
    for name in learned:
        same = torch.equal(first[name], network.weights[name])
        assert same == (rate == 0 and name.startswith("body.")), name
    path = tmp_path / "deep.oodseg"
    save_model(path, model)
    shutil.rmtree(config.pretrained)
    again = load_model(path)
    assert_same(weights(model), weights(again))
    a, b = (
        predict(m, open_features(m, image.source, device=CPU)) for m in (model, again)
    )
    np.testing.assert_array_equal(a.score, b.score)
    np.testing.assert_array_equal(a.classes, b.classes)


def test_a_pretrained_encoder_sees_spectra(on_convnext: DeepConfig) -> None:
    model = drive(trainer(on_convnext).fit([spectra()], ()))
    network = model.descriptor.network
    assert isinstance(network, Network)
    assert network.sizes == (8, 2, 8)
    assert model.remarks[0] == (
        "The network's encoder sees the first three principal components of 30 "
        "channels."
    )


def test_its_training_goes_on_where_it_was(
    on_convnext: DeepConfig, tmp_path: Path
) -> None:
    """From a checkpoint, and after more strokes."""
    (image,) = images()
    whole = trainer(on_convnext).prepare([image]).training
    drive(whole.run())
    kept = tmp_path / "kept.pt"
    drive(trainer(replace(on_convnext, steps=2)).prepare([image]).training.run(kept))
    resumed = trainer(on_convnext).prepare([image]).training
    drive(resumed.run(kept))
    assert resumed.step == 4
    assert_same(whole.net.state_dict(), resumed.net.state_dict())
    deep = trainer(on_convnext)
    drive(deep.fit_network([image]))
    more = Scribbled(image.source, strokes(1, 2, 3))
    prepared = deep.prepare([more], start=deep.last)
    assert prepared.training.net.sizes == (3, 3, 8)
    assert deep.last is not None
    now, before = prepared.training.net.state_dict(), deep.last.network.weights
    body = [k for k in before if k.startswith("body.")]
    assert body
    assert all(torch.equal(now[k], before[k]) for k in body)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nobody/nothing", "is not on this machine: download it"),
        ("no/such/folder", "there are no weights"),
    ],
)
def test_missing_weights_are_told_in_one_sentence(name: str, words: str) -> None:
    with pytest.raises(OODSegError, match=words) as caught:
        drive(trainer(on(name)).fit(images(), ()))
    assert "\n" not in str(caught.value)


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

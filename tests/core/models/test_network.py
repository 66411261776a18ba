from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import torch

from napari_ood_seg.core.config import NETWORKS
from napari_ood_seg.core.interrupt import Interrupted, asking
from napari_ood_seg.core.models.network import Network, build
from napari_ood_seg.core.models.spectral import SpectralNet
from napari_ood_seg.core.models.unet import initialise
from tests.contracts.networks import KINDS, Kind
from tests.core.models.test_unet import N_CLASSES, N_IN, WIDTH, image, network

if TYPE_CHECKING:
    from napari_ood_seg.core.models.staged import StagedNet


@pytest.fixture(params=list(KINDS.values()), ids=list(KINDS))
def kind(request: pytest.FixtureRequest) -> Kind:
    found: Kind = request.param
    return found


def made(kind: Kind, *, n_in: int = N_IN, n_classes: int = N_CLASSES) -> StagedNet:
    """Return a network with random weights, and statistics that are not 0 and 1."""
    generator = torch.Generator().manual_seed(0)
    net = kind.build(n_in, n_classes)
    initialise(net, generator)
    if isinstance(net, SpectralNet):
        net.adopt(torch.randn(net.decoder.shape, generator=generator))
    with torch.no_grad():
        net.train()(torch.randn(2, n_in, 64, 64, generator=generator) + 0.5)
    return net.eval()


def test_each_has_a_kind_here() -> None:
    assert {k.architecture for k in KINDS.values()} == set(NETWORKS[:4])


def test_training_on_does_not_change_a_frozen_copy(kind: Kind) -> None:
    own = made(kind)
    net, x = Network.of(own, name="copy"), image(32, 32)
    before = net(x)
    with torch.no_grad():
        for tensor in own.state_dict().values():
            tensor += 1
    for a, b in zip(before, net(x), strict=True):
        assert torch.equal(a, b)


def test_it_can_be_stopped_within_an_image(kind: Kind) -> None:
    net, asked = Network.of(made(kind), name="asks"), []

    def stopped() -> bool:
        asked.append(True)
        return len(asked) > 3

    with asking(stopped), pytest.raises(Interrupted):
        net(image(32, 32))
    assert len(asked) == 4


def test_restored_from_a_file_it_is_the_same(kind: Kind) -> None:
    net, x = Network.of(made(kind), name="random"), image(40, 24)
    again = Network.restored(net.facts, net.weights)
    assert again.name == "random"
    assert (again.sizes, again.architecture) == (net.sizes, kind.architecture)
    assert (again.factors, again.halo) == (net.factors, net.halo)
    for a, b in zip(net(x), again(x), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("other", [(N_IN + 1, N_CLASSES), (N_IN, N_CLASSES + 1)])
def test_weights_of_other_shapes_are_refused(
    kind: Kind, other: tuple[int, int]
) -> None:
    net = Network.of(made(kind), name="x")
    facts = {**net.facts, "sizes": kind.sizes(*other)}
    with pytest.raises(ValueError, match="do not fit"):
        Network.restored(facts, net.weights)


def test_files_of_before_name_no_architecture() -> None:
    net, x = network(), image(16, 16)
    facts = {"name": "old", "sizes": [N_IN, N_CLASSES, WIDTH]}
    again = Network.restored(facts, net.weights)
    assert again.architecture == "small"
    assert again.halo == net.halo
    for a, b in zip(net(x), again(x), strict=True):
        assert torch.equal(a, b)


def test_built_by_name_it_describes_itself(kind: Kind) -> None:
    net = made(kind, n_in=5, n_classes=3)
    assert (net.architecture, net.sizes) == (kind.architecture, kind.sizes(5, 3))
    assert net.halo % net.stride == 0
    assert max(net.factors) <= net.stride
    with torch.inference_mode():
        x = torch.randn(1, 5, 64, 96, generator=torch.Generator().manual_seed(1))
        stages, logits = net.stages(x), net(x)
    assert logits.shape == (1, 3, 64, 96)
    assert [z.shape[2:] for z in stages] == [(64 // f, 96 // f) for f in net.factors]


def test_any_size_has_a_value_for_each_block(kind: Kind) -> None:
    net = Network.of(made(kind), name="it")
    for z, f in zip(net(image(33, 47)), net.factors, strict=True):
        assert z.shape[1:] == (-(-33 // f), -(-47 // f))
        assert torch.isfinite(z).all()


def test_every_weight_is_learned(kind: Kind) -> None:
    net = made(kind).train()
    logits = net(image(64, 64)[None])
    torch.nn.functional.cross_entropy(
        logits, torch.zeros(1, 64, 64, dtype=torch.long)
    ).backward()
    learned = [(n, p) for n, p in net.named_parameters() if p.requires_grad]
    without = [n for n, p in learned if p.grad is None]
    assert without == []


@pytest.mark.parametrize("architecture", ["small", "efficientnet-b0"])
def test_without_a_stem_all_is_as_it_was(architecture: str) -> None:
    """Neither tensors of files nor the numbers that are drawn know of stems."""
    kind = KINDS[architecture]
    net = build(architecture, kind.sizes())
    assert not [k for k in net.state_dict() if k.startswith("stem")]
    assert len(net.sizes) == 3
    stemmed = build(architecture, (*kind.sizes(), 6))
    assert [k for k in stemmed.state_dict() if not k.startswith("stem")] == list(
        net.state_dict()
    )

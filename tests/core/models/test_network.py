from __future__ import annotations

import pytest
import torch

from napari_ood_seg.core.config import NETWORKS
from napari_ood_seg.core.models.network import Network, build
from napari_ood_seg.core.models.unet import UNet, initialise
from tests.core.models.test_unet import N_CLASSES, N_IN, WIDTH, image, network


def test_training_on_does_not_change_a_frozen_copy() -> None:
    unet = UNet(N_IN, N_CLASSES, WIDTH).eval()
    net, x = Network.of(unet, name="copy"), image(16, 16)
    before = net(x)
    with torch.no_grad():
        for weight in unet.parameters():
            weight.add_(1.0)
    for a, b in zip(before, net(x), strict=True):
        assert torch.equal(a, b)


def test_restored_from_a_file_it_is_the_same() -> None:
    net, x = network(), image(24, 24)
    again = Network.restored(net.facts, net.weights)
    assert again.name == "random"
    for a, b in zip(net(x), again(x), strict=True):
        assert torch.equal(a, b)


def test_weights_of_other_shapes_are_refused() -> None:
    net = network()
    with pytest.raises(ValueError, match="do not fit"):
        Network.restored({"name": "x", "sizes": [N_IN, N_CLASSES, 16]}, net.weights)


def test_files_of_before_name_no_architecture() -> None:
    net, x = network(), image(16, 16)
    facts = {"name": "old", "sizes": [N_IN, N_CLASSES, WIDTH]}
    again = Network.restored(facts, net.weights)
    assert again.architecture == "small"
    assert again.halo == net.halo
    for a, b in zip(net(x), again(x), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("architecture", NETWORKS[:2])
def test_built_by_name_it_describes_itself(architecture: str) -> None:
    net = build(architecture, (5, 3, 8))
    assert (net.architecture, net.sizes[:2]) == (architecture, (5, 3))
    assert net.halo % net.stride == 0
    initialise(net, torch.Generator().manual_seed(0))
    with torch.inference_mode():
        x = torch.randn(1, 5, 64, 96, generator=torch.Generator().manual_seed(1))
        stages, logits = net.eval().stages(x), net(x)
    assert logits.shape == (1, 3, 64, 96)
    assert [z.shape[2:] for z in stages] == [(64 // f, 96 // f) for f in net.factors]

from __future__ import annotations

import pytest
import torch

from napari_ood_seg.core.models.network import Network
from napari_ood_seg.core.models.unet import UNet, initialise

N_IN, N_CLASSES, WIDTH = 3, 2, 8


def network(*, seed: int = 0) -> Network:
    """Return a network with random weights, and statistics that are not 0 and 1."""
    generator = torch.Generator().manual_seed(seed)
    unet = UNet(N_IN, N_CLASSES, WIDTH)
    initialise(unet, generator)
    unet.train()
    for _ in range(3):
        unet(torch.randn(2, N_IN, 32, 32, generator=generator) + 0.5)
    return Network.of(unet.eval(), name="random")


def image(height: int, width: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.rand(N_IN, height, width, generator=generator)


@pytest.mark.parametrize(("height", "width"), [(32, 40), (33, 47), (9, 70)])
def test_a_stage_has_a_value_for_each_block(height: int, width: int) -> None:
    net = network()
    stages = net(image(height, width))
    assert net.factors == (1, 2, 4)
    for z, factor, n in zip(
        stages, net.factors, (WIDTH, 2 * WIDTH, 4 * WIDTH), strict=True
    ):
        assert z.shape == (n, -(-height // factor), -(-width // factor))
        assert torch.isfinite(z).all()


def test_beyond_the_halo_nothing_matters() -> None:
    """The middle of a crop with a halo around it is the middle of the whole."""
    net, x = network(), image(256, 256)
    halo = net.halo
    assert halo % 8 == 0
    low, high = 96, 136
    crop = x[:, low - halo : high + halo, low - halo : high + halo]
    for whole, part, f in zip(net(x), net(crop), net.factors, strict=True):
        wanted = whole[:, low // f : high // f, low // f : high // f]
        found = part[:, halo // f : (halo + high - low) // f]
        found = found[:, :, halo // f : (halo + high - low) // f]
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-4)


def test_the_halo_is_no_larger_than_it_must_be() -> None:
    net = network()
    x = image(256, 256)
    changed = x.clone()
    changed[:, :, : 128 - net.halo + 16] += 1.0
    assert any(
        not torch.equal(a[:, :, 128 // f], b[:, :, 128 // f])
        for a, b, f in zip(net(x), net(changed), net.factors, strict=True)
    )


def test_a_stage_is_centred_on_its_blocks() -> None:
    """Mirroring the image mirrors the stages of a network with symmetric kernels."""
    unet = UNet(N_IN, N_CLASSES, WIDTH)
    initialise(unet, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for name, weight in unet.named_parameters():
            if weight.ndim == 4:
                weight.copy_((weight + weight.flip(3)) / 2)
            assert name
    net, x = Network.of(unet.eval(), name="symmetric"), image(64, 64)
    for z, mirrored in zip(net(x), net(x.flip(2)), strict=True):
        torch.testing.assert_close(mirrored.flip(2), z, atol=1e-5, rtol=1e-4)


def test_logits_are_the_head_of_the_finest_stage() -> None:
    unet = UNet(N_IN, N_CLASSES, WIDTH).eval()
    x = image(32, 32)[None]
    expected = torch.einsum(
        "kc,bchw->bkhw", unet.head.weight[:, :, 0, 0], unet.stages(x)[0]
    )
    expected += unet.state_dict()["head.bias"].view(1, -1, 1, 1)
    torch.testing.assert_close(unet(x), expected, atol=1e-5, rtol=1e-4)


def test_the_same_seed_gives_the_same_weights() -> None:
    first, second, other = (network(seed=s).weights for s in (0, 0, 1))
    assert all(torch.equal(first[k], second[k]) for k in first)
    assert not torch.equal(first["down.0.0.weight"], other["down.0.0.weight"])


def test_weights_have_the_spread_of_he() -> None:
    unet = UNet(16, N_CLASSES, 32)
    initialise(unet, torch.Generator().manual_seed(0))
    weight = unet.state_dict()["down.1.3.weight"]
    fan_in = weight.shape[1] * 9
    assert float(weight.std()) == pytest.approx((2 / fan_in) ** 0.5, rel=0.02)

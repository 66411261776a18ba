from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import pytest
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

from napari_ood_seg.core.errors import DependencyError, FileFormatError
from napari_ood_seg.core.models.efficient import (
    EfficientUNet,
    Squeeze,
    adapt_stem,
    load_pretrained,
)
from napari_ood_seg.core.models.network import Network
from napari_ood_seg.core.models.unet import initialise

if TYPE_CHECKING:
    from pathlib import Path

B0 = "efficientnet-b0"


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def smooth(height: int, width: int, *, channels: int = 3) -> torch.Tensor:
    """Return `(channels, h, w)` noise with structure of several pixels."""
    noise = torch.randn(channels, height, width, generator=generator(1))
    return 5 * F.avg_pool2d(noise[None], 9, 1, 4)[0] + 0.3 * noise


@pytest.fixture(scope="module")
def net() -> EfficientUNet:
    """A network with random weights, and statistics of images."""
    made = EfficientUNet(3, 2, B0)
    initialise(made, generator())
    made.train()
    with torch.no_grad():
        for i in range(10):
            made(torch.stack([smooth(64, 64).roll(i, 1), smooth(64, 64).roll(i, 2)]))
    return made.eval()


def test_a_stage_has_a_value_for_each_block(net: EfficientUNet) -> None:
    stages = Network.of(net, name="it")(smooth(70, 101))
    assert [tuple(z.shape) for z in stages] == [
        (c, -(-70 // f), -(-101 // f))
        for c, f in ((32, 2), (64, 4), (128, 8), (256, 16))
    ]
    assert all(torch.isfinite(z).all() for z in stages)


def test_monai_decodes_the_same(net: EfficientUNet) -> None:
    """Its own forward pass, with the parts that were replaced, as the reference."""
    from monai.networks.nets.flexible_unet import FlexibleUNet

    theirs = FlexibleUNet(3, 2, B0)
    theirs.encoder, theirs.decoder = net.encoder, net.decoder
    theirs.segmentation_head = net.head
    x = smooth(64, 96)[None]
    with torch.inference_mode():
        torch.testing.assert_close(net(x), theirs.eval()(x))


def test_beyond_the_halo_next_to_nothing_matters(net: EfficientUNet) -> None:
    """At worst a hundredth of the spread of a stage, as its docstring says."""
    frozen, x = Network.of(net, name="it"), smooth(768, 768)
    low, high = 352, 416
    crop = x[:, low - net.halo : high + net.halo, low - net.halo : high + net.halo]
    for whole, part, f in zip(frozen(x), frozen(crop), net.factors, strict=True):
        a = whole[:, low // f : high // f, low // f : high // f]
        inner = slice(net.halo // f, (net.halo + high - low) // f)
        spread = whole.std((1, 2), keepdim=True).clamp_min(1e-6)  # some are dead
        assert float(((part[:, inner, inner] - a) / spread).abs().max()) < 0.01


def test_a_flat_image_stays_flat(net: EfficientUNet) -> None:
    """Borders are repeated: zeros around the image would show."""
    x = torch.tensor([0.3, -0.5, 1.0]).view(3, 1, 1).expand(3, 96, 96).contiguous()
    for z in Network.of(net, name="it")(x):
        torch.testing.assert_close(z, z[:, :1, :1].expand_as(z), atol=1e-4, rtol=1e-4)


def test_an_image_does_not_depend_on_its_neighbours(net: EfficientUNet) -> None:
    """Once trained, squeezing looks at no image."""
    a, b = smooth(64, 64), smooth(64, 64).flip(1)
    with torch.inference_mode():
        torch.testing.assert_close(
            net(torch.stack([a, b]))[0], net(a[None])[0], atol=1e-5, rtol=1e-4
        )


def test_squeeze_is_a_running_mean_of_batches() -> None:
    squeeze = Squeeze(2)
    first, second = (torch.randn(3, 2, 4, 5, generator=generator(s)) for s in (0, 1))
    torch.testing.assert_close(squeeze(first), first.mean((0, 2, 3)).view(1, 2, 1, 1))
    squeeze(second)
    expected = 0.9 * 0.1 * first.mean((0, 2, 3)) + 0.1 * second.mean((0, 2, 3))
    torch.testing.assert_close(squeeze.eval()(first).flatten(), expected)


def test_training_draws_nothing_of_its_own() -> None:
    made = EfficientUNet(3, 2, B0)
    initialise(made, generator())
    x = smooth(64, 64)[None]
    torch.testing.assert_close(made.train()(x), made(x), atol=0, rtol=0)


def test_making_one_leaves_the_random_state_of_others_alone() -> None:
    before = torch.random.get_rng_state()
    EfficientUNet(3, 2, B0)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_every_parameter_is_trained() -> None:
    """One that gets no gradient would stop several processes from training."""
    made = EfficientUNet(4, 2, B0)
    initialise(made, generator())
    made(smooth(64, 64, channels=4)[None]).square().mean().backward()
    assert [k for k, p in made.named_parameters() if p.grad is None] == []


def test_without_monai_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "monai.networks.nets.flexible_unet", None)
    with pytest.raises(DependencyError, match=r'pip install "napari-ood-seg\[deep\]"'):
        EfficientUNet(3, 2, B0)


# ---------------------------------------------------------------- pretrained weights


@pytest.fixture(params=["monai", "encoder", "flat"])
def weights(request: pytest.FixtureRequest, net: EfficientUNet, tmp_path: Path) -> Path:
    """Return weights of the encoder with the names that other packages give them."""
    state = {k: v for k, v in net.encoder.state_dict().items() if "adaptpool" not in k}
    if request.param == "encoder":
        state = {f"encoder.{k}": v for k, v in net.state_dict().items()}
        state = {k.replace("encoder.encoder", "encoder"): v for k, v in state.items()}
    elif request.param == "flat":
        state = {re.sub(r"(_blocks)\.\d+", r"\1", k): v for k, v in state.items()}
        state["_fc.weight"] = torch.zeros(1000, 1280)
    path = tmp_path / "weights.pth"
    torch.save(state, path)
    return path


def test_weights_of_other_packages(net: EfficientUNet, weights: Path) -> None:
    made = EfficientUNet(3, 4, B0)
    load_pretrained(made, weights, basis=torch.eye(3))
    own = net.encoder.state_dict()
    found = made.encoder.state_dict()
    for name in own:
        if name == "_conv_stem.weight":
            torch.testing.assert_close(found[name], own[name] * 3**0.5)
        elif "adaptpool" not in name:
            assert torch.equal(found[name], own[name]), name


def test_the_first_layer_sees_turned_colours_as_colours() -> None:
    """With orthonormal axes: what it answers to colours of spread 1."""
    weight = torch.randn(4, 3, 3, 3, generator=generator())
    basis, _ = torch.linalg.qr(torch.randn(3, 3, generator=generator(1)))
    colours = smooth(16, 16)
    shown = torch.einsum("cn,chw->nhw", basis, colours) / 3**0.5
    turned = adapt_stem(weight, torch.zeros(4, 3, 3, 3), basis)
    torch.testing.assert_close(
        F.conv2d(shown[None], turned), F.conv2d(colours[None], weight)
    )


def test_grey_in_many_channels_is_grey() -> None:
    """The same image in all of seven channels: the answer to grey colours."""
    weight = torch.randn(4, 3, 3, 3, generator=generator())
    grey = smooth(16, 16, channels=1)
    adapted = adapt_stem(weight, torch.zeros(4, 7, 3, 3), None)
    torch.testing.assert_close(
        F.conv2d(grey.expand(1, 7, -1, -1), adapted),
        F.conv2d(grey.expand(1, 3, -1, -1), weight),
    )


def test_weights_of_another_size_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "b2.pth"
    torch.save(EfficientUNet(3, 2, "efficientnet-b2").encoder.state_dict(), path)
    with pytest.raises(FileFormatError, match="not those of efficientnet-b0: "):
        load_pretrained(EfficientUNet(3, 2, B0), path)

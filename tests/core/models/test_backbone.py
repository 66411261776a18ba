from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from napari_ood_seg.core.config import FilterConfig
from napari_ood_seg.core.config.deep import WINDOW
from napari_ood_seg.core.features.backbone_files import load_backbone
from napari_ood_seg.core.features.channels import ColorMap, fit_channels
from napari_ood_seg.core.features.stages import PlacedEncoder
from napari_ood_seg.core.features.trainable import facts_of
from napari_ood_seg.core.models.backbone import BackboneNet, mixing
from napari_ood_seg.core.models.network import Network, WindowedNetwork
from napari_ood_seg.core.models.unet import initialise
from tests.core.features import backbones

if TYPE_CHECKING:
    from pathlib import Path

    from napari_ood_seg.core.features.backbone import Backbone


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def image(n_channels: int = 3, height: int = 96, width: int = 96) -> torch.Tensor:
    return torch.rand(n_channels, height, width, generator=generator())


def network(encoder: Backbone, *, n_in: int = 3, n_classes: int = 2) -> BackboneNet:
    """Return one with pretrained weights below and random ones above."""
    made = BackboneNet(n_in, n_classes, 8, facts_of(encoder))
    initialise(made, generator())
    made.body.adopt(encoder.weights)
    made.teach(encoder=True)
    with torch.no_grad():
        made.train()(torch.rand(2, n_in, WINDOW, WINDOW, generator=generator()))
    return made.eval()


@pytest.fixture(scope="module", params=list(backbones.MAKERS))
def encoder(request: pytest.FixtureRequest, tmp_path_factory: Any) -> Backbone:
    folder = tmp_path_factory.mktemp(request.param)
    backbones.save(request.param, folder)
    return load_backbone(folder, name=request.param)


@pytest.fixture
def convnext(tmp_path: Path) -> Backbone:
    backbones.save("convnext", tmp_path)
    return load_backbone(tmp_path, name="convnext")


# ----------------------------------------------------------------------- what it sees


@pytest.mark.parametrize("adapt", [False, True])
@pytest.mark.parametrize("n", [1, 2, 3, 5, 8])
def test_colours_are_those_that_a_frozen_encoder_sees(n: int, adapt: bool) -> None:
    x = image(n)
    config = FilterConfig(max_components=8)
    channels, colors = fit_channels(config, [x]), ColorMap.fit([x], adapt=adapt)
    mix, shift = mixing(channels, colors)
    made = torch.einsum("kc,chw->khw", mix, channels(x)) + shift[:, None, None]
    expected = torch.einsum("ck,chw->khw", colors.basis, x)
    expected = (expected - colors.low) / (colors.high - colors.low)
    torch.testing.assert_close(made, expected, rtol=1e-4, atol=1e-4)


def test_spectra_are_shown_by_their_first_components() -> None:
    x = image(30)
    channels = fit_channels(FilterConfig(), [x])
    colors = ColorMap.fit([channels(x)])
    assert channels.light is not None
    mix, shift = mixing(channels, colors)
    seen = torch.einsum("kc,chw->khw", mix, channels(x)) + shift[:, None, None]
    torch.testing.assert_close(
        seen.clamp(-0.5, 1.5), colors(channels(x)), rtol=1e-4, atol=1e-4
    )


def test_the_encoder_gets_those_colours(convnext: Backbone) -> None:
    made = network(convnext, n_in=4)
    made.adopt(torch.full((3, 4), 0.1), torch.tensor([0.0, 0.2, 5.0]))
    x = image(4)
    expected = 0.1 * x.sum(0) + torch.tensor([0.0, 0.2, 5.0])[:, None, None]
    torch.testing.assert_close(made.colors(x[None])[0], expected.clamp(-0.5, 1.5))
    stages = made.body(made.colors(x[None]))
    assert [z.shape[1] for z in stages] == [8, 8, 12, 16]


# ---------------------------------------------------------------------- what it learns


def step(made: BackboneNet, encoder_rate: float) -> dict[str, float]:
    """Return how far each weight is moved by one step at a rate of 0.01."""
    before = {k: v.detach().clone() for k, v in made.named_parameters()}
    optimizer = torch.optim.AdamW(made.groups(0.01, encoder_rate), weight_decay=0.0)
    x = torch.rand(2, 3, WINDOW, WINDOW, generator=generator(1))
    optimizer.zero_grad()
    made.train()(x).square().mean().backward()
    optimizer.step()
    return {
        k: float((v.detach() - before[k]).abs().max())
        for k, v in made.named_parameters()
    }


def test_the_encoder_learns_at_its_own_rate(convnext: Backbone) -> None:
    """Adam's first step is as long as the rate, wherever there is a gradient."""
    moved = step(network(convnext), 0.1)
    body = [v for k, v in moved.items() if k.startswith("body.")]
    assert max(v for k, v in moved.items() if "body" not in k) == pytest.approx(1e-2)
    assert max(body) == pytest.approx(1e-3, rel=1e-3)
    assert sum(v > 5e-4 for v in body) > 0.9 * len(body)


def test_an_encoder_that_is_kept_stays(convnext: Backbone) -> None:
    made = network(convnext)
    made.teach(encoder=False)
    moved = step(made, 0.0)
    assert {v for k, v in moved.items() if k.startswith("body.")} == {0.0}
    assert min(v for k, v in moved.items() if not k.startswith("body.")) > 0


# --------------------------------------------------------------------- whole and tiles


def test_tiles_equal_the_whole(encoder: Backbone) -> None:
    """Up to the rounding of convolutions of another batch size."""
    frozen = Network.of(network(encoder), name="it")
    assert isinstance(frozen, WindowedNetwork)
    assert isinstance(frozen, PlacedEncoder)
    x = image(3, 320, 288)
    whole = frozen(x)
    top, left, size = 64, 128, 96
    first = max(0, top - frozen.halo), max(0, left - frozen.halo)
    region = x[:, first[0] : top + size + frozen.halo, first[1] :]
    spans = [(a - b, a - b + size) for a, b in zip((top, left), first, strict=True)]
    part = frozen.placed(region, origin=first, spans=spans)
    for a, b, f in zip(whole, part, frozen.factors, strict=True):
        inside = a[:, top // f : (top + size) // f, left // f : (left + size) // f]
        spread = float(a.std())
        assert spread > 1e-3
        torch.testing.assert_close(b, inside, rtol=0, atol=1e-4 * max(1.0, spread))


def test_stages_lie_on_the_grid_of_tiles(encoder: Backbone) -> None:
    made = network(encoder)
    plain = encoder.name.startswith(("dino", "vit"))
    assert made.factors == ((16, 16) if plain else (4, 8, 16))
    assert made.stride == (WINDOW if plain else 32), "smaller patches, if memory is out"
    stages = Network.of(made, name="it")(image(3, 70, 101))
    assert [tuple(z.shape) for z in stages] == [
        (8, -(-70 // f), -(-101 // f)) for f in made.factors
    ]


def test_a_model_file_tells_of_the_encoder(encoder: Backbone) -> None:
    frozen = Network.of(network(encoder), name="it")
    again = Network.restored(frozen.facts, frozen.weights)
    x = image(3, 64, 64)
    for a, b in zip(frozen(x), again(x), strict=True):
        assert torch.equal(a, b)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import torch

from napari_ood_seg.core.config.deep import WINDOW
from napari_ood_seg.core.features.backbone_files import load_backbone
from napari_ood_seg.core.features.encoder import Encoder
from napari_ood_seg.core.features.trainable import body_of, facts_of
from tests.core.features import backbones
from tests.core.features.test_backbone import normed_maps

if TYPE_CHECKING:
    from napari_ood_seg.core.features.trainable import Body


def colours(n: int = WINDOW, *, seed: int = 0) -> torch.Tensor:
    return torch.rand(1, 3, n, n, generator=torch.Generator().manual_seed(seed))


def body(encoder: Any) -> Body:
    made = body_of(facts_of(encoder))
    made.adopt(encoder.weights)
    return made


@pytest.fixture(scope="module", params=list(backbones.MAKERS))
def both(request: pytest.FixtureRequest, tmp_path_factory: Any) -> tuple[Body, Any]:
    """Ours and the one it was saved from."""
    folder = tmp_path_factory.mktemp(request.param)
    module = backbones.save(request.param, folder)
    return body(load_backbone(folder, name=request.param)), module


def vgg() -> Encoder:
    generator = torch.Generator().manual_seed(0)
    shapes = {"0": (6, 3), "2": (6, 6), "5": (8, 6), "7": (8, 8)}
    weights = {}
    for name, shape in shapes.items():
        weights[f"{name}.weight"] = torch.randn(*shape, 3, 3, generator=generator)
        weights[f"{name}.bias"] = torch.randn(shape[0], generator=generator)
    return Encoder.from_weights(weights, name="vgg")


def test_before_training_it_is_what_transformers_gives(both: tuple[Body, Any]) -> None:
    own, module = both
    x = colours()
    with torch.no_grad():
        theirs, ours = normed_maps(module, x[0]), own(x)
    assert len(ours) == len(theirs)
    for mine, expected in zip(ours, theirs, strict=True):
        assert float(expected.std()) > 1e-3
        torch.testing.assert_close(mine[0], expected, rtol=1e-4, atol=1e-4)


def test_gradients_reach_all_that_is_used(both: tuple[Body, Any]) -> None:
    own, _ = both
    unused = {id(p) for p in own.unused()}
    assert not any(p.requires_grad for p in own.parameters()), "as they were"
    own.requires_grad_(requires_grad=True)
    torch.stack([z.square().mean() for z in own(colours())]).sum().backward()
    for name, parameter in own.named_parameters():
        assert (parameter.grad is None) == (id(parameter) in unused), name
    assert sum(p.grad is not None for p in own.parameters()) > len(unused)
    own.requires_grad_(requires_grad=False)


def test_training_drops_nothing_and_draws_nothing() -> None:
    from transformers import ConvNextConfig, ConvNextModel

    config = ConvNextConfig(**backbones.FOUR, drop_path_rate=0.9)
    facts = {
        "name": "dropping",
        "config": ConvNextModel(config).config.to_dict(),
        "mean": [0.5] * 3,
        "std": [0.2] * 3,
        "hub": None,
    }
    before = torch.random.get_rng_state()
    own = body_of(facts).train()
    x = colours(64)
    with torch.no_grad():
        pairs = zip(own(x), own(x), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_weights_of_a_file() -> None:
    encoder = vgg()
    own = body(encoder)
    assert own.factors == encoder.factors == (1, 2)
    x = torch.cat([colours(32), colours(32, seed=1)])
    for i, image in enumerate(x):
        for mine, frozen in zip(own(x), encoder(image), strict=True):
            torch.testing.assert_close(mine[i], frozen)
    own(x)[-1].square().mean().backward()
    assert all(p.grad is not None and p.grad.any() for p in own.parameters())


def test_others_cannot_be_trained() -> None:
    class Other:
        name = "other"

    with pytest.raises(TypeError, match="other cannot be trained"):
        facts_of(Other())  # type: ignore[arg-type]

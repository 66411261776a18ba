from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from napari_ood_seg.core.features.backbone_files import load_backbone
from napari_ood_seg.core.features.stages import PlacedEncoder
from tests.core.features import backbones

if TYPE_CHECKING:
    from napari_ood_seg.core.features.backbone import Backbone

MEAN = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
STD = torch.tensor([0.229, 0.224, 0.225])[:, None, None]


@pytest.fixture(scope="module", params=list(backbones.MAKERS))
def both(request: pytest.FixtureRequest, tmp_path_factory: Any) -> tuple[Backbone, Any]:
    """Ours and the one it was saved from."""
    folder = tmp_path_factory.mktemp(request.param)
    module = backbones.save(request.param, folder)
    return load_backbone(folder, name=request.param), module


def own_maps(module: Any, window: torch.Tensor) -> list[torch.Tensor]:
    """What transformers itself gives, by its plain models."""
    x = ((window - MEAN) / STD)[None]
    classifier = type(module).__name__.endswith("ImageClassification")
    base = getattr(module, module.base_model_prefix) if classifier else module
    if base.config.model_type == "dinov2" and base.config.patch_size == 14:
        x = F.interpolate(x, (196, 196), mode="bilinear", antialias=True)
    found = base(pixel_values=x, output_hidden_states=True)
    if base.config.model_type in ("segformer", "convnext", "convnextv2"):
        return [z[0] for z in found.hidden_states[-4:]]
    if base.config.model_type == "swin":  # stages before they are made smaller
        found = base.encoder(
            base.embeddings(x)[0],
            (56, 56),
            output_hidden_states=True,
            output_hidden_states_before_downsampling=True,
        )
        return [z[0] for z in found.reshaped_hidden_states[1:]]
    norm = base.norm if hasattr(base, "norm") else base.layernorm
    middle, last = found.hidden_states[3], found.hidden_states[6]
    if base.config.model_type == "vit":
        last = norm(last)
    else:
        middle, last = norm(middle), norm(last)
    return [z[0, -196:].T.reshape(16, 14, 14) for z in (middle, last)]


def normed_maps(module: Any, window: torch.Tensor) -> list[torch.Tensor]:
    """The same, with the norm that backbones add, which is 1 here."""
    maps, kind = own_maps(module, window), module.config.model_type
    if kind not in ("swin", "convnext", "convnextv2"):
        return maps
    eps = 1e-5 if kind == "swin" else 1e-6
    return [
        F.layer_norm(z.movedim(0, -1), z.shape[:1], eps=eps).movedim(-1, 0)
        for z in maps
    ]


def test_stages_are_what_transformers_gives(both: tuple[Backbone, Any]) -> None:
    encoder, module = both
    x = torch.rand(3, 96, 96, generator=torch.Generator().manual_seed(3))
    window = torch.from_numpy(np.pad(x, ((0, 0), (64, 64), (64, 64)), mode="reflect"))
    with torch.no_grad():
        theirs = normed_maps(module, window)
    ours = encoder(x)
    assert len(ours) == len(theirs)
    for f, mine, own in zip(encoder.factors, ours, theirs, strict=True):
        inside = own[:, 64 // f : 160 // f, 64 // f : 160 // f]
        assert float(inside.std()) > 1e-3
        torch.testing.assert_close(mine, inside, rtol=1e-4, atol=1e-4)


def test_factors_divide_the_grid_of_tiles(both: tuple[Backbone, Any]) -> None:
    encoder, _ = both
    plain = encoder.name.startswith(("dino", "vit"))
    assert encoder.factors == ((16, 16) if plain else (4, 8, 16, 32))
    assert isinstance(encoder, PlacedEncoder)


def test_a_tile_is_what_the_whole_is_there(both: tuple[Backbone, Any]) -> None:
    encoder, _ = both
    x = torch.rand(3, 640, 300, generator=torch.Generator().manual_seed(4))
    whole = encoder(x)
    rows, columns = (256, 384), (64, 128)
    top, bottom = 256 - encoder.halo, 384 + encoder.halo
    region = x[:, top:bottom]
    part = encoder.placed(
        region, origin=(top, 0), spans=[(256 - top, 384 - top), columns]
    )
    for f, z, all_of_it in zip(encoder.factors, part, whole, strict=True):
        r, c = (slice(a // f, b // f) for a, b in (rows, columns))
        torch.testing.assert_close(z, all_of_it[:, r, c], rtol=0, atol=1e-4)


def test_it_learns_nothing(both: tuple[Backbone, Any]) -> None:
    encoder, _ = both
    assert not any(p.requires_grad for p in encoder.module.parameters())
    assert not any(z.requires_grad for z in encoder(torch.rand(3, 40, 40)))
    assert not encoder.module.training

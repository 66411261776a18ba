"""Tiny encoders of the transformers library, as folders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

FOUR: dict[str, Any] = {"depths": [1, 1, 1, 1], "hidden_sizes": [8, 8, 12, 16]}
DEEP: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 6,
    "num_attention_heads": 2,
}


def dinov2(patch: int = 14) -> Any:
    from transformers import Dinov2Config, Dinov2Model

    config = Dinov2Config(**DEEP, mlp_ratio=2, image_size=5 * patch, patch_size=patch)
    return Dinov2Model(config)


def dinov3() -> Any:
    from transformers import DINOv3ViTConfig, DINOv3ViTModel

    return DINOv3ViTModel(DINOv3ViTConfig(**DEEP, intermediate_size=32, patch_size=16))


def vit() -> Any:
    from transformers import ViTConfig, ViTModel

    return ViTModel(ViTConfig(**DEEP, intermediate_size=32))


def convnext() -> Any:
    from transformers import ConvNextConfig, ConvNextForImageClassification

    return ConvNextForImageClassification(ConvNextConfig(**FOUR))


def convnextv2() -> Any:
    from transformers import ConvNextV2Config, ConvNextV2ForImageClassification

    return ConvNextV2ForImageClassification(ConvNextV2Config(**FOUR))


def segformer() -> Any:
    from transformers import SegformerConfig, SegformerForImageClassification

    heads = [1, 1, 2, 2]
    return SegformerForImageClassification(
        SegformerConfig(**FOUR, num_attention_heads=heads)
    )


def swin() -> Any:
    from transformers import SwinConfig, SwinForImageClassification

    config = SwinConfig(embed_dim=8, depths=[1, 1, 1, 1], num_heads=[1, 1, 2, 2])
    return SwinForImageClassification(config)


MAKERS: dict[str, Callable[[], Any]] = {
    "dinov2": dinov2,
    "dinov2-16": lambda: dinov2(16),
    "dinov3": dinov3,
    "vit": vit,
    "convnext": convnext,
    "convnextv2": convnextv2,
    "segformer": segformer,
    "swin": swin,
}


def save(kind: str, folder: Path, *, seed: int = 0) -> Any:
    """Write a tiny encoder with weights that matter; returns it."""
    module = MAKERS[kind]().eval()
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in module.named_parameters():
            noise = 0.2 * torch.randn(value.shape, generator=generator)
            value.copy_(noise + ("norm" in name and name.endswith("weight")))
    module.save_pretrained(folder)
    return module

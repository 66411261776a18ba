from __future__ import annotations

from dataclasses import fields
from typing import get_args, get_type_hints

import pytest

from napari_ood_seg.core.config import NETWORKS, DeepConfig
from napari_ood_seg.core.config.deep import WINDOW


@pytest.mark.parametrize("name", ["network", "objective"])
def test_a_form_can_show_the_choices(name: str) -> None:
    hint = get_type_hints(DeepConfig)[name]
    (field,) = (f for f in fields(DeepConfig) if f.name == name)
    assert field.metadata["label"]
    assert field.metadata["tooltip"].endswith(".")
    for choice in get_args(hint):
        weights = "owner/name" if choice == "backbone" else ""
        made = DeepConfig(**{name: choice}, pretrained=weights)
        assert getattr(made, name) == choice
    assert getattr(DeepConfig(), name) == get_args(hint)[0], "the default comes first"


def test_networks_are_ours_and_eight_of_monai() -> None:
    monai = [f"efficientnet-b{i}" for i in range(8)]
    assert ("small", "spectral", "backbone", *monai) == NETWORKS


def test_what_sees_single_pixels_needs_no_context() -> None:
    assert DeepConfig(network="spectral").edge == 32
    assert DeepConfig(network="spectral", patch=16).edge == 16
    assert DeepConfig(network="backbone", pretrained="a/b").edge == WINDOW
    assert DeepConfig().edge == DeepConfig().patch == 96


def test_own_networks_have_no_pretrained_weights() -> None:
    with pytest.raises(ValueError, match="the spectral network has no pretrained"):
        DeepConfig(network="spectral", pretrained="b0.pth")


def test_a_backbone_needs_its_weights() -> None:
    with pytest.raises(ValueError, match="backbone network needs pretrained weights"):
        DeepConfig(network="backbone")


@pytest.mark.parametrize("rate", [-0.1, 1.1])
def test_a_pretrained_encoder_learns_no_faster_than_the_rest(rate: float) -> None:
    with pytest.raises(ValueError, match=r"rate lies in \[0, 1\]"):
        DeepConfig(encoder_rate=rate)

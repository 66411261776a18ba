"""Small settings with which a network is trained in a moment."""

from __future__ import annotations

from napari_ood_seg.core.config import DeepConfig, FilterConfig, InstantConfig

INSTANT = InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0)), tile=32)
SMALL = DeepConfig(
    width=8,
    steps=12,
    warm_steps=12,
    patch=32,
    batch=4,
    check_every=4,
    patience=99,
    seconds=1e6,
    heads=INSTANT,
)

"""Frozen, validated settings; the only place where defaults live.

The metadata of a field (`label`, `tooltip`, `min`, `max`, `choices`) is what a form
shows.
"""

from napari_ood_seg.core.config.base import setting
from napari_ood_seg.core.config.deep import NETWORKS, DeepConfig
from napari_ood_seg.core.config.filters import (
    FILTER_KINDS,
    SPECTRAL_FROM,
    FilterConfig,
    SpectralConfig,
)
from napari_ood_seg.core.config.instant import (
    DETECTORS,
    InstantConfig,
    PUConfig,
    TileConfig,
)

__all__ = [
    "DETECTORS",
    "FILTER_KINDS",
    "NETWORKS",
    "SPECTRAL_FROM",
    "DeepConfig",
    "FilterConfig",
    "InstantConfig",
    "PUConfig",
    "SpectralConfig",
    "TileConfig",
    "setting",
]

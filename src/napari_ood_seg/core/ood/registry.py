"""Look a detector up by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from napari_ood_seg.core.ood import distance, pu

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_ood_seg.core.config import InstantConfig
    from napari_ood_seg.core.ood.base import PixelDetector

DETECTORS: Final[dict[str, Callable[[InstantConfig], PixelDetector]]] = {
    "mahalanobis": lambda c: distance.Mahalanobis(**_shape(c)),
    "mahalanobis++": lambda c: distance.MahalanobisPlusPlus(**_shape(c)),
    "relative mahalanobis": lambda c: distance.RelativeMahalanobis(**_shape(c)),
    "relative mahalanobis++": lambda c: distance.RelativeMahalanobisPlusPlus(
        **_shape(c)
    ),
    "nearest neighbour": lambda _: distance.NearestNeighbour(),
    "nnpu": lambda c: pu.NNPU(c.pu),
}
"""Makes an unfitted detector from the settings."""


def make_detector(name: str, config: InstantConfig) -> PixelDetector:
    """Return an unfitted detector.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if name not in DETECTORS:
        raise ValueError(f"no detector {name!r}: choose from {', '.join(DETECTORS)}")
    return DETECTORS[name](config)


def _shape(config: InstantConfig) -> dict[str, float]:
    return {"shrinkage": config.shrinkage, "own_shape": config.own_shape}

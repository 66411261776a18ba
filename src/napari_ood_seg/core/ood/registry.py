"""Look a detector up by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from napari_ood_seg.core.ood import (
    alignment,
    density,
    distance,
    logit,
    neighbours,
    pu,
    shaping,
    subspace,
)

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
    "dnp": lambda _: neighbours.DeepNeighbourPatterns(),
    "cdnp": lambda c: neighbours.CombinedNeighbourPatterns(shrinkage=c.shrinkage),
    "nnguide": lambda c: neighbours.NearestNeighbourGuidance(shrinkage=c.shrinkage),
    "gaussian mixture": lambda c: density.GaussianMixture(seed=c.seed),
    "msp": lambda c: logit.MaximumSoftmax(shrinkage=c.shrinkage),
    "temperature": lambda c: logit.TemperatureScaling(shrinkage=c.shrinkage),
    "max logit": lambda c: logit.MaxLogit(shrinkage=c.shrinkage),
    "standardised max logit": lambda c: logit.StandardisedMaxLogit(
        shrinkage=c.shrinkage
    ),
    "energy": lambda c: logit.Energy(shrinkage=c.shrinkage),
    "entropy": lambda c: logit.Entropy(shrinkage=c.shrinkage),
    "gen": lambda c: logit.GeneralisedEntropy(shrinkage=c.shrinkage),
    "doctor": lambda c: logit.Doctor(shrinkage=c.shrinkage),
    "kl matching": lambda c: logit.KLMatching(shrinkage=c.shrinkage),
    "odin": lambda c: logit.ODIN(shrinkage=c.shrinkage),
    "residual": lambda c: subspace.Residual(shrinkage=c.shrinkage),
    "vim": lambda c: subspace.ViM(shrinkage=c.shrinkage),
    "neco": lambda c: subspace.NECO(shrinkage=c.shrinkage),
    "react": lambda c: shaping.ReAct(shrinkage=c.shrinkage),
    "ash-p": lambda c: shaping.ASHPrune(shrinkage=c.shrinkage),
    "ash-b": lambda c: shaping.ASHBinarise(shrinkage=c.shrinkage),
    "ash-s": lambda c: shaping.ASHScale(shrinkage=c.shrinkage),
    "scale": lambda c: shaping.Scale(shrinkage=c.shrinkage),
    "fdbd": lambda c: alignment.BoundaryDistance(shrinkage=c.shrinkage),
    "she": lambda c: alignment.SimplifiedHopfield(shrinkage=c.shrinkage),
    "nci": lambda c: alignment.CollapseProximity(shrinkage=c.shrinkage),
    "nnpu": lambda c: pu.NNPU(c.pu),
    "one-vs-rest": lambda c: pu.OneVsRestPU(c.pu),
    "augmented": lambda c: pu.AugmentedClassPU(c.pu),
    "t-honecls": lambda c: pu.THOneCls(c.pu),
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

"""A detector that learns scribbled against unlabelled pixels."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Self

import torch

from napari_ood_seg.core.config import PUConfig
from napari_ood_seg.core.losses.pu import nnpu_risk
from napari_ood_seg.core.ood.base import (
    DetectorFacts,
    TrainingPixels,
    balanced_weights,
)
from napari_ood_seg.core.ood.functional import unit
from napari_ood_seg.core.ood.state import FittedTensors

if TYPE_CHECKING:
    from torch import Tensor


class NNPU(FittedTensors):
    """A small network under the non-negative PU risk: scribbled or unlabelled.

    One hidden layer on features divided by their length; the mean of a few such
    networks. Classes are balanced. Training is seeded and runs on the CPU, where
    such small products are fastest.

    Parameters
    ----------
    config
        Prior, size and training.
    """

    facts: ClassVar = DetectorFacts(
        title="nnPU head",
        needs="features",
        cost="members x d x hidden",
        source="Kiryo et al., NeurIPS 2017",
    )

    def __init__(self, config: PUConfig | None = None) -> None:
        super().__init__()
        self.config = config or PUConfig()

    def fit(self, pixels: TrainingPixels) -> Self:
        """Train from scratch, or from what was fitted before."""
        config = self.config
        generator = torch.Generator().manual_seed(config.seed)
        known, weights = _known(pixels, config.n_pixels, generator)
        rest = _some(pixels.unlabelled.cpu(), config.n_pixels, generator)
        z = self._prepare(torch.cat([known, rest]))
        parameters = self._start(z.shape[1], generator)
        optimiser = torch.optim.Adam(
            parameters.values(), lr=config.learning_rate, weight_decay=1e-3
        )
        n = len(known)
        for step in range(config.steps):
            decay = 0.5 + 0.5 * math.cos(math.pi * step / config.steps)
            optimiser.param_groups[0]["lr"] = config.learning_rate * decay
            g = _network(z.expand(config.members, -1, -1), parameters)
            risks = [
                nnpu_risk(m[:n], m[n:], prior=config.prior, weights=weights).objective
                for m in g
            ]
            optimiser.zero_grad()
            torch.stack(risks).sum().backward()
            optimiser.step()
        self._fitted = {k: v.detach() for k, v in parameters.items()}
        return self

    def score(self, features: Tensor) -> Tensor:
        """Return minus the mean score of the networks."""
        fitted = self._like(features)
        members = len(fitted["w1"])
        parts = [
            -_network(self._prepare(z).expand(members, -1, -1), fitted).mean(0)
            for z in features.split(65_536)
        ]
        return torch.cat(parts)

    def _prepare(self, z: Tensor) -> Tensor:
        return unit(z) * math.sqrt(z.shape[1])

    def _start(self, d: int, generator: torch.Generator) -> dict[str, Tensor]:
        m, h = self.config.members, self.config.hidden
        w1 = torch.randn(m, d, h, generator=generator) / math.sqrt(d)
        w2 = torch.randn(m, h, 1, generator=generator) / math.sqrt(h)
        start = {"w1": w1, "b1": torch.zeros(m, 1, h), "w2": w2}
        start["b2"] = torch.zeros(m, 1, 1)
        return {k: v.requires_grad_() for k, v in start.items()}


def _network(z: Tensor, p: dict[str, Tensor]) -> Tensor:
    """Return `(members, n)` scores of `(members, n, d)` inputs."""
    hidden = torch.relu(torch.baddbmm(p["b1"], z, p["w1"]))
    return torch.baddbmm(p["b2"], hidden, p["w2"])[..., 0]


def _known(
    pixels: TrainingPixels, n: int, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    z = torch.cat([s.features for s in pixels.strokes]).cpu()
    weights = balanced_weights(pixels.strokes)
    if len(z) > n:
        chosen = torch.randperm(len(z), generator=generator)[:n]
        z, weights = z[chosen], weights[chosen]
    return z, weights


def _some(z: Tensor, n: int, generator: torch.Generator) -> Tensor:
    return z[torch.randperm(len(z), generator=generator)[:n]]

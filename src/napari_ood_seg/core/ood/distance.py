"""Detectors on the distance to the scribbled classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import torch

from napari_ood_seg.core.moments import Moments
from napari_ood_seg.core.ood.base import DetectorFacts, StrokePixels, TrainingPixels
from napari_ood_seg.core.ood.functional import (
    inverse_factor,
    squared_mahalanobis,
    unit,
)
from napari_ood_seg.core.ood.state import FittedTensors

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from torch import Tensor

_LEE = "Lee et al., NeurIPS 2018"


class Mahalanobis(FittedTensors):
    """Distance to the nearest class mean under one shared covariance.

    Every class weighs the same, however much of it was painted.

    Parameters
    ----------
    shrinkage
        Weight of a multiple of the identity, of the size of the covariance of all
        pixels, in the shared covariance.
    """

    facts: ClassVar = DetectorFacts(
        title="Mahalanobis", needs="features", cost="d^2 + kd", source=_LEE
    )
    view: ClassVar[str] = "plain"

    def __init__(self, *, shrinkage: float = 0.1) -> None:
        super().__init__()
        self.shrinkage = shrinkage

    def fit(self, pixels: TrainingPixels) -> Self:
        """Estimate class means and the shared covariance from moments."""
        self._fitted = self._measure(pixels)
        view, prepare = self._view(), self._prepare
        everything = pixels.unlabelled_moments(view, prepare)
        d = len(everything.total)
        per_class = [
            Moments.sum((s.moments(view, prepare) for s in strokes), d)
            for strokes in pixels.by_class().values()
        ]
        within = torch.stack([m.covariance for m in per_class]).mean(0)
        target = sphere(everything.covariance)
        covariance = (1 - self.shrinkage) * within + self.shrinkage * target
        self._fitted |= {
            "means": torch.stack([m.mean for m in per_class]).float(),
            "whitening": inverse_factor(covariance).float(),
        }
        return self

    def distances(self, features: Tensor) -> Tensor:
        """Return `(n, k)` squared distances to the classes, in order of their ids."""
        fitted = self._like(features)
        z = self._prepare(features)
        return squared_mahalanobis(z, fitted["means"], fitted["whitening"])

    def score(self, features: Tensor) -> Tensor:
        """Return the logarithm of the squared distance to the nearest class."""
        return self.distances(features).amin(1).clamp_min(1e-6).log()

    def _measure(self, pixels: TrainingPixels) -> dict[str, Tensor]:  # noqa: ARG002 - for subclasses
        """Return what `_prepare` needs to know about the pixels."""
        return {}

    def _view(self) -> Hashable:
        """Return a key for what `_prepare` does."""
        return self.view

    def _prepare(self, features: Tensor) -> Tensor:
        return features


class MahalanobisPlusPlus(Mahalanobis):
    """`Mahalanobis` on features divided by their length."""

    facts: ClassVar = DetectorFacts(
        title="Mahalanobis++",
        needs="features",
        cost="d^2 + kd",
        source="Mueller and Hein, ICML 2025",
    )
    view: ClassVar[str] = "unit"

    def _prepare(self, features: Tensor) -> Tensor:
        return unit(features)


class WhitenedMahalanobisPlusPlus(MahalanobisPlusPlus):
    """`MahalanobisPlusPlus` on the leading features, each with unit spread.

    Lengths are then dominated by no feature, so that directions with little
    variance in the image count as much as the others.

    Parameters
    ----------
    shrinkage
        As for `Mahalanobis`.
    n_leading
        How many features enter.
    """

    def __init__(self, *, shrinkage: float = 0.1, n_leading: int = 16) -> None:
        super().__init__(shrinkage=shrinkage)
        self.n_leading = n_leading

    def _measure(self, pixels: TrainingPixels) -> dict[str, Tensor]:
        spread = pixels.unlabelled[:, : self.n_leading].double().std(0).cpu()
        floor = 0.1 * spread.max().clamp_min(1e-12)
        return {"gain": (1 / torch.maximum(spread, floor)).float()}

    def _view(self) -> Hashable:
        return (self.view, *self._fitted["gain"].tolist())

    def _prepare(self, features: Tensor) -> Tensor:
        gain = self._fitted["gain"].to(features)
        return unit(features[:, : len(gain)] * gain)


class RelativeMahalanobis(Mahalanobis):
    """Distance to the nearest class less the distance to the average pixel."""

    facts: ClassVar = DetectorFacts(
        title="Relative Mahalanobis",
        needs="features",
        cost="2d^2 + kd",
        source="Ren et al., arXiv 2106.09022",
    )

    def fit(self, pixels: TrainingPixels) -> Self:
        """Estimate the class Gaussians and one of all unlabelled pixels."""
        super().fit(pixels)
        everything = pixels.unlabelled_moments(self._view(), self._prepare)
        covariance = everything.covariance
        covariance = covariance + 1e-3 * sphere(covariance)
        self._fitted |= {
            "mean_0": everything.mean.float()[None],
            "whitening_0": inverse_factor(covariance).float(),
        }
        return self

    def score(self, features: Tensor) -> Tensor:
        """Return the difference of the squared distances."""
        nearest = self.distances(features).amin(1)
        fitted = self._like(features)
        z = self._prepare(features)
        average = squared_mahalanobis(z, fitted["mean_0"], fitted["whitening_0"])
        return nearest - average[:, 0]


class RelativeMahalanobisPlusPlus(RelativeMahalanobis, MahalanobisPlusPlus):
    """`RelativeMahalanobis` on features divided by their length."""

    facts: ClassVar = DetectorFacts(
        title="Relative Mahalanobis++",
        needs="features",
        cost="2d^2 + kd",
        source="Ren et al., arXiv 2106.09022; Mueller and Hein, ICML 2025",
    )


def sphere(covariance: Tensor) -> Tensor:
    """Return the multiple of the identity with the trace of `covariance`."""
    size = covariance.diagonal().mean().clamp_min(1e-12)
    return size * torch.eye(len(covariance), dtype=covariance.dtype)


class NearestNeighbour(FittedTensors):
    """Distance to the k-th nearest of a sample of scribbled pixels.

    Features are divided by their length.

    Parameters
    ----------
    k
        Which neighbour.
    per_class
        Pixels of each class that are kept.
    """

    facts: ClassVar = DetectorFacts(
        title="k nearest neighbours",
        needs="features",
        cost="d per kept pixel",
        source="Sun et al., ICML 2022",
    )

    def __init__(self, *, k: int = 1, per_class: int = 200) -> None:
        super().__init__()
        self.k = k
        self.per_class = per_class

    def fit(self, pixels: TrainingPixels) -> Self:
        """Keep evenly spaced pixels of each class."""
        kept = [self._sample(s) for s in pixels.by_class().values()]
        self._fitted = {"bank": unit(torch.cat(kept)).cpu()}
        return self

    def score(self, features: Tensor) -> Tensor:
        """Return the logarithm of the distance."""
        bank = self._like(features)["bank"]
        k = min(self.k, len(bank))
        parts = [
            torch.cdist(z, bank).kthvalue(k, dim=1).values
            for z in unit(features).split(16_384)
        ]
        return torch.cat(parts).clamp_min(1e-4).log()

    def _sample(self, strokes: Sequence[StrokePixels]) -> Tensor:
        rows = torch.cat([s.features for s in strokes])
        at = torch.linspace(0, len(rows) - 1, min(self.per_class, len(rows)))
        return rows[at.round().long()]

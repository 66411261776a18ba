"""Detectors on the distance to the scribbled classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import torch

from napari_ood_seg.core.moments import Moments
from napari_ood_seg.core.ood.base import DetectorFacts, TrainingPixels, labelled_rows
from napari_ood_seg.core.ood.functional import (
    inverse_factor,
    neighbour_distances,
    squared_mahalanobis,
    unit,
)
from napari_ood_seg.core.ood.state import FittedTensors

if TYPE_CHECKING:
    from torch import Tensor

_LEE = "Lee et al., NeurIPS 2018"


class Mahalanobis(FittedTensors):
    """Distance to the nearest class: class means, partly shared covariance.

    Every class weighs the same, however much of it was painted.

    Parameters
    ----------
    shrinkage
        Weight of a multiple of the identity, of the size of the covariance of all
        pixels, in each covariance.
    own_shape
        Weight of the class's own covariance against the mean of all classes:
        0 is the tied covariance of Lee et al., 1 quadratic discriminants; between
        them regularised discriminant analysis (Friedman 1989).
    """

    facts: ClassVar = DetectorFacts(
        title="Mahalanobis", needs="features", cost="kd^2", source=_LEE
    )
    view: ClassVar[str] = "plain"

    def __init__(self, *, shrinkage: float = 0.02, own_shape: float = 0.0) -> None:
        super().__init__()
        self.shrinkage = shrinkage
        self.own_shape = own_shape

    def fit(self, pixels: TrainingPixels) -> Self:
        """Estimate class means and covariances from the moments of the strokes."""
        everything = pixels.unlabelled_moments(self.view, self._prepare)
        d = len(everything.total)
        per_class = [
            Moments.sum((s.moments(self.view, self._prepare) for s in strokes), d)
            for strokes in pixels.by_class().values()
        ]
        shared = torch.stack([m.covariance for m in per_class]).mean(0)
        target = sphere(everything.covariance)
        self._fitted = {
            "means": torch.stack([m.mean for m in per_class]).float(),
            "whitening": torch.stack(
                [inverse_factor(self._blend(m, shared, target)) for m in per_class]
            ).float(),
        }
        return self

    def distances(self, features: Tensor) -> Tensor:
        """Return `(n, k)` squared distances to the classes, in order of their ids."""
        fitted = self._like(features)
        z = self._prepare(features)
        return squared_mahalanobis(z, fitted["means"], fitted["whitening"])

    def class_scores(self, features: Tensor) -> Tensor:
        """Return `(n, k)` logarithms of the squared distances."""
        return self.distances(features).clamp_min(1e-6).log()

    def score(self, features: Tensor) -> Tensor:
        """Return the logarithm of the squared distance to the nearest class."""
        return self.class_scores(features).amin(1)

    def _blend(self, own: Moments, shared: Tensor, target: Tensor) -> Tensor:
        within = (1 - self.own_shape) * shared + self.own_shape * own.covariance
        return (1 - self.shrinkage) * within + self.shrinkage * target

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
        everything = pixels.unlabelled_moments(self.view, self._prepare)
        covariance = everything.covariance
        covariance = covariance + 1e-3 * sphere(covariance)
        self._fitted |= {
            "mean_0": everything.mean.float()[None],
            "whitening_0": inverse_factor(covariance).float()[None],
        }
        return self

    def class_scores(self, features: Tensor) -> Tensor:
        """Return `(n, k)` differences of the squared distances."""
        fitted = self._like(features)
        z = self._prepare(features)
        average = squared_mahalanobis(z, fitted["mean_0"], fitted["whitening_0"])
        return self.distances(features) - average


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
        memorises=True,
    )

    def __init__(self, *, k: int = 1, per_class: int = 200) -> None:
        super().__init__()
        self.k = k
        self.per_class = per_class

    def fit(self, pixels: TrainingPixels) -> Self:
        """Keep evenly spaced pixels of each class."""
        kept = labelled_rows(pixels, self.per_class).features
        self._fitted = {"bank": unit(kept)}
        return self

    def score(self, features: Tensor) -> Tensor:
        """Return the logarithm of the distance."""
        bank = self._like(features)["bank"]
        distances = neighbour_distances(unit(features), bank, self.k)
        return distances[:, -1].clamp_min(1e-4).log()

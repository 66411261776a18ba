"""Detectors on the distance to the scribbled classes."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, ClassVar, Self

import torch

from napari_ood_seg.core.ood.base import DetectorFacts, TrainingPixels, labelled_rows
from napari_ood_seg.core.ood.functional import (
    inverse_factor,
    inverse_factors,
    neighbour_distances,
    squared_mahalanobis,
    unit,
)
from napari_ood_seg.core.ood.state import FittedTensors

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from torch import Tensor

    from napari_ood_seg.core.moments import Moments

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
        (self._fitted,) = self._estimates(pixels, [()])
        return self

    def fit_without(
        self, pixels: TrainingPixels, left_out: Sequence[Collection[int]]
    ) -> list[Self]:
        """Return detectors like this one, fitted without some groups of strokes each.

        All at once: sums over the strokes that stay are products of matrices.
        """
        return [
            copy.copy(self).restore(fitted)
            for fitted in self._estimates(pixels, left_out)
        ]

    def _estimates(
        self, pixels: TrainingPixels, left_out: Sequence[Collection[int]]
    ) -> list[dict[str, Tensor]]:
        """Return what is fitted, once for each of the groups that are left out."""
        everything = pixels.unlabelled_moments(self.view, self._prepare)
        target = sphere(everything.covariance)
        moments = [s.moments(self.view, self._prepare) for s in pixels.strokes]
        mean, covariance = class_moments(moments, _members(pixels, left_out))
        within = covariance.mean(1, keepdim=True)
        if self.own_shape:
            within = (1 - self.own_shape) * within + self.own_shape * covariance
        blend = (1 - self.shrinkage) * within + self.shrinkage * target
        whitening = inverse_factors(blend)
        return [
            {"means": m, "whitening": w}
            for m, w in zip(mean.float(), whitening.float(), strict=True)
        ]

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

    def _estimates(
        self, pixels: TrainingPixels, left_out: Sequence[Collection[int]]
    ) -> list[dict[str, Tensor]]:
        """Add the Gaussian of all unlabelled pixels."""
        everything = pixels.unlabelled_moments(self.view, self._prepare)
        covariance = everything.covariance
        covariance = covariance + 1e-3 * sphere(covariance)
        average = {
            "mean_0": everything.mean.float()[None],
            "whitening_0": inverse_factor(covariance).float()[None],
        }
        return [own | average for own in super()._estimates(pixels, left_out)]

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


def _members(pixels: TrainingPixels, left_out: Sequence[Collection[int]]) -> Tensor:
    """Return `(g, k, s)`: 1 where a stroke is of a class and not left out."""
    ids = torch.tensor([s.class_id for s in pixels.strokes])
    of_class = ids == torch.tensor(pixels.class_ids)[:, None]
    stays = [[s.group not in groups for s in pixels.strokes] for groups in left_out]
    return (of_class & torch.tensor(stays)[:, None]).double()


def class_moments(moments: Sequence[Moments], members: Tensor) -> tuple[Tensor, Tensor]:
    """Return means `(..., d)` and covariances `(..., d, d)` of sets of strokes.

    Parameters
    ----------
    moments
        Of each of `s` strokes.
    members
        `(..., s)` float64, 1 for the strokes of a set and 0 for others.

    Examples
    --------
    >>> from napari_ood_seg.core.moments import Moments
    >>> parts = [Moments.of(torch.tensor([[0.0]])), Moments.of(torch.tensor([[4.0]]))]
    >>> mean, covariance = class_moments(parts, torch.ones(1, 2, dtype=torch.float64))
    >>> mean.tolist(), covariance.tolist()
    ([[2.0]], [[[4.0]]])
    """
    n = members @ torch.tensor([m.n for m in moments], dtype=torch.float64)
    n = n.clamp_min(1e-12)
    mean = members @ torch.stack([m.total for m in moments]) / n[..., None]
    outer = torch.stack([m.outer for m in moments])
    square = (members @ outer.flatten(1)).unflatten(-1, outer.shape[1:])
    square = square / n[..., None, None]
    return mean, square - mean[..., :, None] * mean[..., None, :]


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

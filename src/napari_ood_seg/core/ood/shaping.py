"""Detectors that reshape a pixel's activations before they take the energy.

The share that is kept is taken over the channels of each pixel. (Libraries take it
over the whole feature map, so that all pixels of an image share one factor.)
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import torch

from napari_ood_seg.core.ood import confidence
from napari_ood_seg.core.ood.base import DetectorFacts, TrainingPixels, labelled_rows
from napari_ood_seg.core.ood.head import HeadDetector, LinearHead

if TYPE_CHECKING:
    from torch import Tensor


class ReAct(HeadDetector):
    """Energy of activations cut at a percentile of those of the scribbled pixels.

    Parameters
    ----------
    percentile
        Of all activations of scribbled pixels, in percent; every class alike.
    """

    facts: ClassVar = DetectorFacts(
        title="ReAct",
        needs="non-negative features",
        cost="kd",
        source="Sun et al., NeurIPS 2021",
    )

    def __init__(
        self,
        *,
        percentile: float = 90.0,
        head: LinearHead | None = None,
        shrinkage: float = 0.02,
    ) -> None:
        super().__init__(head=head, shrinkage=shrinkage)
        self.percentile = percentile

    def score(self, features: Tensor) -> Tensor:
        """Return the energy of the head on `min(z, c)`."""
        cut = self._like(features)["cut"]
        return confidence.energy(self._head(features)(features.minimum(cut)))

    def _learn(self, pixels: TrainingPixels, head: LinearHead) -> dict[str, Tensor]:  # noqa: ARG002
        rows = labelled_rows(pixels)
        weights = rows.weights[:, None].expand_as(rows.features)
        cut = weighted_quantile(
            rows.features.flatten(), weights.flatten(), self.percentile / 100
        )
        return {"cut": cut}


class _Shaped(HeadDetector, ABC):
    """Energy of reshaped activations.

    Parameters
    ----------
    percentile
        In percent, how many of a pixel's activations do not count as large.
    """

    def __init__(
        self,
        *,
        percentile: float = 90.0,
        head: LinearHead | None = None,
        shrinkage: float = 0.02,
    ) -> None:
        super().__init__(head=head, shrinkage=shrinkage)
        self.percentile = percentile

    def score(self, features: Tensor) -> Tensor:
        """Return the energy of the head on the reshaped activations."""
        return confidence.energy(self._head(features)(self._shape(features)))

    @abstractmethod
    def _shape(self, z: Tensor) -> Tensor:
        """Return the reshaped `(n, d)` activations."""


class ASHPrune(_Shaped):
    """Energy of the largest activations; the others are zero (ASH-P)."""

    facts: ClassVar = DetectorFacts(
        title="ASH-P",
        needs="non-negative features",
        cost="kd + d log d",
        source="Djurisic et al., ICLR 2023",
    )

    def _shape(self, z: Tensor) -> Tensor:
        return ash_prune(z, self.percentile)


class ASHBinarise(_Shaped):
    """Energy of the largest activations, all made equal (ASH-B)."""

    facts: ClassVar = DetectorFacts(
        title="ASH-B",
        needs="non-negative features",
        cost="kd + d log d",
        source="Djurisic et al., ICLR 2023",
    )

    def _shape(self, z: Tensor) -> Tensor:
        return ash_binarise(z, self.percentile)


class ASHScale(_Shaped):
    """Energy of the largest activations, stretched (ASH-S)."""

    facts: ClassVar = DetectorFacts(
        title="ASH-S",
        needs="non-negative features",
        cost="kd + d log d",
        source="Djurisic et al., ICLR 2023",
    )

    def _shape(self, z: Tensor) -> Tensor:
        return ash_scale(z, self.percentile)


class Scale(_Shaped):
    """Energy of all activations, stretched (SCALE)."""

    facts: ClassVar = DetectorFacts(
        title="SCALE",
        needs="non-negative features",
        cost="kd + d log d",
        source="Xu et al., ICLR 2024",
    )

    def __init__(
        self,
        *,
        percentile: float = 85.0,
        head: LinearHead | None = None,
        shrinkage: float = 0.02,
    ) -> None:
        super().__init__(percentile=percentile, head=head, shrinkage=shrinkage)

    def _shape(self, z: Tensor) -> Tensor:
        return scale_activations(z, self.percentile)


# ------------------------------------------------------------------- formulas


def n_large(d: int, percentile: float) -> int:
    """Return how many of `d` activations are beyond the percentile; at least one.

    Examples
    --------
    >>> n_large(100, 90), n_large(16, 90), n_large(3, 90)
    (10, 2, 1)
    """
    return max(1, d - round(d * percentile / 100))


def ash_prune(z: Tensor, percentile: float) -> Tensor:
    """Return `(n, d)` activations of which all but each row's largest are zero.

    References
    ----------
    Djurisic et al., Extremely Simple Activation Shaping for Out-of-Distribution
    Detection, ICLR 2023, algorithm 1.

    Examples
    --------
    >>> ash_prune(torch.tensor([[1.0, 4.0, 3.0, 0.0]]), 50).tolist()
    [[0.0, 4.0, 3.0, 0.0]]
    """
    large, at = z.topk(n_large(z.shape[1], percentile), dim=1)
    return torch.zeros_like(z).scatter(1, at, large)


def ash_binarise(z: Tensor, percentile: float) -> Tensor:
    """Return activations whose largest share each row's sum; the others are zero.

    References
    ----------
    Djurisic et al., ICLR 2023, algorithm 2.

    Examples
    --------
    >>> ash_binarise(torch.tensor([[1.0, 4.0, 3.0, 0.0]]), 50).tolist()
    [[0.0, 4.0, 4.0, 0.0]]
    """
    large, at = z.topk(n_large(z.shape[1], percentile), dim=1)
    even = z.sum(1, keepdim=True) / large.shape[1]
    return torch.zeros_like(z).scatter(1, at, even.expand_as(large))


def ash_scale(z: Tensor, percentile: float) -> Tensor:
    """Return pruned activations times the exponential of the ratio of the sums.

    References
    ----------
    Djurisic et al., ICLR 2023, algorithm 3.

    Examples
    --------
    >>> ash_scale(torch.tensor([[2.0, 2.0]]), 50).tolist()
    [[14.778112411499023, 0.0]]
    """
    return ash_prune(z, percentile) * stretch(z, percentile)


def scale_activations(z: Tensor, percentile: float) -> Tensor:
    """Return all activations times the exponential of the ratio of the sums.

    References
    ----------
    Xu et al., Scaling for Training Time and Post-hoc Out-of-distribution Detection
    Enhancement, ICLR 2024, equation 5.

    Examples
    --------
    >>> scale_activations(torch.tensor([[2.0, 2.0]]), 50).tolist()
    [[14.778112411499023, 14.778112411499023]]
    """
    return z * stretch(z, percentile)


def stretch(z: Tensor, percentile: float) -> Tensor:
    """Return `(n, 1)` exponentials of a row's sum by the sum of its largest.

    The ratio of non-negative activations lies between 1 and d by the number of
    large ones. Where signs are mixed it means nothing; it is then held in [0, that].
    """
    k = n_large(z.shape[1], percentile)
    large = z.topk(k, dim=1).values.sum(1, keepdim=True)
    ratio = z.sum(1, keepdim=True) / large.clamp_min(1e-12)
    return ratio.clamp(0.0, z.shape[1] / k).exp()


def weighted_quantile(values: Tensor, weights: Tensor, q: float) -> Tensor:
    """Return the least of `(n,)` values below or at which lies a share `q` of weight.

    Examples
    --------
    >>> v, w = torch.tensor([3.0, 1.0, 2.0]), torch.tensor([1.0, 1.0, 2.0])
    >>> weighted_quantile(v, w, 0.75).item()
    2.0
    """
    ordered, at = values.sort()
    cumulated = weights.double()[at].cumsum(0)
    reached = int(torch.searchsorted(cumulated, (q - 1e-9) * float(cumulated[-1])))
    return ordered[min(reached, len(ordered) - 1)]

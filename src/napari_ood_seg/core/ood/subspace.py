"""Detectors on the subspace in which scribbled pixels vary."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import torch

from napari_ood_seg.core.ood import confidence
from napari_ood_seg.core.ood.base import DetectorFacts, TrainingPixels, labelled_rows
from napari_ood_seg.core.ood.functional import principal_share, residual_norm
from napari_ood_seg.core.ood.head import HeadDetector, LinearHead

if TYPE_CHECKING:
    from torch import Tensor


class Residual(HeadDetector):
    """Length of what lies outside the principal space of the scribbled pixels.

    Parameters
    ----------
    n_principal
        Dimensions of the principal space; by default half the features, and at
        least one per class. One dimension is always left over.
    """

    facts: ClassVar = DetectorFacts(
        title="Residual",
        needs="logits",
        cost="d^2",
        source="Wang et al., CVPR 2022",
    )

    def __init__(
        self,
        *,
        n_principal: int | None = None,
        head: LinearHead | None = None,
        shrinkage: float = 0.02,
    ) -> None:
        super().__init__(head=head, shrinkage=shrinkage)
        self.n_principal = n_principal

    def score(self, features: Tensor) -> Tensor:
        """Return the length of the residual."""
        return self._residual(features)

    def _residual(self, features: Tensor) -> Tensor:
        fitted = self._like(features)
        return residual_norm(features, fitted["origin"], fitted["null_space"])

    def _learn(self, pixels: TrainingPixels, head: LinearHead) -> dict[str, Tensor]:
        origin = logit_origin(head)
        rows = labelled_rows(pixels)
        shifted = rows.features.double() - origin
        n = n_kept(self.n_principal, *head.weight.shape)
        _, null_space = split_space(shifted, rows.weights.double(), n)
        return {"origin": origin, "null_space": null_space}


class ViM(Residual):
    """`Residual`, scaled like a logit, against the energy of the logits."""

    facts: ClassVar = DetectorFacts(
        title="ViM",
        needs="logits",
        cost="d^2 + kd",
        source="Wang et al., CVPR 2022",
    )

    def score(self, features: Tensor) -> Tensor:
        """Return `alpha * residual - log sum exp f`."""
        virtual = self._like(features)["alpha"] * self._residual(features)
        return virtual + confidence.energy(self.logits(features))

    def _learn(self, pixels: TrainingPixels, head: LinearHead) -> dict[str, Tensor]:
        learnt = super()._learn(pixels, head)
        rows = labelled_rows(pixels)
        z, weights = rows.features.double(), rows.weights.double()
        norms = residual_norm(z, learnt["origin"], learnt["null_space"])
        best = head(z).amax(1)
        # Linear discriminants may all be negative; the virtual logit must not be.
        alpha = (weights @ best).abs() / (weights @ norms).clamp_min(1e-6)
        return {**learnt, "alpha": alpha}


class NECO(HeadDetector):
    """Share of the standardised features within their principal space.

    Parameters
    ----------
    n_principal
        As of `Residual`.
    by_logit
        Multiply with the largest logit, as the paper does but for ResNets.
    """

    facts: ClassVar = DetectorFacts(
        title="NECO",
        needs="logits",
        cost="d^2 + kd",
        source="Ben Ammar et al., ICLR 2024",
    )

    def __init__(
        self,
        *,
        n_principal: int | None = None,
        by_logit: bool = True,
        head: LinearHead | None = None,
        shrinkage: float = 0.02,
    ) -> None:
        super().__init__(head=head, shrinkage=shrinkage)
        self.n_principal = n_principal
        self.by_logit = by_logit

    def score(self, features: Tensor) -> Tensor:
        """Return minus the share, times the largest logit where `by_logit`."""
        fitted = self._like(features)
        z = (features - fitted["mean"]) / fitted["std"]
        share = principal_share(z, fitted["axes"])
        return -share * self.logits(features).amax(1) if self.by_logit else -share

    def _learn(self, pixels: TrainingPixels, head: LinearHead) -> dict[str, Tensor]:
        rows = labelled_rows(pixels)
        z, weights = rows.features.double(), rows.weights.double()
        mean = weights @ z
        std = (weights @ (z - mean).square()).sqrt()
        # What does not vary is not divided by its rounding errors.
        std = torch.where(std > 1e-6 * (1 + mean.abs()), std, 1.0)
        n = n_kept(self.n_principal, *head.weight.shape)
        axes, _ = split_space((z - mean) / std, weights, n)
        return {"mean": mean, "std": std, "axes": axes}


def n_kept(wanted: int | None, k: int, d: int) -> int:
    """Return the size of the principal space of `d` features for `k` classes.

    Examples
    --------
    >>> n_kept(None, 3, 16), n_kept(None, 12, 16), n_kept(99, 3, 16)
    (8, 12, 15)
    """
    chosen = max(k, d // 2) if wanted is None else wanted
    return min(chosen, d - 1)


def split_space(z: Tensor, weights: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Return the `n` main axes of `z` about zero, and the other axes, as columns."""
    second_moment = z.T @ (weights[:, None] * z)
    _, axes = torch.linalg.eigh(second_moment)  # ascending
    at = len(second_moment) - n
    return axes[:, at:], axes[:, :at]


def logit_origin(head: LinearHead) -> Tensor:
    """Return the shortest `(d,)` vector for which the logits are zero, in float64.

    In the sense of least squares, where there is none.
    """
    inverse: Tensor = torch.linalg.pinv(head.weight.detach().cpu().double())
    return -inverse @ head.bias.detach().cpu().double()

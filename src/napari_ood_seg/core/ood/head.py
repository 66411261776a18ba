"""A linear classifier for detectors that need class logits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import torch

from napari_ood_seg.core.moments import Moments
from napari_ood_seg.core.ood.functional import inverse_factor
from napari_ood_seg.core.ood.state import FittedTensors

if TYPE_CHECKING:
    from torch import Tensor

    from napari_ood_seg.core.ood.base import TrainingPixels


@dataclass(frozen=True, slots=True, eq=False)
class LinearHead:
    """Class logits `W z + b` of features.

    Attributes
    ----------
    weight
        `(k, d)`; classes in the order of their ids.
    bias
        `(k,)`.
    """

    weight: Tensor = field(repr=False)
    bias: Tensor = field(repr=False)

    @classmethod
    def lda(cls, pixels: TrainingPixels, shrinkage: float = 0.02) -> Self:
        """Return the linear discriminants of the class means and a shared covariance.

        ``w_k = S^-1 mu_k`` and ``b_k = -mu_k^T S^-1 mu_k / 2``: the log posterior of
        Gaussian classes with equal priors, up to what all classes share. Every class
        weighs the same in `S`, however much of it was painted.

        Parameters
        ----------
        shrinkage
            Weight in `S` of a multiple of the identity, of the size of the covariance
            of the unlabelled pixels.
        """
        everything = pixels.unlabelled_moments("plain", _as_is)
        d = len(everything.total)
        per_class = [
            Moments.sum((s.moments("plain", _as_is) for s in strokes), d)
            for strokes in pixels.by_class().values()
        ]
        means = torch.stack([m.mean for m in per_class])
        shared = torch.stack([m.covariance for m in per_class]).mean(0)
        # Where nothing varies, what is far in float32 sets the scale.
        spread = everything.covariance.diagonal().mean()
        size = max(float(spread), 1e-6 * float(means.square().mean()), 1e-12)
        sphere = size * torch.eye(d, dtype=torch.float64)
        root = inverse_factor((1 - shrinkage) * shared + shrinkage * sphere)
        white = means @ root.T
        bias = -0.5 * white.square().sum(1)
        return cls((white @ root).float(), bias.float())

    def __call__(self, z: Tensor) -> Tensor:
        """Return `(n, k)` logits of `(n, d)` features, on their device."""
        return torch.addmm(self.bias.to(z), z, self.weight.to(z).T)


class HeadDetector(FittedTensors):
    """Base of detectors on a linear head and, maybe, statistics of scribbled pixels.

    Parameters
    ----------
    head
        The last layer of a network; by default linear discriminants of the pixels
        that the detector is fitted on.
    shrinkage
        Of these discriminants, see `LinearHead.lda`.
    """

    def __init__(
        self, *, head: LinearHead | None = None, shrinkage: float = 0.02
    ) -> None:
        super().__init__()
        self.given = head
        self.shrinkage = shrinkage

    def fit(self, pixels: TrainingPixels) -> Self:
        """Take the given head, or fit one, and learn what else the score needs."""
        head = self.given or LinearHead.lda(pixels, self.shrinkage)
        if len(head.weight) != len(pixels.class_ids):
            raise ValueError(
                f"the head has {len(head.weight)} outputs, but {len(pixels.class_ids)} "
                "classes were scribbled: give one output per class, in order of the ids"
            )
        learnt = self._learn(pixels, head)
        own = {"weight": head.weight.detach(), "bias": head.bias.detach()}
        both = {**own, **learnt}
        self._fitted = {k: v.float().contiguous() for k, v in both.items()}
        return self

    def logits(self, features: Tensor) -> Tensor:
        """Return `(n, k)` class logits, in order of the class ids."""
        return self._head(features)(features)

    def _head(self, features: Tensor) -> LinearHead:
        fitted = self._like(features)
        return LinearHead(fitted["weight"], fitted["bias"])

    def _learn(
        self,
        pixels: TrainingPixels,  # noqa: ARG002 - for subclasses
        head: LinearHead,  # noqa: ARG002
    ) -> dict[str, Tensor]:
        """Return further fitted tensors; `weight` and `bias` are taken care of."""
        return {}


def _as_is(z: Tensor) -> Tensor:
    return z

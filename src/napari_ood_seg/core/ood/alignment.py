"""Detectors on how a feature vector lies to the classes' directions."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import torch

from napari_ood_seg.core.ood.base import DetectorFacts, TrainingPixels, labelled_rows
from napari_ood_seg.core.ood.functional import boundary_distance
from napari_ood_seg.core.ood.head import HeadDetector, LinearHead

if TYPE_CHECKING:
    from torch import Tensor

_LEAST: Final = 1e-6
"""Least length of a feature vector."""


class BoundaryDistance(HeadDetector):
    """Distance to the class boundaries, by the distance to the mean (fDBD)."""

    facts: ClassVar = DetectorFacts(
        title="fDBD",
        needs="logits",
        cost="kd",
        source="Liu and Qin, ICML 2024",
        classes=2,
    )

    def score(self, features: Tensor) -> Tensor:
        """Return minus the summed distances, by the distance to the mean."""
        fitted, head = self._like(features), self._head(features)
        length = _length(features - fitted["mean"])
        return -boundary_distance(head(features), head.weight) / length

    def _learn(self, pixels: TrainingPixels, head: LinearHead) -> dict[str, Tensor]:  # noqa: ARG002
        return {"mean": balanced_mean(pixels)}


class SimplifiedHopfield(HeadDetector):
    """Inner product with the mean feature of the predicted class (SHE).

    The mean is over the pixels of a class that are classified rightly; over all of
    them where none is.
    """

    facts: ClassVar = DetectorFacts(
        title="SHE",
        needs="logits",
        cost="2kd",
        source="Zhang et al., ICLR 2023",
    )

    def score(self, features: Tensor) -> Tensor:
        """Return minus the inner product."""
        patterns = self._like(features)["patterns"]
        predicted = self.logits(features).argmax(1, keepdim=True)
        return -(features @ patterns.T).gather(1, predicted)[:, 0]

    def _learn(self, pixels: TrainingPixels, head: LinearHead) -> dict[str, Tensor]:
        rows = labelled_rows(pixels)
        right = head(rows.features).argmax(1) == rows.classes
        patterns = []
        for index in range(len(head.bias)):
            own = rows.classes == index
            chosen = own & right
            chosen = chosen if bool(chosen.any()) else own
            patterns.append(rows.features[chosen].double().mean(0))
        return {"patterns": torch.stack(patterns)}


class CollapseProximity(HeadDetector):
    """Alignment with the predicted class's weights, and length (NCI).

    Parameters
    ----------
    alpha
        Weight of the sum of absolute features.
    """

    facts: ClassVar = DetectorFacts(
        title="NCI",
        needs="logits",
        cost="2kd",
        source="Liu and Qin, arXiv 2311.01479",
    )

    def __init__(
        self,
        *,
        alpha: float = 1e-3,
        head: LinearHead | None = None,
        shrinkage: float = 0.02,
    ) -> None:
        super().__init__(head=head, shrinkage=shrinkage)
        self.alpha = alpha

    def score(self, features: Tensor) -> Tensor:
        """Return `-(w_c . (z - mean) / |z - mean| + alpha |z|_1)`."""
        fitted, head = self._like(features), self._head(features)
        centred = features - fitted["mean"]
        predicted = head(features).argmax(1, keepdim=True)
        along = (centred @ head.weight.T).gather(1, predicted)[:, 0]
        size = features.abs().sum(1)
        return -(along / _length(centred) + self.alpha * size)

    def _learn(self, pixels: TrainingPixels, head: LinearHead) -> dict[str, Tensor]:  # noqa: ARG002
        return {"mean": balanced_mean(pixels)}


def balanced_mean(pixels: TrainingPixels) -> Tensor:
    """Return the `(d,)` mean of the scribbled pixels, every class alike."""
    rows = labelled_rows(pixels)
    mean: Tensor = rows.weights.double() @ rows.features.double()
    return mean


def _length(z: Tensor) -> Tensor:
    length: Tensor = torch.linalg.vector_norm(z, dim=1)
    return length.clamp_min(_LEAST)

"""Detectors on the nearest of a bank of scribbled pixels, in plain feature space."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

import torch

from napari_ood_seg.core.ood import confidence
from napari_ood_seg.core.ood.base import DetectorFacts, TrainingPixels, labelled_rows
from napari_ood_seg.core.ood.functional import (
    guidance,
    neighbour_distances,
    unit,
)
from napari_ood_seg.core.ood.head import HeadDetector, LinearHead
from napari_ood_seg.core.ood.state import FittedTensors

if TYPE_CHECKING:
    from torch import Tensor


class DeepNeighbourPatterns(FittedTensors):
    """Mean distance to the nearest few of a sample of scribbled pixels (DNP).

    Parameters
    ----------
    k
        How many neighbours.
    per_class
        Pixels of each class that are kept.
    """

    facts: ClassVar = DetectorFacts(
        title="DNP",
        needs="features",
        cost="d per kept pixel",
        source="Galesso et al., arXiv 2211.06660",
        memorises=True,
    )

    def __init__(self, *, k: int = 3, per_class: int = 200) -> None:
        super().__init__()
        self.k = k
        self.per_class = per_class

    def fit(self, pixels: TrainingPixels) -> Self:
        """Keep evenly spaced pixels of each class."""
        bank = labelled_rows(pixels, self.per_class).features
        self._fitted = {"bank": bank.contiguous()}
        return self

    def score(self, features: Tensor) -> Tensor:
        """Return the mean of the `k` distances."""
        bank = self._like(features)["bank"]
        return neighbour_distances(features, bank, self.k).mean(1)


class CombinedNeighbourPatterns(HeadDetector):
    """Sum of DNP and energy, both scaled to [0, 1] on the unlabelled (cDNP).

    The range of DNP begins at 0.

    Parameters
    ----------
    k, per_class
        As of `DeepNeighbourPatterns`.
    """

    facts: ClassVar = DetectorFacts(
        title="cDNP",
        needs="logits",
        cost="kd + d per kept pixel",
        source="Galesso et al., arXiv 2211.06660",
        memorises=True,
    )

    def __init__(
        self,
        *,
        k: int = 3,
        per_class: int = 200,
        head: LinearHead | None = None,
        shrinkage: float = 0.02,
    ) -> None:
        super().__init__(head=head, shrinkage=shrinkage)
        self.k = k
        self.per_class = per_class

    def score(self, features: Tensor) -> Tensor:
        """Return `DNP / max DNP + (energy - min) / (max - min)`."""
        fitted = self._like(features)
        far = neighbour_distances(features, fitted["bank"], self.k).mean(1)
        energy = confidence.energy(self.logits(features))
        low, high = fitted["energy_range"]
        scaled: Tensor = far / fitted["farthest"] + (energy - low) / (high - low)
        return scaled

    def _learn(self, pixels: TrainingPixels, head: LinearHead) -> dict[str, Tensor]:
        bank = labelled_rows(pixels, self.per_class).features
        rest = pixels.unlabelled.detach().cpu()
        far = neighbour_distances(rest, bank, self.k).mean(1)
        low, high = confidence.energy(head(rest)).aminmax()
        high = torch.maximum(high, low + 1e-3 * (1 + low.abs()))
        return {
            "bank": bank,
            "farthest": far.amax().clamp_min(1e-6),
            "energy_range": torch.stack([low, high]),
        }


class NearestNeighbourGuidance(HeadDetector):
    """Energy times the energy-weighted likeness to scribbled pixels (NNGuide).

    Parameters
    ----------
    k
        How many neighbours.
    per_class
        Pixels of each class that are kept.
    """

    facts: ClassVar = DetectorFacts(
        title="NNGuide",
        needs="logits",
        cost="kd + d per kept pixel",
        source="Park et al., ICCV 2023",
        memorises=True,
    )

    def __init__(
        self,
        *,
        k: int = 10,
        per_class: int = 200,
        head: LinearHead | None = None,
        shrinkage: float = 0.02,
    ) -> None:
        super().__init__(head=head, shrinkage=shrinkage)
        self.k = k
        self.per_class = per_class

    def score(self, features: Tensor) -> Tensor:
        """Return the energy times the guidance."""
        bank = self._like(features)["bank"]
        likeness = guidance(features, bank, self.k)
        return confidence.energy(self.logits(features)) * likeness

    def _learn(self, pixels: TrainingPixels, head: LinearHead) -> dict[str, Tensor]:
        rows = labelled_rows(pixels, self.per_class).features
        confident = -confidence.energy(head(rows))
        return {"bank": unit(rows) * confident[:, None]}

"""The instant engine's model: frozen features and closed-form heads."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import torch

from napari_ood_seg.core.errors import ModelMismatchError
from napari_ood_seg.core.types import Prediction

if TYPE_CHECKING:
    from torch import Tensor

    from napari_ood_seg.core.config import InstantConfig
    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.features.descriptor import Descriptor
    from napari_ood_seg.core.ood.distance import Mahalanobis
    from napari_ood_seg.core.ood.ensemble import Ensemble
    from napari_ood_seg.core.ood.threshold import Calibration
    from napari_ood_seg.core.types import ClassInfo


_CHUNK: Final = 8_192
"""Pixels at a time: their features stay in the processor's cache."""


@dataclass(frozen=True, kw_only=True, eq=False)
class InstantModel:
    """A fitted model; immutable.

    Attributes
    ----------
    classes
        The scribbled classes, by id.
    descriptor
        Turns a region into features, with the statistics of one image.
    classifier
        Class Gaussians; their distances are the logits.
    ensemble
        The OOD score.
    calibration
        From score to typicality.
    facts
        For the model file: channel names, wavelengths, pixel size, history.
    """

    config: InstantConfig
    classes: tuple[ClassInfo, ...]
    descriptor: Descriptor = field(repr=False)
    classifier: Mahalanobis = field(repr=False)
    ensemble: Ensemble = field(repr=False)
    calibration: Calibration = field(repr=False)
    facts: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def n_channels(self) -> int:
        """Channels of the images that it takes."""
        return self.descriptor.n_channels

    @property
    def class_ids(self) -> tuple[int, ...]:
        """Ids of the classes, ascending: the order of the logits."""
        return tuple(c.id for c in self.classes)

    @property
    def halo(self) -> int:
        """Context in pixels beyond which nothing changes a feature."""
        return self.descriptor.bank.halo

    def features(self, region: Tensor) -> Tensor:
        """Return `(d, h, w)` features of a `(c, h, w)` region."""
        return self.descriptor(region)

    def logits(self, features: Tensor) -> Tensor:
        """Return `(n, k)` class logits of `(n, d)` features.

        The log density of each class up to a common constant.
        """
        return -0.5 * self.classifier.distances(features)

    def with_descriptor(self, descriptor: Descriptor) -> InstantModel:
        """Return the model with the statistics of another image."""
        return replace(self, descriptor=descriptor)

    def require_fit(self, source: ImageSource) -> None:
        """Raise `ModelMismatchError` unless the model can be applied to `source`."""
        if source.n_channels != self.n_channels:
            raise ModelMismatchError(
                f"the model was trained on {self.n_channels} channels but the image "
                f"{source.name!r} has {source.n_channels}: check the axes, or train "
                "a new model"
            )

    @torch.inference_mode()
    def predict_features(
        self, features: Tensor, *, probabilities: bool = False
    ) -> Prediction:
        """Return the prediction of `(d, h, w)` features."""
        d, h, w = features.shape
        columns = features.reshape(d, -1)
        ids = torch.tensor(self.class_ids, dtype=torch.uint8, device=columns.device)
        classes, scores, posteriors = [], [], []
        for chunk in columns.split(_CHUNK, dim=1):
            rows = chunk.T.contiguous()
            logits = self.logits(rows)
            classes.append(ids[logits.argmax(1)])
            scores.append(self.ensemble.score(rows))
            if probabilities:
                posteriors.append(logits.softmax(1).T)
        score = torch.cat(scores)
        return Prediction(
            classes=torch.cat(classes).view(h, w).cpu().numpy(),
            score=score.view(h, w).cpu().numpy(),
            typicality=self.calibration.typicality(score).view(h, w).cpu().numpy(),
            probabilities=torch.cat(posteriors, dim=1).view(-1, h, w).cpu().numpy()
            if probabilities
            else None,
        )

"""The instant engine's model: frozen features and closed-form heads."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import torch

from napari_ood_seg.core.errors import ModelMismatchError
from napari_ood_seg.core.features import pyramid
from napari_ood_seg.core.types import Prediction

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from torch import Tensor

    from napari_ood_seg.core.config import InstantConfig
    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.features.descriptor import Descriptor
    from napari_ood_seg.core.features.tile_features import TileFeatures
    from napari_ood_seg.core.ood.ensemble import Ensemble
    from napari_ood_seg.core.ood.threshold import Calibration
    from napari_ood_seg.core.types import ClassInfo


_LEAST: Final = 0.4
"""Smoothing over less than this, in pixels that are looked at, is left out."""

_CHUNK: Final = 32_768
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
    ensemble
        Class Gaussians, whose distances make the logits, and the OOD score.
    calibration
        From score to typicality.
    remarks
        A sentence for each OOD score that does not suit the features.
    facts
        For the model file: channel names, wavelengths, pixel size, history.
    """

    config: InstantConfig
    classes: tuple[ClassInfo, ...]
    descriptor: Descriptor = field(repr=False)
    ensemble: Ensemble = field(repr=False)
    calibration: Calibration = field(repr=False)
    remarks: tuple[str, ...] = ()
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
        """Context in pixels beyond which nothing changes the logits."""
        return self.descriptor.halo + self.margin

    @property
    def margin(self) -> int:
        """Context in pixels that enlarging and smoothing the scores needs."""
        return pyramid.reach(self.descriptor.factors, self.config.smoothing)

    def features(self, region: Tensor) -> tuple[Tensor, ...]:
        """Return per scale `(d, h_i, w_i)` features of a `(c, h, w)` region."""
        return self.descriptor(region)

    @torch.inference_mode()
    def evaluate(
        self,
        features: tuple[Tensor, ...],
        size: tuple[int, int],
        guide: Tensor | None = None,
        *,
        stride: int = 1,
    ) -> tuple[Tensor, Tensor]:
        """Return logits `(k, h, w)` and OOD scores `(h, w)` of a region of `size`.

        Features that were thinned to a `stride` are smoothed less.

        A class logit is minus the mean over the scales of the log squared distance,
        times half the mean number of features: the log density of a Gaussian whose
        scale is not known. A higher score is more OOD.
        """
        merged = self.columns(features, size, guide, stride=stride)
        return self.logits_of(merged), self.ensemble.score(merged)

    @torch.inference_mode()
    def columns(
        self,
        features: tuple[Tensor, ...],
        size: tuple[int, int],
        guide: Tensor | None = None,
        *,
        stride: int = 1,
    ) -> Tensor:
        """Return `(c, h, w)` columns of a region: see `Ensemble.columns`.

        They are averaged over the scales and over neighbours; everything that is
        said about a pixel follows from them.
        """
        maps = [
            _by_pixel(z, partial(self.ensemble.columns, level))
            for level, z in enumerate(features)
        ]
        return self._merge(maps, size, guide, stride)

    def logits_of(self, columns: Tensor) -> Tensor:
        """Return the `(k, ...)` logits that follow from `(c, ...)` columns."""
        return -0.5 * self.descriptor.mean_size * columns[: len(self.classes)]

    def logits(
        self,
        features: tuple[Tensor, ...],
        size: tuple[int, int],
        guide: Tensor | None = None,
    ) -> Tensor:
        """Return the `(k, h, w)` class logits of a region; see `evaluate`."""
        return self.evaluate(features, size, guide)[0]

    def _merge(
        self,
        maps: Sequence[Tensor],
        size: tuple[int, int],
        guide: Tensor | None,
        stride: int,
    ) -> Tensor:
        smoothing = self.config.smoothing / stride
        return pyramid.merge(
            maps,
            [max(f // stride, 1) for f in self.descriptor.factors],
            size,
            smoothing=smoothing if smoothing >= _LEAST or stride == 1 else 0.0,
            guide=guide if self.config.edge_aware else None,
        )

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
    def predict_tile(
        self, tile: TileFeatures, *, probabilities: bool = False, stride: int = 1
    ) -> Prediction:
        """Return the prediction of the inner part of a tile, `(h, w)`.

        Parameters
        ----------
        stride
            To which the features were thinned.
        """
        logits, score = self.evaluate(tile.levels, tile.size, tile.guide, stride=stride)
        logits = logits[(slice(None), *tile.crop)]
        score = score[tile.crop].contiguous()
        best = logits.argmax(0) if self.config.per_class else None
        typicality = self.calibration.typicality(score, best)
        if tile.invalid is not None:
            typicality[tile.invalid] = 0.0
        return Prediction(
            classes=_best(logits, self.class_ids).cpu().numpy(),
            score=score.cpu().numpy(),
            typicality=typicality.cpu().numpy(),
            probabilities=logits.softmax(0).cpu().numpy() if probabilities else None,
        )


def _best(logits: Tensor, class_ids: Sequence[int]) -> Tensor:
    """Return `(h, w)` uint8 ids of the largest of `(k, h, w)` logits; ties: the first.

    Several times faster than `argmax` over the first axis.
    """
    top = logits.amax(0)
    best = torch.zeros(top.shape, dtype=torch.uint8, device=top.device)
    for class_id, own in reversed(list(zip(class_ids, logits, strict=True))):
        best.masked_fill_(own == top, class_id)
    return best


def _by_pixel(z: Tensor, function: Callable[[Tensor], Tensor]) -> Tensor:
    """Return `(k, h, w)` values of `(d, h, w)` features under a function of rows.

    Parameters
    ----------
    function
        From `(n, d)` to `(n, k)`; it is given some thousand pixels at a time.
    """
    columns = z.flatten(1)
    out: list[Tensor] = []
    for i in range(0, columns.shape[1], _CHUNK):
        values = function(columns[:, i : i + _CHUNK].T).T
        if not out:
            out.append(values.new_empty(len(values), columns.shape[1]))
        out[0][:, i : i + _CHUNK] = values
    return out[0].reshape(-1, *z.shape[1:])

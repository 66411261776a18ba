"""The instant engine's model: frozen features and closed-form heads."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import torch

from napari_ood_seg.core.data.alike import with_bands_at
from napari_ood_seg.core.errors import ImageError, ModelMismatchError
from napari_ood_seg.core.features import pyramid
from napari_ood_seg.core.parallel import spread
from napari_ood_seg.core.types import Prediction

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt
    from torch import Tensor

    from napari_ood_seg.core.config import InstantConfig
    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.features.descriptor import Descriptor
    from napari_ood_seg.core.features.tile_features import TileFeatures
    from napari_ood_seg.core.ood.ensemble import Ensemble
    from napari_ood_seg.core.ood.threshold import Calibration
    from napari_ood_seg.core.types import ClassInfo

    Answer = dict[str, Tensor]


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
        chunks = [
            (level, chunk)
            for level, z in enumerate(features)
            for chunk in z.flatten(1).split(_CHUNK, dim=1)
        ]
        found = spread(self._columns_of, chunks, on=features[0].device)
        of_level: list[list[Tensor]] = [[] for _ in features]
        for (level, _), values in zip(chunks, found, strict=True):
            of_level[level].append(values)
        maps = [
            torch.cat(values, dim=1).unflatten(1, z.shape[1:])
            for values, z in zip(of_level, features, strict=True)
        ]
        return self._merge(maps, size, guide, stride)

    def _columns_of(self, chunk: tuple[int, Tensor]) -> Tensor:
        """Return `(c, n)` columns of `(d, n)` features of a level."""
        level, features = chunk
        return self.ensemble.columns(level, features.T).T

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
        self.suited(source)

    def suited(self, source: ImageSource) -> ImageSource:
        """Return `source` with the bands of the model.

        It is resampled if the wavelengths of both are known and differ; see
        `ImageSource.resampled`. Nothing is read.

        Raises
        ------
        ModelMismatchError
            If there are other channels, and it cannot be resampled.
        """
        try:
            own = self.facts.get("wavelengths")
            return with_bands_at(source, own, self.n_channels)
        except ImageError as error:
            raise ModelMismatchError(
                f"the image {source.name!r} has other wavelengths than the model: "
                f"{error}; train a new model"
            ) from error
        except ModelMismatchError as error:
            raise ModelMismatchError(
                f"the model was trained on {self.n_channels} channels but the image "
                f"{source.name!r} has {source.n_channels}: check the axes, or train "
                "a new model"
            ) from error

    def takes(self, source: ImageSource) -> bool:
        """Whether the model can be applied to `source`."""
        try:
            self.suited(source)
        except ModelMismatchError:
            return False
        return True

    def remark_on(self, source: ImageSource) -> str:
        """Return a sentence about how `source` is made to fit, or nothing.

        Raises
        ------
        ModelMismatchError
            If it does not.
        """
        if self.suited(source) is source:
            return ""
        return (
            f"The {source.n_channels} bands of {source.name!r} were resampled to the "
            f"{self.n_channels} wavelengths of the model."
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
        merged = self.columns(tile.levels, tile.size, tile.guide, stride=stride)
        inner = merged[(slice(None), *tile.crop)]
        answer = partial(self._answer, probabilities=probabilities)
        parts = spread(answer, _bands(inner), on=inner.device)
        typicality = _rows(parts, "typicality")
        if tile.invalid is not None:
            typicality[tile.invalid.cpu().numpy()] = 0.0
        return Prediction(
            classes=_rows(parts, "classes"),
            score=_rows(parts, "score"),
            typicality=typicality,
            probabilities=_rows(parts, "probabilities") if probabilities else None,
        )

    @torch.inference_mode()
    def predict_pixels(
        self, levels: Sequence[Tensor], invalid: Tensor | None = None
    ) -> Prediction:
        """Return the prediction of pixels here and there, `(n,)`, without neighbours.

        Parameters
        ----------
        levels
            Per scale `(n, d)` features of the cells that they lie in.
        invalid
            `(n,)` bool: those whose typicality is 0.
        """
        each = [self.ensemble.columns(i, z).T for i, z in enumerate(levels)]
        answer = self._answer(torch.stack(each).mean(0), probabilities=False)
        found = {name: values.cpu().numpy() for name, values in answer.items()}
        if invalid is not None:
            found["typicality"][invalid.cpu().numpy()] = 0.0
        return Prediction(
            classes=found["classes"],
            score=found["score"],
            typicality=found["typicality"],
        )

    def _answer(self, columns: Tensor, *, probabilities: bool) -> Answer:
        """Return what is said about each pixel of `(c, h, w)` columns."""
        logits, score = self.logits_of(columns), self.ensemble.score(columns)
        best = logits.argmax(0) if self.config.per_class else None
        return {
            "classes": _best(logits, self.class_ids),
            "score": score,
            "typicality": self.calibration.typicality(score.contiguous(), best),
            "probabilities": logits.softmax(0) if probabilities else score,
        }


def _bands(columns: Tensor) -> list[Tensor]:
    """Return `(c, h, w)` columns in bands of rows for all cores; whole on a GPU."""
    if columns.device.type != "cpu":
        return [columns]
    rows = max(1, _CHUNK // columns.shape[2])
    return list(columns.split(rows, dim=1))


def _rows(parts: Sequence[Answer], name: str) -> npt.NDArray[Any]:
    """Return one answer of all bands, put together along the rows."""
    values: npt.NDArray[Any] = torch.cat([p[name] for p in parts], -2).cpu().numpy()
    return values


def _best(logits: Tensor, class_ids: Sequence[int]) -> Tensor:
    """Return `(h, w)` uint8 ids of the largest of `(k, h, w)` logits; ties: the first.

    Several times faster than `argmax` over the first axis.
    """
    top = logits.amax(0)
    best = torch.zeros(top.shape, dtype=torch.uint8, device=top.device)
    for class_id, own in reversed(list(zip(class_ids, logits, strict=True))):
        best.masked_fill_(own == top, class_id)
    return best

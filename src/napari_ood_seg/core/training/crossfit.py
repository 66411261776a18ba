"""Fit an ensemble of detectors and calibrate it on strokes that were held out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from napari_ood_seg.core.ood.ensemble import Ensemble, standardisation
from napari_ood_seg.core.ood.registry import make_detector
from napari_ood_seg.core.ood.threshold import Calibration
from napari_ood_seg.core.training.folds import ALWAYS_IN
from napari_ood_seg.core.types import Progress

if TYPE_CHECKING:
    from collections.abc import Generator

    from torch import Tensor

    from napari_ood_seg.core.config import InstantConfig
    from napari_ood_seg.core.ood.base import PixelDetector, TrainingPixels

    Groups = list[list[Tensor]]


def fit_members(
    pixels: TrainingPixels, config: InstantConfig
) -> dict[str, PixelDetector]:
    """Return the chosen detectors, fitted, by name."""
    return {n: make_detector(n, config).fit(pixels) for n in config.detectors}


def member_scores(members: dict[str, PixelDetector], features: Tensor) -> Tensor:
    """Return `(n, m)` scores of `(n, d)` features."""
    return torch.stack([m.score(features) for m in members.values()], dim=1)


def crossfit(
    pixels: TrainingPixels, config: InstantConfig
) -> Generator[Progress, None, tuple[Ensemble, Calibration]]:
    """Fit the ensemble; hold the folds out in turn to standardise and calibrate.

    Where no class has two strokes to hold one out, the scores are those of the
    pixels fitted on, and the calibration says so with `n_strokes` 0.
    """
    folds = sorted({s.group for s in pixels.strokes} - {ALWAYS_IN})
    total = len(folds) + 1
    held: dict[int, list[Tensor]] = {i: [] for i in pixels.class_ids}
    for i, fold in enumerate(folds):
        yield Progress(done=i, total=total, stage="checking on held-out scribbles")
        members = fit_members(pixels.without({fold}), config)
        for stroke in pixels.strokes:
            if stroke.group == fold:
                held[stroke.class_id].append(member_scores(members, stroke.features))
    yield Progress(done=total - 1, total=total, stage="fitting")
    members = fit_members(pixels, config)
    groups: Groups = [strokes for strokes in held.values() if strokes]
    n_strokes = sum(len(strokes) for strokes in groups)
    if not groups:
        own = pixels.by_class().values()
        groups = [[member_scores(members, s.features) for s in c] for c in own]
    ensemble = Ensemble(members, *standardisation(groups))
    scores = [[ensemble.combine(s) for s in strokes] for strokes in groups]
    return ensemble, Calibration.fit(scores, n_strokes=n_strokes)

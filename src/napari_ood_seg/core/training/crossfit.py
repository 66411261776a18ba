"""Fit an ensemble of detectors and calibrate it on strokes that were held out."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import torch

from napari_ood_seg.core.ood.ensemble import Ensemble, standardisation
from napari_ood_seg.core.ood.registry import make_detector
from napari_ood_seg.core.ood.threshold import Calibration
from napari_ood_seg.core.training.folds import ALWAYS_IN
from napari_ood_seg.core.types import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Sequence

    from torch import Tensor

    from napari_ood_seg.core.config import InstantConfig
    from napari_ood_seg.core.features.pyramid import Footprint
    from napari_ood_seg.core.ood.base import PixelDetector, TrainingPixels


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Probe:
    """Pixels of a stroke at which the score is checked when it is held out.

    Attributes
    ----------
    class_id, group
        As of `StrokePixels`.
    levels
        Per scale the footprint of the pixels, and the features of its cells.
    """

    class_id: int
    group: int
    levels: tuple[tuple[Footprint, Tensor], ...] = field(repr=False)


def makers(config: InstantConfig) -> dict[str, Callable[[], PixelDetector]]:
    """Return what makes each of the chosen detectors."""
    return {n: partial(make_detector, n, config) for n in config.detectors}


def probe_scores(ensemble: Ensemble, probe: Probe) -> Tensor:
    """Return `(n, m)` scores of the members at the pixels of a probe."""
    per_level = []
    for level, (footprint, features) in enumerate(probe.levels):
        scores = ensemble.score_level(level, features).cpu()
        columns = [footprint(column) for column in scores.T]
        per_level.append(torch.stack(columns, dim=1))
    return torch.stack(per_level).mean(0)


def crossfit(
    levels: Sequence[TrainingPixels], probes: Sequence[Probe], config: InstantConfig
) -> Generator[Progress, None, tuple[Ensemble, Calibration]]:
    """Fit the ensemble; hold the folds out in turn to standardise and calibrate.

    Where no class has two strokes to hold one out, the scores are those of the
    pixels fitted on, and the calibration says so with `n_strokes` 0.

    Parameters
    ----------
    levels
        Per scale, what the detectors learn from; the same strokes on each.
    probes
        One per stroke.
    """
    folds = sorted({p.group for p in probes} - {ALWAYS_IN})
    total = len(folds) + 1
    held: dict[int, list[Tensor]] = {p.class_id: [] for p in probes}
    for i, fold in enumerate(folds):
        yield Progress(done=i, total=total, stage="checking on held-out scribbles")
        ensemble = Ensemble.fit(makers(config), [p.without({fold}) for p in levels])
        for probe in probes:
            if probe.group == fold:
                held[probe.class_id].append(probe_scores(ensemble, probe))
    yield Progress(done=total - 1, total=total, stage="fitting")
    ensemble = Ensemble.fit(makers(config), levels)
    n_strokes = sum(len(strokes) for strokes in held.values())
    if n_strokes == 0:
        for probe in probes:
            held[probe.class_id].append(probe_scores(ensemble, probe))
    groups = [strokes for strokes in held.values() if strokes]
    if len(config.detectors) > 1:
        ensemble.centre, ensemble.scale = standardisation(groups)
    scores = [[ensemble.combine(s) for s in strokes] for strokes in groups]
    return ensemble, Calibration.fit(scores, n_strokes=n_strokes)

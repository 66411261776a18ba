"""Fit an ensemble of detectors and calibrate it on strokes that were held out."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Final

from napari_ood_seg.core.ood.balance import chosen_weights
from napari_ood_seg.core.ood.ensemble import Ensemble
from napari_ood_seg.core.ood.registry import make_detector
from napari_ood_seg.core.ood.threshold import Calibration
from napari_ood_seg.core.training.folds import ALWAYS_IN
from napari_ood_seg.core.types import Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping, Sequence

    from torch import Tensor

    from napari_ood_seg.core.config import InstantConfig
    from napari_ood_seg.core.features.pyramid import Footprint
    from napari_ood_seg.core.ood.base import PixelDetector, TrainingPixels

    ByClass = Mapping[int, Sequence[Tensor]]

MIN_CLASSES: Final = 3
"""With fewer, leaving one out leaves too little to learn from."""


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

    def columns(self, ensemble: Ensemble) -> Tensor:
        """Return averaged `(c, n)` columns at the pixels."""
        return ensemble.columns_at(self.levels)

    def evidence(self, ensemble: Ensemble) -> Tensor:
        """Return `(e, n)` evidence at the pixels."""
        return ensemble.evidence(self.columns(ensemble))


def makers(config: InstantConfig) -> dict[str, Callable[[], PixelDetector]]:
    """Return what makes each of the chosen detectors."""
    return {n: partial(make_detector, n, config) for n in config.detectors}


def crossfit(
    levels: Sequence[TrainingPixels], probes: Sequence[Probe], config: InstantConfig
) -> Generator[Progress, None, tuple[Ensemble, Calibration]]:
    """Fit the ensemble; hold the folds out in turn to standardise and calibrate.

    With three classes or more, and detectors that score class by class, the evidence
    against a held-out stroke is also taken without its class, as if that had never
    been painted; this weighs the kinds of evidence, see `chosen_weights`.

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
    ids = levels[0].class_ids
    held, lost, fitted = defaultdict(list), defaultdict(list), defaultdict(list)
    for i, fold in enumerate(folds):
        yield Progress(
            done=i, total=len(folds) + 1, stage="checking on held-out scribbles"
        )
        ensemble = _fit(config, [p.without({fold}) for p in levels])
        for probe in probes:
            if probe.group == fold:
                columns = probe.columns(ensemble)
                held[probe.class_id].append(ensemble.evidence(columns))
                if len(ids) >= MIN_CLASSES and ensemble.is_by_class:
                    left_out = ids.index(probe.class_id)
                    evidence = ensemble.evidence_without(left_out, columns)
                    lost[probe.class_id].append(evidence)
    yield Progress(done=len(folds), total=len(folds) + 1, stage="fitting")
    ensemble = _fit(config, levels)
    for probe in probes:
        fitted[probe.class_id].append(probe.evidence(ensemble))
    ensemble = ensemble.standardised(list((held or fitted).values()))
    if lost and config.by_classes:
        best = chosen_weights(ensemble.weights, ensemble.scale, held, lost)
        ensemble = replace(ensemble, weights=best)
    calibration = Calibration.fit(
        _scores(ensemble, held),
        _scores(ensemble, fitted | held if ensemble.memorises else fitted),
        method=config.calibration,
        per_class=config.per_class,
    )
    return ensemble, calibration


def _fit(config: InstantConfig, levels: Sequence[TrainingPixels]) -> Ensemble:
    return Ensemble.fit(
        makers(config),
        levels,
        shrinkage=config.shrinkage,
        distance=config.distance,
        ambiguity=config.ambiguity,
    )


def _scores(ensemble: Ensemble, evidence: ByClass) -> dict[int, list[Tensor]]:
    return {i: [ensemble.combine(e) for e in own] for i, own in evidence.items()}

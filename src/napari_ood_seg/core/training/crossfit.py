"""Fit an ensemble of detectors and calibrate it on strokes that were held out."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Final

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

from napari_ood_seg.core.features.pyramid import Footprint
from napari_ood_seg.core.ood.balance import chosen_weights
from napari_ood_seg.core.ood.ensemble import Ensemble
from napari_ood_seg.core.ood.registry import make_detector
from napari_ood_seg.core.ood.threshold import Calibration
from napari_ood_seg.core.training.folds import ALWAYS_IN
from napari_ood_seg.core.types import Progress

if TYPE_CHECKING:
    from collections.abc import (
        Callable,
        Collection,
        Generator,
        Iterator,
        Mapping,
        Sequence,
    )

    from torch import Tensor

    from napari_ood_seg.core.config import InstantConfig
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


class Probes:
    """Many probes together, so that each scale is evaluated once for all of them.

    Parameters
    ----------
    probes
        At least one, in an order that puts those that are asked for together in a row.
    """

    def __init__(self, probes: Sequence[Probe]) -> None:
        self.probes = tuple(probes)
        self._sizes = [len(p.levels[0][0].index) for p in probes]
        n_levels = len(probes[0].levels)
        self._levels = [
            _together([p.levels[i] for p in probes]) for i in range(n_levels)
        ]

    def columns(self, ensemble: Ensemble) -> list[Tensor]:
        """Return averaged `(c, n)` columns at the pixels of each probe."""
        columns = ensemble.columns_at(self._levels)
        return list(columns.split(self._sizes, dim=1))

    def evidence(self, ensemble: Ensemble) -> list[Tensor]:
        """Return `(e, n)` evidence at the pixels of each probe."""
        columns = ensemble.columns_at(self._levels)
        return list(ensemble.evidence(columns).split(self._sizes, dim=1))


def _together(parts: Sequence[tuple[Footprint, Tensor]]) -> tuple[Footprint, Tensor]:
    """Return the footprints of several probes on a scale as one, and its features."""
    widest = max(footprint.index.shape[1] for footprint, _ in parts)
    cells, index, weights, n = [], [], [], 0
    for footprint, _ in parts:
        short = widest - footprint.index.shape[1]
        cells.append(footprint.cells)
        index.append(F.pad(footprint.index, (0, short)) + n)
        weights.append(F.pad(footprint.weights, (0, short)))
        n += len(footprint.cells)
    whole = Footprint(torch.cat(cells), torch.cat(index), torch.cat(weights))
    return whole, torch.cat([features for _, features in parts])


def makers(config: InstantConfig) -> dict[str, Callable[[], PixelDetector]]:
    """Return what makes each of the chosen detectors."""
    return {n: partial(make_detector, n, config) for n in config.detectors}


class Gathered:
    """Keeps probes that are asked for together from one fit to the next.

    A stroke more changes those of one fold; putting probes together takes longer than
    evaluating them.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[Probe, ...], Probes] = {}
        self._used: dict[tuple[Probe, ...], Probes] = {}

    def of(self, probes: Sequence[Probe]) -> Probes:
        """Return these probes together."""
        key = tuple(probes)
        found = self._used.get(key) or self._kept.get(key) or Probes(key)
        self._used[key] = found
        return found

    def forget_unused(self) -> None:
        """Drop what was not asked for since the last time."""
        self._kept, self._used = self._used, {}


def crossfit(
    levels: Sequence[TrainingPixels],
    probes: Sequence[Probe],
    config: InstantConfig,
    *,
    gathered: Gathered | None = None,
    roles: Tensor | None = None,
) -> Generator[Progress, None, tuple[Ensemble, Calibration]]:
    """Fit the ensemble; hold the folds out in turn to standardise and calibrate.

    With three classes or more, and detectors that score class by class, the evidence
    against a held-out stroke is also taken without its class, as if that had never
    been painted; this weighs the kinds of evidence, see `chosen_weights`, unless all
    held-out strokes are of one class.

    Where no class has two strokes to hold one out, the scores are those of the
    pixels fitted on, and the calibration says so with `n_strokes` 0.

    Parameters
    ----------
    levels
        Per scale, what the detectors learn from; the same strokes on each.
    probes
        One per stroke.
    gathered
        What was put together in the fit before.
    roles
        Of the scales, see `Ensemble`.
    """
    gathered = gathered or Gathered()
    probes = sorted(probes, key=lambda p: p.group)
    folds = sorted({p.group for p in probes} - {ALWAYS_IN})
    ids = levels[0].class_ids
    held, lost, fitted = defaultdict(list), defaultdict(list), defaultdict(list)
    without: list[set[int]] = [*({fold} for fold in folds), set()]
    ensembles = ensembles_without(without, levels, config, roles=roles)
    for i, fold in enumerate(folds):
        yield Progress(
            done=i, total=len(folds) + 1, stage="checking on held-out scribbles"
        )
        ensemble = next(ensembles)
        checked = [p for p in probes if p.group == fold]
        found = gathered.of(checked).columns(ensemble)
        for probe, columns in zip(checked, found, strict=True):
            held[probe.class_id].append(ensemble.evidence(columns))
            if len(ids) >= MIN_CLASSES and ensemble.is_by_class:
                left_out = ids.index(probe.class_id)
                evidence = ensemble.evidence_without(left_out, columns)
                lost[probe.class_id].append(evidence)
    yield Progress(done=len(folds), total=len(folds) + 1, stage="fitting")
    ensemble = next(ensembles)
    for _, group in groupby(probes, key=lambda p: p.group):
        own = tuple(group)
        found = gathered.of(own).evidence(ensemble)
        for probe, evidence in zip(own, found, strict=True):
            fitted[probe.class_id].append(evidence)
    gathered.forget_unused()
    ensemble = ensemble.standardised(list((held or fitted).values()))
    if lost and len(held) > 1 and config.by_classes:
        best = chosen_weights(ensemble.weights, ensemble.scale, held, lost)
        ensemble = replace(ensemble, weights=best)
    calibration = Calibration.fit(
        _scores(ensemble, held),
        _scores(ensemble, fitted | held if ensemble.memorises else fitted),
        method=config.calibration,
        per_class=config.per_class,
    )
    return ensemble, calibration


def ensembles_without(
    left_out: Sequence[Collection[int]],
    levels: Sequence[TrainingPixels],
    config: InstantConfig,
    *,
    roles: Tensor | None = None,
) -> Iterator[Ensemble]:
    """Yield ensembles, each fitted without the strokes of some folds."""
    return Ensemble.fits(
        makers(config),
        levels,
        left_out,
        config.shrinkage,
        (config.distance, config.ambiguity),
        roles,
    )


def _scores(ensemble: Ensemble, evidence: ByClass) -> dict[int, list[Tensor]]:
    return {i: [ensemble.combine(e) for e in own] for i, own in evidence.items()}

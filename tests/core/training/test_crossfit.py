from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
import torch

from napari_ood_seg.core.config import InstantConfig
from napari_ood_seg.core.features.pyramid import Footprint
from napari_ood_seg.core.ood.base import StrokePixels, TrainingPixels
from napari_ood_seg.core.ood.distance import Mahalanobis
from napari_ood_seg.core.ood.registry import make_detector
from napari_ood_seg.core.ood.threshold import HELD_OUT_SHARE, LEVELS, Calibration
from napari_ood_seg.core.training import crossfit as module
from napari_ood_seg.core.training.crossfit import (
    Probe,
    crossfit,
    makers,
)
from napari_ood_seg.core.training.folds import ALWAYS_IN
from tests.contracts.detector import draw
from tests.contracts.scenes import drive

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    from napari_ood_seg.core.types import Progress

CONFIG = InstantConfig(detectors=("mahalanobis", "nearest neighbour"))
N_LEVELS = 2
D = 4


class Case(NamedTuple):
    levels: list[TrainingPixels]
    probes: list[Probe]


def plain(features: Tensor) -> tuple[Footprint, Tensor]:
    """Return a footprint in which every pixel is its own cell."""
    n = len(features)
    pixels = torch.stack([torch.zeros(n, dtype=torch.int64), torch.arange(n)], 1)
    return Footprint.of(pixels, (1, n), 1, smoothing=0.0), features


def case(strokes: list[tuple[int, int, int]], *, spread: float = 1.0) -> Case:
    """Return strokes of `(class_id, group, n)`, their features one set per level."""
    levels = [
        [
            draw(n, D, at=6 * c + spread * (i % 3), seed=1000 * level + 100 * c + i)
            for i, (c, _, n) in enumerate(strokes)
        ]
        for level in range(N_LEVELS)
    ]
    pixels = [
        TrainingPixels(
            strokes=tuple(
                StrokePixels(class_id=c, group=g, features=z)
                for (c, g, _), z in zip(strokes, features, strict=True)
            ),
            unlabelled=5 * draw(400, D, seed=77 + level),
        )
        for level, features in enumerate(levels)
    ]
    probes = [
        Probe(class_id=c, group=g, levels=tuple(plain(z[i]) for z in levels))
        for i, (c, g, _) in enumerate(strokes)
    ]
    return Case(pixels, probes)


UNEVEN = [(1, 0, 30), (1, 1, 90), (1, 0, 20), (2, 0, 25), (2, 1, 40), (3, ALWAYS_IN, 5)]


def evidence_of(case: Case, i: int, left_out: Callable[[StrokePixels], bool]) -> Tensor:
    """Return `(4, n)` evidence of a stroke by what never saw some strokes."""
    logs, own, nearest = [], [], []
    for pixels in case.levels:
        rest = tuple(s for s in pixels.strokes if not left_out(s))
        seen = TrainingPixels(strokes=rest, unlabelled=pixels.unlabelled)
        x = pixels.strokes[i].features
        first, second = (make_detector(n, CONFIG).fit(seen) for n in CONFIG.detectors)
        assert isinstance(first, Mahalanobis)
        own.append(first.distances(x).log())
        nearest.append(second.score(x))
        logs.append(
            Mahalanobis(shrinkage=CONFIG.shrinkage).fit(seen).distances(x).log()
        )
    per_class = torch.stack(own).mean(0).sort(1).values
    return torch.stack(
        [
            per_class[:, 0],
            torch.stack(nearest).mean(0),
            torch.stack(logs).mean(0).amin(1),
            per_class[:, 0] - per_class[:, 1],
        ]
    )


def held_out_evidence(made: Case) -> dict[int, list[Tensor]]:
    out: dict[int, list[Tensor]] = {}
    for i, probe in enumerate(made.probes):
        if probe.group != ALWAYS_IN:
            group = probe.group
            found = evidence_of(made, i, lambda s: s.group == group)  # noqa: B023
            out.setdefault(probe.class_id, []).append(found)
    return out


def test_calibrated_on_strokes_that_were_left_out() -> None:
    made = case(UNEVEN)
    config = replace(CONFIG, by_classes=False)
    ensemble, calibration = drive(crossfit(*made, config))
    held = held_out_evidence(made)
    stacked = {c: torch.cat(s, 1).double().numpy() for c, s in held.items()}
    centre = np.mean([s.mean(1) for s in stacked.values()], axis=0)
    off = [((s - centre[:, None]) ** 2).mean(1) for s in stacked.values()]
    scale = np.sqrt(np.mean(off, axis=0))
    np.testing.assert_allclose(ensemble.centre, centre, rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(ensemble.scale, scale, rtol=1e-3)
    expected = [0.5, 0.5, config.distance, config.ambiguity]
    assert ensemble.weights.tolist() == pytest.approx(expected)
    fitted = {
        c: [
            ensemble.evidence(ensemble.columns_at(p.levels))
            for p in made.probes
            if p.class_id == c
        ]
        for c in (1, 2, 3)
    }
    wanted = Calibration.fit(
        {c: [ensemble.combine(e) for e in own] for c, own in held.items()},
        {c: [ensemble.combine(e) for e in own] for c, own in (fitted | held).items()},
    )  # the nearest neighbour knows what it was fitted on by heart
    np.testing.assert_allclose(calibration.quantiles, wanted.quantiles, atol=2e-2)
    assert calibration.n_strokes == 5


def test_weights_come_from_strokes_judged_without_their_class(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made = case(UNEVEN)
    config = replace(CONFIG, detectors=("mahalanobis",), distance=0.1)
    lost: dict[int, list[Tensor]] = {}
    held_out = [p for p in enumerate(made.probes) if p[1].group != ALWAYS_IN]
    for i, probe in sorted(held_out, key=lambda p: p[1].group):
        per_level = []
        for pixels in made.levels:
            seen = pixels.without({probe.group})
            x = pixels.strokes[i].features
            tied = Mahalanobis(shrinkage=config.shrinkage).fit(seen)
            own = make_detector("mahalanobis", config).fit(seen)
            assert isinstance(own, Mahalanobis)
            both = torch.stack([own.distances(x).log(), tied.distances(x).log()])
            per_level.append(both)
        others = [j for j in range(3) if j != probe.class_id - 1]
        own_logs, tied_logs = torch.stack(per_level).mean(0)[..., others]
        best = own_logs.sort(1).values
        evidence = [own_logs.amin(1), tied_logs.amin(1), best[:, 0] - best[:, 1]]
        lost.setdefault(probe.class_id, []).append(torch.stack(evidence))
    heard = []

    def chosen(
        fixed: Tensor, scale: Tensor, held: object, found: dict[int, list[Tensor]]
    ) -> Tensor:
        heard.append((fixed, scale, held, found))
        return torch.tensor([0.5, 0.5, 2.0])

    monkeypatch.setattr(module, "chosen_weights", chosen)
    ensemble, _ = drive(crossfit(*made, config))
    assert ensemble.weights.tolist() == [0.5, 0.5, 2.0]
    ((fixed, scale, _, found),) = heard
    assert fixed.tolist() == pytest.approx([1.0, 0.1, config.ambiguity])
    assert torch.equal(scale, ensemble.scale)
    assert found.keys() == lost.keys()
    for class_id, strokes in lost.items():
        for got, expected in zip(found[class_id], strokes, strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-3, atol=1e-3)


def test_weights_are_fixed_where_a_class_cannot_be_left_out() -> None:
    """The nearest neighbour does not score class by class."""
    ensemble, _ = drive(crossfit(*case(UNEVEN), CONFIG))
    expected = [0.5, 0.5, CONFIG.distance, CONFIG.ambiguity]
    assert ensemble.weights.tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    "strokes",
    [
        [s for s in UNEVEN if s[0] < 3],
        [(1, 0, 30), (1, 1, 90), (2, ALWAYS_IN, 7), (3, ALWAYS_IN, 5)],
    ],
    ids=["two classes", "one of three has enough"],
)
def test_weights_are_fixed_where_there_is_nothing_to_tell_a_lost_class_from(
    strokes: list[tuple[int, int, int]],
) -> None:
    config = replace(CONFIG, detectors=("mahalanobis",))
    ensemble, calibration = drive(crossfit(*case(strokes), config))
    expected = [1.0, CONFIG.distance, CONFIG.ambiguity]
    assert ensemble.weights.tolist() == pytest.approx(expected)
    assert calibration.n_strokes == sum(g != ALWAYS_IN for _, g, _ in strokes)


def test_members_are_fitted_on_everything() -> None:
    made = case(UNEVEN)
    ensemble, _ = drive(crossfit(*made, CONFIG))
    assert list(ensemble.members) == list(CONFIG.detectors)
    for name, make in makers(CONFIG).items():
        for expert, pixels in zip(ensemble.members[name], made.levels, strict=True):
            for key, tensor in make().fit(pixels).tensors().items():
                assert torch.equal(expert.tensors()[key], tensor)


def test_without_a_stroke_to_spare_it_says_so() -> None:
    made = case([(1, ALWAYS_IN, 5), (2, ALWAYS_IN, 3)])
    ensemble, calibration = drive(crossfit(*made, CONFIG))
    assert calibration.n_strokes == 0
    own = {
        p.class_id: [ensemble.combine(ensemble.evidence(ensemble.columns_at(p.levels)))]
        for p in made.probes
    }
    expected = Calibration.fit({}, own).quantiles
    torch.testing.assert_close(calibration.quantiles, expected)


def test_fitted_scores_pull_the_threshold_down_a_little() -> None:
    made = case(UNEVEN)
    config = replace(CONFIG, detectors=("mahalanobis",), by_classes=False)
    ensemble, calibration = drive(crossfit(*made, config))
    scores: dict[int, list[Tensor]] = {}
    for probe in made.probes:
        own = ensemble.combine(ensemble.evidence(ensemble.columns_at(probe.levels)))
        scores.setdefault(probe.class_id, []).append(own)
    fitted = Calibration.fit({}, scores).quantiles
    at = int((LEVELS - 0.95).abs().argmin())
    held = (calibration.quantiles - (1 - HELD_OUT_SHARE) * fitted) / HELD_OUT_SHARE
    assert fitted[0, at] < calibration.quantiles[0, at] < held[0, at]


@pytest.mark.parametrize("keep", [0.5, 0.8, 0.95])
def test_that_share_of_fresh_pixels_stays_known(keep: float) -> None:
    """Where strokes are alike, the held-out ones tell what comes next."""
    made = case([(c, i % 4, 200) for c in (1, 2) for i in range(8)], spread=0.0)
    ensemble, calibration = drive(crossfit(*made, InstantConfig()))
    known = []
    for c in (1, 2):
        fresh = tuple(
            plain(draw(2000, D, at=6 * c, seed=9000 + 10 * c + i))
            for i in range(N_LEVELS)
        )
        probe = Probe(class_id=c, group=0, levels=fresh)
        scores = ensemble.combine(ensemble.evidence(ensemble.columns_at(probe.levels)))
        known.append((calibration.typicality(scores) >= 1 - keep).float().mean())
    assert float(torch.stack(known).mean()) == pytest.approx(keep, abs=0.05)


def test_progress() -> None:
    steps: list[Progress] = list(crossfit(*case(UNEVEN), CONFIG))
    assert [(s.done, s.total) for s in steps] == [(i, 3) for i in range(3)]
    assert steps[-1].stage == "fitting"

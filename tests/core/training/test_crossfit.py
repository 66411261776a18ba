from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pytest
import torch

from napari_ood_seg.core.config import InstantConfig
from napari_ood_seg.core.features.pyramid import Footprint
from napari_ood_seg.core.ood.base import StrokePixels, TrainingPixels
from napari_ood_seg.core.ood.registry import make_detector
from napari_ood_seg.core.training.crossfit import (
    Probe,
    crossfit,
    makers,
    probe_scores,
)
from napari_ood_seg.core.training.folds import ALWAYS_IN
from tests.contracts.detector import draw
from tests.contracts.scenes import drive

if TYPE_CHECKING:
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


def held_out_scores(made: Case) -> dict[int, list[Tensor]]:
    """Return `(n, m)` scores per class: each stroke by detectors that never saw it."""
    out: dict[int, list[Tensor]] = {}
    for i, probe in enumerate(made.probes):
        if probe.group == ALWAYS_IN:
            continue
        per_level = []
        for pixels in made.levels:
            rest = tuple(s for s in pixels.strokes if s.group != probe.group)
            seen = TrainingPixels(strokes=rest, unlabelled=pixels.unlabelled)
            detectors = [make_detector(n, CONFIG).fit(seen) for n in CONFIG.detectors]
            x = pixels.strokes[i].features
            per_level.append(torch.stack([d.score(x) for d in detectors], 1))
        out.setdefault(probe.class_id, []).append(torch.stack(per_level).mean(0))
    return out


def test_calibrated_on_strokes_that_were_left_out() -> None:
    made = case(UNEVEN)
    ensemble, calibration = drive(crossfit(*made, CONFIG))
    held = held_out_scores(made)
    stacked = {c: torch.cat(s).double().numpy() for c, s in held.items()}
    centre = np.mean([s.mean(0) for s in stacked.values()], axis=0)
    variance = np.mean([((s - centre) ** 2).mean(0) for s in stacked.values()], axis=0)
    np.testing.assert_allclose(ensemble.centre, centre, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(ensemble.scale, np.sqrt(variance), rtol=1e-4)
    every = np.concatenate(list(stacked.values()))
    combined = np.sort(((every - centre) / np.sqrt(variance)).mean(1))
    np.testing.assert_allclose(calibration.scores, combined, atol=1e-3)
    assert calibration.n_strokes == 5
    assert float(calibration.weights.sum()) == pytest.approx(1, abs=1e-5)


def test_members_are_fitted_on_everything() -> None:
    made = case(UNEVEN)
    ensemble, _ = drive(crossfit(*made, CONFIG))
    assert list(ensemble.members) == list(CONFIG.detectors)
    for name, make in makers(CONFIG).items():
        for expert, pixels in zip(ensemble.members[name], made.levels, strict=True):
            for key, tensor in make().fit(pixels).tensors().items():
                assert torch.equal(expert.tensors()[key], tensor)


def test_a_probe_weighs_its_cells() -> None:
    """The score of a pixel is made of scores, not of features."""
    made = case(UNEVEN)
    ensemble, _ = drive(crossfit(*made, CONFIG))
    pixels = torch.tensor([[3, 4], [9, 9]])
    levels = [
        (
            f := Footprint.of(pixels, (20, 20), factor, smoothing=1.0),
            draw(len(f.cells), D),
        )
        for factor in (1, 4)
    ]
    probe = Probe(class_id=1, group=0, levels=tuple(levels))
    got = probe_scores(ensemble, probe)
    expected = torch.zeros(2, 2)
    for level, (footprint, z) in enumerate(levels):
        for m, name in enumerate(CONFIG.detectors):
            scores = ensemble.members[name][level].score(z)
            for i in range(2):
                weighted = scores[footprint.index[i]] @ footprint.weights[i]
                expected[i, m] += weighted / 2
    torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-4)


def test_without_a_stroke_to_spare_it_says_so() -> None:
    made = case([(1, ALWAYS_IN, 5), (2, ALWAYS_IN, 3)])
    ensemble, calibration = drive(crossfit(*made, CONFIG))
    assert calibration.n_strokes == 0
    own = torch.cat([ensemble.combine(probe_scores(ensemble, p)) for p in made.probes])
    torch.testing.assert_close(calibration.scores, own.sort().values)


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
        scores = ensemble.combine(probe_scores(ensemble, probe))
        known.append((calibration.typicality(scores) >= 1 - keep).float().mean())
    assert float(torch.stack(known).mean()) == pytest.approx(keep, abs=0.03)


def test_progress() -> None:
    steps: list[Progress] = list(crossfit(*case(UNEVEN), CONFIG))
    assert [(s.done, s.total) for s in steps] == [(0, 3), (1, 3), (2, 3)]
    assert steps[-1].stage == "fitting"

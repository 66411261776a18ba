from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_ood_seg.core.config import InstantConfig
from napari_ood_seg.core.ood.base import StrokePixels, TrainingPixels
from napari_ood_seg.core.ood.registry import make_detector
from napari_ood_seg.core.training.crossfit import crossfit, fit_members, member_scores
from napari_ood_seg.core.training.folds import ALWAYS_IN
from tests.contracts.detector import draw
from tests.contracts.scenes import drive

if TYPE_CHECKING:
    from torch import Tensor

    from napari_ood_seg.core.types import Progress

CONFIG = InstantConfig(detectors=("mahalanobis", "nearest neighbour"))


def stroke(class_id: int, group: int, n: int) -> StrokePixels:
    seed = 100 * class_id + group
    at = 3 * seed % 7 - 3  # strokes differ, else holding them out is no news
    return StrokePixels(
        class_id=class_id, group=group, features=draw(n, 4, at=at, seed=seed)
    )


@pytest.fixture
def pixels() -> TrainingPixels:
    return TrainingPixels(
        strokes=(
            stroke(1, 0, 30),
            stroke(1, 1, 90),
            stroke(1, 0, 20),
            stroke(2, 0, 25),
            stroke(2, 1, 40),
            stroke(3, ALWAYS_IN, 5),
        ),
        unlabelled=3 * draw(300, 4, seed=77),
    )


def held_out_scores(pixels: TrainingPixels) -> dict[int, list[Tensor]]:
    """Return `(n, m)` scores per class: each stroke by members that never saw it."""
    out: dict[int, list[Tensor]] = {}
    for fold in (0, 1):
        rest = TrainingPixels(
            strokes=tuple(s for s in pixels.strokes if s.group != fold),
            unlabelled=pixels.unlabelled,
        )
        members = [make_detector(n, CONFIG).fit(rest) for n in CONFIG.detectors]
        for s in pixels.strokes:
            if s.group == fold:
                scores = [m.score(s.features) for m in members]
                out.setdefault(s.class_id, []).append(torch.stack(scores, 1))
    return out


def test_calibrated_on_strokes_that_were_left_out(pixels: TrainingPixels) -> None:
    ensemble, calibration = drive(crossfit(pixels, CONFIG))
    held = held_out_scores(pixels)
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


def test_members_are_fitted_on_everything(pixels: TrainingPixels) -> None:
    ensemble, _ = drive(crossfit(pixels, CONFIG))
    whole = fit_members(pixels, CONFIG)
    assert list(ensemble.members) == list(CONFIG.detectors)
    for name, member in whole.items():
        for key, tensor in member.tensors().items():
            assert torch.equal(ensemble.members[name].tensors()[key], tensor)


def test_member_scores_are_columns(pixels: TrainingPixels) -> None:
    members, x = fit_members(pixels, CONFIG), draw(9, 4)
    scores = member_scores(members, x)
    for i, member in enumerate(members.values()):
        assert torch.equal(scores[:, i], member.score(x))


def test_without_a_stroke_to_spare_it_says_so(pixels: TrainingPixels) -> None:
    lone = TrainingPixels(
        strokes=(stroke(1, ALWAYS_IN, 5), stroke(2, ALWAYS_IN, 3)),
        unlabelled=pixels.unlabelled,
    )
    ensemble, calibration = drive(crossfit(lone, CONFIG))
    assert calibration.n_strokes == 0
    own = torch.cat([ensemble.score(s.features) for s in lone.strokes])
    torch.testing.assert_close(calibration.scores, own.sort().values)


def test_progress(pixels: TrainingPixels) -> None:
    steps: list[Progress] = list(crossfit(pixels, CONFIG))
    assert [(s.done, s.total) for s in steps] == [(0, 3), (1, 3), (2, 3)]
    assert steps[-1].stage == "fitting"


@pytest.mark.parametrize("keep", [0.5, 0.8, 0.95])
def test_that_share_of_fresh_pixels_stays_known(keep: float) -> None:
    """Where strokes are alike, the held-out ones tell what comes next."""
    strokes = [
        StrokePixels(
            class_id=c, group=i % 4, features=draw(200, 4, at=6 * c, seed=10 * c + i)
        )
        for c in (1, 2)
        for i in range(8)
    ]
    pixels = TrainingPixels(
        strokes=tuple(strokes), unlabelled=5 * draw(2000, 4, seed=99)
    )
    ensemble, calibration = drive(crossfit(pixels, InstantConfig()))
    fresh = [draw(2000, 4, at=6 * c, seed=1000 + c) for c in (1, 2)]
    known = [
        (calibration.typicality(ensemble.score(z)) >= 1 - keep).float().mean()
        for z in fresh
    ]
    assert float(torch.stack(known).mean()) == pytest.approx(keep, abs=0.03)

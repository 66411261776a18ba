from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest
import torch
from scipy import stats

from napari_ood_seg.core.config import InstantConfig
from napari_ood_seg.core.ood.base import StrokePixels, TrainingPixels
from napari_ood_seg.core.ood.distance import Mahalanobis
from napari_ood_seg.core.training.crossfit import Probe
from napari_ood_seg.core.training.folds import ALWAYS_IN
from napari_ood_seg.core.training.roles import (
    SHARES,
    accuracies,
    chosen_share,
    roles,
)
from tests.contracts.detector import draw
from tests.core.training.test_crossfit import plain

CONFIG = InstantConfig()
D = 4
STROKES = [(1, 0), (2, 0), (1, 1), (2, 1), (1, ALWAYS_IN), (2, ALWAYS_IN)]


class Case(NamedTuple):
    levels: list[TrainingPixels]
    probes: list[Probe]


def case(*apart: float) -> Case:
    """Return two classes that are so far apart at each level."""
    features = [
        [
            draw(40, D, at=distance * (c - 1), seed=100 * level + i)
            for i, (c, _) in enumerate(STROKES)
        ]
        for level, distance in enumerate(apart)
    ]
    levels = [
        TrainingPixels(
            strokes=tuple(
                StrokePixels(class_id=c, group=g, features=z)
                for (c, g), z in zip(STROKES, own, strict=True)
            ),
            unlabelled=3 * draw(200, D, seed=7),
        )
        for own in features
    ]
    probes = [
        Probe(class_id=c, group=g, levels=tuple(plain(own[i]) for own in features))
        for i, (c, g) in enumerate(STROKES)
    ]
    return Case(levels, probes)


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("for_score", [0.0, 0.5, 1.0])
def test_roles_are_one_on_average_and_split_as_told(
    share: float, for_score: float
) -> None:
    found = roles(8, 3, share, for_score)
    torch.testing.assert_close(found.mean(0), torch.ones(2))
    torch.testing.assert_close(found[5:].sum(0) / 8, torch.tensor([share, for_score]))
    assert len(found.unique(dim=0)) <= 2


def test_what_tells_classes_apart_is_found() -> None:
    good = accuracies(*case(0.0, 6.0), CONFIG, n_network=1, unseen={0})
    assert good[1.0].share > 0.99
    assert good[0.0].share < 0.7
    assert chosen_share(good) > 0
    bad = accuracies(*case(6.0, 0.0), CONFIG, n_network=1, unseen={0})
    assert bad[0.0].share > 0.99
    assert chosen_share(bad) == 0.0


def test_accuracies_against_class_gaussians_fitted_by_hand() -> None:
    """Both levels say something; the held-out strokes are those of fold 1."""
    levels, probes = case(1.0, 1.5)
    found = accuracies(levels, probes, CONFIG, n_network=1, unseen={1})
    logs = []
    for level in levels:
        rest = tuple(s for s in level.strokes if s.group != 1)
        fitted = Mahalanobis(shrinkage=CONFIG.shrinkage).fit(
            TrainingPixels(strokes=rest, unlabelled=level.unlabelled)
        )
        logs.append(
            [fitted.class_scores(s.features).numpy() for s in level.strokes[2:4]]
        )
    of_filters: list[np.floating] = []
    for share in SHARES:
        means = [
            np.mean(((1 - share) * logs[0][i] + share * logs[1][i]).argmin(1) == i)
            for i in range(2)
        ]
        assert found[share].share == pytest.approx(np.mean(means), abs=1e-6)
        gains = np.subtract(means, of_filters := of_filters or means)
        margin = stats.t.ppf(0.95, 1) * stats.sem(gains)
        assert found[share].margin == pytest.approx(margin, abs=1e-6)
    assert len({a.share for a in found.values()}) > 1


def test_without_unseen_strokes_the_network_counts_nothing() -> None:
    found = accuracies(*case(0.0, 6.0), CONFIG, n_network=1, unseen={5})
    assert chosen_share(found) == 0.0

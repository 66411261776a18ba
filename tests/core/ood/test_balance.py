from __future__ import annotations

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from napari_ood_seg.core.ood.balance import (
    BALANCES,
    auroc,
    chosen_weights,
    separation,
)
from tests.contracts.detector import draw


def test_auroc_equals_scikit_learn() -> None:
    known, unknown = (
        draw(60, 1, seed=1)[:, 0].round(decimals=1),
        draw(40, 1, at=0.7)[:, 0],
    )
    unknown = unknown.round(decimals=1)  # so that there are ties
    w_known, w_unknown = torch.rand(60), torch.rand(40)
    expected = roc_auc_score(
        np.repeat([0, 1], [60, 40]),
        torch.cat([known, unknown]),
        sample_weight=torch.cat([w_known, w_unknown]),
    )
    found = auroc(
        torch.stack([known, -known]),
        torch.stack([unknown, -unknown]),
        w_known,
        w_unknown,
    )
    torch.testing.assert_close(
        found, torch.tensor([expected, 1 - expected]), atol=1e-5, rtol=0
    )


def test_separation_weighs_classes_and_strokes_alike() -> None:
    """Two strokes of class 2, one below and one above the lost class: a half."""
    held = {
        1: [torch.full((1, 500), 9.0)],
        2: [torch.zeros(1, 3), torch.full((1, 700), 2.0)],
    }
    lost = {1: [torch.ones(1, 40)]}
    assert separation(torch.ones(1, 1), held, lost).tolist() == [0.5]


FIXED = torch.tensor([1.0, 0.15, 0.3])


def scene(
    kind: int,
) -> tuple[dict[int, list[torch.Tensor]], dict[int, list[torch.Tensor]]]:
    """Return evidence in which one kind alone tells lost classes from held strokes."""
    held = {i: [draw(3, 50, seed=10 * i)] for i in (1, 2, 3)}
    lost = {i: [draw(3, 50, seed=10 * i + 1)] for i in (1, 2, 3)}
    for strokes in lost.values():
        strokes[0][kind] += 3.0
        strokes[0][(kind + 1) % 3] -= 1.0
    return held, lost


def test_evidence_that_works_gets_the_weight() -> None:
    held, lost = scene(2)
    weights = chosen_weights(FIXED, torch.ones(3), held, lost)
    gains = separation(torch.tensor(BALANCES), held, lost)
    assert weights.tolist() == torch.tensor(BALANCES[int(gains.argmax())]).tolist()
    gained, usual = separation(torch.stack([weights, FIXED]), held, lost)
    assert gained > usual + 0.02


def test_a_small_gain_changes_nothing() -> None:
    held = {i: [draw(3, 50, seed=10 * i)] for i in (1, 2, 3)}
    lost = {i: [draw(3, 50, seed=10 * i + 1) + 20.0] for i in (1, 2, 3)}
    assert chosen_weights(FIXED, torch.ones(3), held, lost) is FIXED


def test_detectors_share_their_weight() -> None:
    held, lost = scene(2)
    doubled = [
        {i: [torch.cat([s[0][:1], s[0]])] for i, s in x.items()} for x in (held, lost)
    ]
    fixed = torch.tensor([0.5, 0.5, 0.15, 0.3])
    got = chosen_weights(fixed, torch.ones(4), *doubled)
    alone = chosen_weights(FIXED, torch.ones(3), held, lost)
    assert got.tolist() == [alone[0] / 2, alone[0] / 2, *alone[1:].tolist()]

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_ood_seg.core.losses.pu import nnpu_risk
from napari_ood_seg.core.training.objective import (
    known_risk,
    knownness,
    partial_cross_entropy,
)
from napari_ood_seg.core.training.patches import IGNORED


def batch(
    *, seed: int = 0, shift: float = 0.0
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return logits, labels and logits of unlabelled patches."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(4, 3, 5, 7, generator=generator)
    labels = torch.randint(-1, 3, (4, 5, 7), generator=generator)
    labels[torch.rand(labels.shape, generator=generator) < 0.4] = IGNORED
    unlabelled = torch.randn(4, 3, 5, 7, generator=generator) + shift
    return logits, labels, unlabelled


def test_partial_cross_entropy_weighs_classes_alike() -> None:
    """Against a loop in plain numpy."""
    logits, labels, _ = batch()
    z, y = logits.double().numpy(), labels.numpy()
    by_class: list[list[float]] = [[], [], []]
    for b, i, j in np.ndindex(*y.shape):
        if y[b, i, j] != IGNORED:
            at = z[b, :, i, j]
            loss = np.log(np.exp(at).sum()) - at[y[b, i, j]]
            by_class[y[b, i, j]].append(loss)
    expected = np.mean([np.mean(own) for own in by_class])
    assert float(partial_cross_entropy(logits, labels)) == pytest.approx(expected, 1e-5)


def test_without_paint_there_is_nothing_to_learn() -> None:
    logits = torch.randn(1, 2, 4, 4, requires_grad=True)
    loss = partial_cross_entropy(logits, torch.full((1, 4, 4), IGNORED))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


def test_knownness_is_what_cross_entropy_leaves_free() -> None:
    logits, labels, _ = batch()
    more = logits + 3.0
    torch.testing.assert_close(knownness(more), knownness(logits) + 3.0)
    torch.testing.assert_close(
        partial_cross_entropy(more, labels), partial_cross_entropy(logits, labels)
    )


@pytest.mark.parametrize("shift", [0.0, -9.0])
def test_the_risk_is_nnpu_of_knownness(shift: float) -> None:
    """Against the pure function; with low scores the risk is ascended."""
    logits, labels, unlabelled = batch(shift=shift)
    painted = labels >= 0
    y = labels[painted]
    counts = torch.bincount(y, minlength=3).float()
    reference = nnpu_risk(
        knownness(logits)[painted],
        knownness(unlabelled).flatten(),
        prior=0.4,
        weights=(1 / counts)[y],
    )
    found = known_risk(logits, labels, unlabelled, prior=0.4)
    torch.testing.assert_close(found, reference.objective)
    assert (reference.objective == reference.value) == (shift == 0)


class Rehearsed:
    """Sums over processes that take turns: what each adds was noted before."""

    def __init__(self, known: list[torch.Tensor]) -> None:
        self.known, self.added = known, list[torch.Tensor]()

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        self.added.append(x.detach().clone())
        n = len(self.added)
        return self.known[n - 1] if n <= len(self.known) else x


@pytest.mark.parametrize("n_sums", [1, 4], ids=["cross-entropy", "nnpu"])
@pytest.mark.parametrize("shift", [0.0, -9.0])
def test_parts_of_processes_sum_to_the_whole(shift: float, n_sums: int) -> None:
    """Loss and gradients; one process has all the pixels of a class."""
    logits, labels, unlabelled = batch(shift=shift)
    labels[1:][labels[1:] == 2] = IGNORED
    logits.requires_grad_()
    unlabelled.requires_grad_()

    def loss_of(share: slice, total: Rehearsed) -> torch.Tensor:
        z, y, u = logits[share], labels[share], unlabelled[share]
        if n_sums == 1:
            return partial_cross_entropy(z, y, total=total) + 0 * u.sum()
        return known_risk(z, y, u, prior=0.4, total=total)

    shares = [slice(0, 1), slice(1, 4)]
    known: list[torch.Tensor] = []
    while len(known) < n_sums:  # each sum depends on those before it
        turns = [Rehearsed(known) for _ in shares]
        for share, turn in zip(shares, turns, strict=True):
            loss_of(share, turn)
            assert len(turn.added) == n_sums
        known = [*known, turns[0].added[len(known)] + turns[1].added[len(known)]]
    whole = loss_of(slice(None), Rehearsed([]))
    parts = torch.stack([loss_of(share, Rehearsed(known)) for share in shares])
    torch.testing.assert_close(parts.sum(), whole)
    inputs = (logits, unlabelled)
    for found, wanted in zip(
        torch.autograd.grad(parts.sum(), inputs),
        torch.autograd.grad(whole, inputs),
        strict=True,
    ):
        torch.testing.assert_close(found, wanted)


def test_pixels_from_anywhere_become_less_known_than_painted_ones() -> None:
    """A few hundred steps on two clouds, one of which was never painted."""
    generator = torch.Generator().manual_seed(0)
    known = torch.randn(200, 2, generator=generator)
    unknown = torch.randn(200, 2, generator=generator) + 4.0
    anywhere = torch.cat([known, unknown]).T.view(1, 2, 20, 20)
    painted = known.T.view(1, 2, 10, 20)
    y = torch.zeros(1, 10, 20, dtype=torch.long)
    net = torch.nn.Conv2d(2, 1, 1)
    torch.nn.init.zeros_(net.weight)
    optimizer = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(200):
        loss = known_risk(net(painted), y, net(anywhere), prior=0.5)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scores = knownness(net(anywhere)).flatten()
    assert (scores[:200] > 0).float().mean() > 0.95
    assert (scores[200:] < 0).float().mean() > 0.95

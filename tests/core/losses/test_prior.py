from __future__ import annotations

from functools import partial
from itertools import islice

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression

from napari_ood_seg.core.losses.prior import (
    best_bin,
    em_prior,
    halves,
    ted_n,
    train_classifier,
)


def scores(share: float, n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return scores of positives, and of a mixture with that share of positives."""
    rng = np.random.default_rng(seed)
    of_u = np.where(rng.random(n) < share, 2.5, -1.0)
    positive = torch.from_numpy(rng.normal(2.5, 1, n))
    return positive, torch.from_numpy(of_u + rng.normal(size=n))


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7])
@pytest.mark.parametrize("seed", range(6))
def test_best_bin_recovers_the_share(share: float, seed: int) -> None:
    assert best_bin(*scores(share, 5000, seed)) == pytest.approx(share, abs=0.03)


def test_best_bin_equals_a_loop_over_thresholds() -> None:
    p, u = (s.numpy() for s in scores(0.4, 200, 9))
    slack = np.sqrt(np.log(4 / 0.1) / 400) * 2
    best, found = np.inf, np.nan
    for c in np.concatenate([p, u]):
        q_p, q_u = (p >= c).mean(), (u >= c).mean()
        if q_p > 0 and q_u / q_p + 1.01 * slack / q_p < best:
            best, found = q_u / q_p + 1.01 * slack / q_p, q_u / q_p
    got = best_bin(torch.from_numpy(p), torch.from_numpy(u))
    assert got == pytest.approx(found, rel=1e-9)


def test_best_bin_depends_on_the_order_of_scores_alone() -> None:
    p, u = scores(0.4, 500, 3)
    assert best_bin(p.exp(), u.exp()) == best_bin(p, u)


def test_best_bin_of_the_same_scores_is_one() -> None:
    p, _ = scores(0.4, 500, 3)
    assert best_bin(p, p) == pytest.approx(1, abs=1e-9)


def test_best_bin_of_ever_higher_unlabelled_is_at_most_one() -> None:
    p, _ = scores(0.4, 50, 3)
    assert best_bin(p, p + 10) == 1


def blobs(share: float, n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(seed)
    positive = rng.normal(size=(n, 4))
    known = rng.random(n) < share
    rest = rng.normal(size=(n, 4))
    rest[~known, 0] += 3.0
    return torch.from_numpy(positive).float(), torch.from_numpy(rest).float()


@pytest.mark.parametrize("share", [0.2, 0.5])
@pytest.mark.parametrize("hidden", [0, 8])
def test_ted_n_recovers_the_share(share: float, hidden: int) -> None:
    positive, rest = blobs(share, 6000, 1)
    train = partial(train_classifier, hidden=hidden, steps=100)
    generator = torch.Generator().manual_seed(0)
    estimates = list(ted_n(positive, rest, train, rounds=6, generator=generator))
    assert len(estimates) == 6
    assert estimates[-1] == pytest.approx(share, abs=0.05)


def test_ted_n_improves_on_the_naive_classifier_and_may_be_stopped() -> None:
    positive, rest = blobs(0.5, 4000, 2)
    trained = []

    def train(p: torch.Tensor, u: torch.Tensor) -> object:
        trained.append(len(u))
        return train_classifier(p, u, steps=100)

    generator = torch.Generator().manual_seed(0)
    rounds = ted_n(positive, rest, train, generator=generator)  # type: ignore[arg-type]
    first, second = islice(rounds, 2)
    assert trained[0] == 2000
    assert trained[1] == round((1 - first) * 2000)
    assert abs(second - 0.5) <= abs(first - 0.5) + 0.02


def test_classifier_equals_sklearn() -> None:
    """Same order of pixels as an unregularised logistic regression."""
    positive, rest = blobs(0.3, 2000, 4)
    score = train_classifier(positive, rest, steps=400)
    peer = LogisticRegression(C=1e3).fit(
        torch.cat([positive, rest]).numpy(), np.repeat([1, 0], 2000)
    )
    x = blobs(0.5, 500, 5)[1]
    expected = peer.decision_function(x.numpy())
    assert np.corrcoef(score(x).numpy(), expected)[0, 1] > 0.999
    assert not score(x).requires_grad


def test_em_recovers_the_shares_where_nothing_is_unknown() -> None:
    rng = np.random.default_rng(0)
    centres, trained = np.array([-2.0, 0.0, 2.0]), np.array([0.5, 0.3, 0.2])
    truth = np.array([0.1, 0.2, 0.7])
    x = rng.choice(centres, size=40_000, p=truth) + rng.normal(size=40_000)
    joint = trained * norm.pdf(x[:, None], centres)
    p = torch.from_numpy(joint / joint.sum(1, keepdims=True))
    found = em_prior(p, torch.from_numpy(trained))
    np.testing.assert_allclose(found, truth, atol=0.015)
    assert float(found.sum()) == pytest.approx(1)


def test_em_shares_the_unknown_out_among_the_known() -> None:
    """The caveat in its docstring."""
    rng = np.random.default_rng(1)
    x = np.concatenate([rng.normal(-2, 1, 500), rng.normal(6, 1, 500)])
    joint = norm.pdf(x[:, None], [-2.0, 2.0])
    p = torch.from_numpy(joint / joint.sum(1, keepdims=True))
    found = em_prior(p, torch.tensor([0.5, 0.5]))
    assert float(found.sum()) == pytest.approx(1)
    assert float(found[1]) == pytest.approx(0.5, abs=0.03)  # of which there are none


def test_halves_of_one_row_share_it() -> None:
    a, b = halves(torch.ones(1, 2), torch.Generator())
    assert len(a) == len(b) == 1

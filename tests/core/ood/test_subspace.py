from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import logsumexp
from sklearn.covariance import EmpiricalCovariance
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from napari_ood_seg.core.ood.base import TrainingPixels
from napari_ood_seg.core.ood.functional import principal_share, residual_norm
from napari_ood_seg.core.ood.head import LinearHead
from napari_ood_seg.core.ood.subspace import NECO, Residual, ViM, n_kept
from tests.contracts.detector import draw
from tests.core.ood.uneven import D, Floats, Scene, as_array


def even() -> Scene:
    """Return a scene with classes of one size, so that plain averages are balanced."""
    scene = Scene()
    strokes = scene.pixels.strokes
    n = min(len(s.features) for s in strokes)
    z = torch.cat([s.features[:n] for s in strokes])
    labels = torch.tensor([2, 5, 9]).repeat_interleave(n)
    scene.pixels = TrainingPixels.from_labels(z, labels, scene.pixels.unlabelled)
    return scene


SCENE = even()
X = SCENE.points


def reference_residual(x: Floats, n: int) -> Floats:
    """Follow the authors' steps: pseudo-inverse, covariance about u, numpy's eig."""
    w, b = as_array(SCENE.head.weight), as_array(SCENE.head.bias)
    u = -np.linalg.pinv(w) @ b
    fit = EmpiricalCovariance(assume_centered=True).fit(SCENE.rows - u)
    values, vectors = np.linalg.eig(fit.covariance_)
    null = vectors[:, np.argsort(-values)[n:]]
    out: Floats = np.linalg.norm((x - u) @ null, axis=1)
    return out


@pytest.mark.parametrize(("wanted", "n"), [(None, 3), (1, 1), (5, 5), (99, D - 1)])
def test_residual_equals_eig(wanted: int | None, n: int) -> None:
    detector = Residual(n_principal=wanted, head=SCENE.head).fit(SCENE.pixels)
    got = detector.score(SCENE.x)
    np.testing.assert_allclose(got, reference_residual(X, n), rtol=1e-3, atol=1e-3)


def test_vim_equals_eig() -> None:
    rows = SCENE.rows
    f_rows, f = SCENE.logits(rows), SCENE.logits(X)
    alpha = f_rows.max(1).mean() / reference_residual(rows, 3).mean()
    assert alpha > 0
    expected = alpha * reference_residual(X, 3) - logsumexp(f, axis=1)
    got = ViM(head=SCENE.head).fit(SCENE.pixels).score(SCENE.x)
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-3)


def test_vim_weighs_the_residual_up_where_all_logits_are_negative() -> None:
    head = LinearHead(SCENE.head.weight, SCENE.head.bias - 100)
    assert float(ViM(head=head).fit(SCENE.pixels).tensors()["alpha"]) > 0


@pytest.mark.parametrize("by_logit", [True, False])
@pytest.mark.parametrize("n", [1, 3])
def test_neco_equals_sklearn(n: int, by_logit: bool) -> None:
    scaler = StandardScaler().fit(SCENE.rows)
    pca = PCA(D).fit(scaler.transform(SCENE.rows))
    z = scaler.transform(X)
    inside = np.linalg.norm(pca.transform(z)[:, :n], axis=1)
    expected = -inside / np.linalg.norm(z, axis=1)
    if by_logit:
        expected = expected * SCENE.logits(X).max(1)
    detector = NECO(n_principal=n, by_logit=by_logit, head=SCENE.head)
    got = detector.fit(SCENE.pixels).score(SCENE.x)
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-3)


def test_principal_space_of_uneven_classes_is_balanced() -> None:
    """Weights do what repeating every class's pixels would do."""
    uneven = Scene()
    repeats = [100, 15, 8]  # 12, 80, 150 pixels become 1200 each
    z = torch.cat(
        [
            s.features.repeat(n, 1)
            for s, n in zip(uneven.pixels.strokes, repeats, strict=True)
        ]
    )
    labels = torch.tensor([2, 5, 9]).repeat_interleave(1200)
    same = TrainingPixels.from_labels(z, labels, uneven.pixels.unlabelled)
    for make in (Residual, ViM, NECO):
        a = make(head=uneven.head).fit(uneven.pixels).score(uneven.x)
        b = make(head=uneven.head).fit(same).score(uneven.x)
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-3)


def test_all_of_the_space_leaves_no_residual() -> None:
    x = draw(9, 3)
    assert torch.equal(residual_norm(x, x[0], torch.zeros(3, 0)), torch.zeros(9))
    torch.testing.assert_close(principal_share(x, torch.eye(3)), torch.ones(9))


def test_share_ignores_length_and_zero_has_none() -> None:
    x, axes = draw(9, 3), torch.eye(3)[:, :2]
    torch.testing.assert_close(principal_share(5 * x, axes), principal_share(x, axes))
    assert torch.equal(principal_share(torch.zeros(1, 3), axes), torch.zeros(1))


@pytest.mark.parametrize("d", [1, 2, 5, 16, 200])
@pytest.mark.parametrize("k", [1, 2, 30])
def test_something_is_always_left_over(d: int, k: int) -> None:
    assert 0 <= n_kept(None, k, d) < d

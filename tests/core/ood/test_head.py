from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from napari_ood_seg.core.ood.base import StrokePixels, TrainingPixels
from napari_ood_seg.core.ood.head import LinearHead
from napari_ood_seg.core.ood.logit import MaxLogit
from tests.contracts.detector import draw, two_classes
from tests.core.ood.uneven import Scene, as_array


@pytest.mark.parametrize("shrinkage", [0.0, 0.02, 0.5, 1.0])
def test_lda_equals_plain_inverse(shrinkage: float) -> None:
    scene = Scene()
    head = LinearHead.lda(scene.pixels, shrinkage)
    covariance = np.mean([np.cov(z.T, bias=True) for z in scene.classes], axis=0)
    size = np.trace(np.cov(scene.rest.T, bias=True)) / covariance.shape[0]
    covariance = (1 - shrinkage) * covariance + shrinkage * size * np.eye(
        len(covariance)
    )
    for k, z in enumerate(scene.classes):
        w = np.linalg.solve(covariance, z.mean(0))
        np.testing.assert_allclose(head.weight[k], w, rtol=1e-3, atol=1e-5)
        np.testing.assert_allclose(head.bias[k], -0.5 * z.mean(0) @ w, rtol=1e-3)


def test_lda_of_equal_classes_has_the_posteriors_of_sklearn() -> None:
    z = torch.cat([draw(200, 4, at=a, seed=i) for i, a in enumerate((-1.0, 0.0, 2.0))])
    labels = torch.tensor([1, 2, 3]).repeat_interleave(200)
    head = LinearHead.lda(TrainingPixels.from_labels(z, labels), shrinkage=0.0)
    peer = LinearDiscriminantAnalysis(solver="lsqr").fit(as_array(z), labels.numpy())
    x = draw(50, 4, seed=9)
    np.testing.assert_allclose(
        head(x).softmax(1), peer.predict_proba(as_array(x)), rtol=1e-3, atol=1e-5
    )


def test_lda_weighs_classes_alike() -> None:
    pixels = two_classes()
    again = [
        StrokePixels(class_id=1, group=0, features=pixels.strokes[0].features)
        for _ in range(5)
    ]
    heavy = TrainingPixels(
        strokes=(*pixels.strokes, *again), unlabelled=pixels.unlabelled
    )
    torch.testing.assert_close(
        LinearHead.lda(heavy).weight, LinearHead.lda(pixels).weight
    )


def test_a_given_head_is_used_and_kept() -> None:
    scene = Scene()
    detector = MaxLogit(head=scene.head).fit(scene.pixels)
    expected = -scene.logits(scene.points).max(1)
    np.testing.assert_allclose(detector.score(scene.x), expected, rtol=1e-4, atol=1e-4)
    assert torch.equal(detector.tensors()["weight"], scene.head.weight)
    again = MaxLogit().restore(detector.tensors())
    assert torch.equal(again.score(scene.x), detector.score(scene.x))


def test_a_head_of_other_classes_is_refused() -> None:
    head = LinearHead(torch.zeros(3, 6), torch.zeros(3))
    with pytest.raises(ValueError, match="head has 3 outputs, but 2 classes were"):
        MaxLogit(head=head).fit(two_classes())


def test_a_head_that_is_being_trained_is_detached() -> None:
    weight = torch.randn(2, 6, generator=torch.Generator().manual_seed(0))
    head = LinearHead(weight.requires_grad_(), torch.zeros(2, requires_grad=True))
    detector = MaxLogit(head=head).fit(two_classes())
    assert not detector.score(draw(3, 6)).requires_grad


def test_nothing_varies_but_the_head_is_finite() -> None:
    pixels = TrainingPixels.from_labels(torch.full((9, 3), 5.0), torch.ones(9))
    head = LinearHead.lda(pixels)
    assert torch.isfinite(head(1e4 * draw(9, 3))).all()

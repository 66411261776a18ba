from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_ood_seg.core.ood.alignment import (
    BoundaryDistance,
    CollapseProximity,
    SimplifiedHopfield,
)
from napari_ood_seg.core.ood.functional import boundary_distance
from napari_ood_seg.core.ood.head import LinearHead
from tests.contracts.detector import two_classes
from tests.core.ood.uneven import Scene, as_array

SCENE = Scene()
X, F = SCENE.points, SCENE.logits(SCENE.points)
W, B = as_array(SCENE.head.weight), as_array(SCENE.head.bias)
MEAN = np.mean([z.mean(0) for z in SCENE.classes], axis=0)


def test_fdbd_equals_geometry() -> None:
    """The distance to a boundary is that to the foot of the perpendicular."""
    expected = []
    for z, f in zip(X, F, strict=True):
        c, total = int(f.argmax()), 0.0
        for k in set(range(3)) - {c}:
            normal, offset = W[c] - W[k], B[c] - B[k]
            foot = z - (normal @ z + offset) / (normal @ normal) * normal
            total += float(np.linalg.norm(z - foot))
        expected.append(-total / np.linalg.norm(z - MEAN))
    got = BoundaryDistance(head=SCENE.head).fit(SCENE.pixels).score(SCENE.x)
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-4)


def test_classes_with_the_same_weights_have_no_boundary() -> None:
    weight = torch.tensor([[1.0, 0.0], [1.0, 0.0], [-1.0, 0.0]])
    logits = torch.tensor([[4.0, 4.0, -4.0]])
    assert boundary_distance(logits, weight).tolist() == [4.0]
    assert boundary_distance(logits, torch.ones(3, 2)).tolist() == [0.0]


def test_she_equals_loops() -> None:
    right = SCENE.logits(SCENE.rows).argmax(1) == SCENE.labels
    patterns = [SCENE.rows[right & (SCENE.labels == k)].mean(0) for k in range(3)]
    expected = [-(z @ patterns[f.argmax()]) for z, f in zip(X, F, strict=True)]
    got = SimplifiedHopfield(head=SCENE.head).fit(SCENE.pixels).score(SCENE.x)
    np.testing.assert_allclose(got, expected, rtol=1e-3, atol=1e-3)


def test_she_of_a_class_never_right_has_its_mean() -> None:
    pixels = two_classes()
    head = LinearHead(torch.zeros(2, 6), torch.tensor([1.0, 0.0]))  # always the first
    patterns = SimplifiedHopfield(head=head).fit(pixels).tensors()["patterns"]
    expected = torch.stack([s.features.mean(0) for s in pixels.strokes])
    torch.testing.assert_close(patterns, expected)


@pytest.mark.parametrize("alpha", [0.0, 1e-3, 0.1])
def test_nci_equals_loops(alpha: float) -> None:
    expected = [
        -(W[f.argmax()] @ (z - MEAN) / np.linalg.norm(z - MEAN) + alpha * abs(z).sum())
        for z, f in zip(X, F, strict=True)
    ]
    detector = CollapseProximity(alpha=alpha, head=SCENE.head).fit(SCENE.pixels)
    np.testing.assert_allclose(detector.score(SCENE.x), expected, rtol=1e-3, atol=1e-3)

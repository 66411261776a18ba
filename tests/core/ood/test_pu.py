from __future__ import annotations

import torch

from napari_ood_seg.core.config import PUConfig
from napari_ood_seg.core.ood.base import StrokePixels, TrainingPixels
from napari_ood_seg.core.ood.pu import NNPU
from tests.contracts.detector import DetectorContract, draw, two_classes

QUICK = PUConfig(steps=40)


class TestNNPU(DetectorContract):
    @staticmethod
    def make() -> NNPU:
        return NNPU(QUICK)


def test_another_seed_gives_another_network() -> None:
    pixels, x = two_classes(), draw(20, 6)
    a = NNPU(PUConfig(steps=5, seed=1)).fit(pixels)
    b = NNPU(PUConfig(steps=5, seed=2)).fit(pixels)
    assert not torch.allclose(a.score(x), b.score(x))


def test_global_generator_is_neither_used_nor_moved() -> None:
    before = torch.get_rng_state()
    NNPU(PUConfig(steps=2)).fit(two_classes())
    assert torch.equal(torch.get_rng_state(), before)


def test_score_is_minus_the_mean_of_the_members() -> None:
    detector = NNPU(PUConfig(steps=5, members=3)).fit(two_classes())
    p = detector.tensors()
    x = draw(10, 6)
    z = torch.nn.functional.normalize(x) * 6**0.5
    members = [
        (z @ p["w1"][i] + p["b1"][i]).relu() @ p["w2"][i] + p["b2"][i] for i in range(3)
    ]
    expected = -torch.stack(members).mean(0)[:, 0]
    torch.testing.assert_close(detector.score(x), expected, rtol=1e-4, atol=1e-5)


def test_a_small_class_counts_as_much_as_a_large_one() -> None:
    """Ten pixels against two thousand: the small class is still known."""
    large, small = draw(2000, 6, at=-8, seed=1), draw(10, 6, at=8, seed=2)
    other = draw(2000, 6, seed=3)
    other[:, -1] += 8
    pixels = TrainingPixels(
        strokes=(
            StrokePixels(class_id=1, group=0, features=large),
            StrokePixels(class_id=2, group=1, features=small),
        ),
        unlabelled=torch.cat([large, draw(2000, 6, at=8, seed=4), other]),
    )
    detector = NNPU(PUConfig(steps=150)).fit(pixels)
    of_small = detector.score(draw(200, 6, at=8, seed=6)).median()
    of_large = detector.score(draw(200, 6, at=-8, seed=7)).median()
    of_other = detector.score(other[:200]).median()
    assert of_small < of_other
    assert of_small - of_large < 0.25 * (of_other - of_large)


def test_more_pixels_than_fit_are_sampled() -> None:
    config = PUConfig(steps=40, n_pixels=100)
    detector = NNPU(config).fit(two_classes(n=400))
    known, unknown = draw(50, 6, at=8), draw(50, 6).roll(1, 1) * 0.5
    unknown[:, -1] += 8
    assert detector.score(known).median() < detector.score(unknown).median()

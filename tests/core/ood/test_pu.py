from __future__ import annotations

from typing import Literal

import pytest
import torch

from napari_ood_seg.core.config import PUConfig
from napari_ood_seg.core.ood.base import StrokePixels, TrainingPixels
from napari_ood_seg.core.ood.pu import NNPU, estimated_priors
from tests.contracts.detector import DetectorContract, draw, two_classes

QUICK = PUConfig(steps=40)


Objective = Literal["nnpu", "one-vs-rest", "augmented", "t-honecls"]
OBJECTIVES: list[Objective] = ["nnpu", "one-vs-rest", "augmented", "t-honecls"]


class TestNNPU(DetectorContract):
    @staticmethod
    def make() -> NNPU:
        return NNPU(QUICK)


class TestOneVsRestWithEstimatedPriors(DetectorContract):
    @staticmethod
    def make() -> NNPU:
        return NNPU(PUConfig(steps=60, objective="one-vs-rest", prior_from="bbe"))


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


# ------------------------------------------------------------------- objectives


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_score_comes_from_the_outputs_of_the_objective(objective: Objective) -> None:
    config = PUConfig(steps=5, members=1, objective=objective)
    detector, x = NNPU(config).fit(two_classes()), draw(10, 6)
    p = detector.tensors()
    z = torch.nn.functional.normalize(x) * 6**0.5
    out = (z @ p["w1"][0] + p["b1"][0]).relu() @ p["w2"][0] + p["b2"][0]
    expected = {
        "nnpu": lambda: -out[:, 0],
        "t-honecls": lambda: -out[:, 0],
        "one-vs-rest": lambda: (1 - out.sigmoid().amax(1)).logit(),
        "augmented": lambda: out.softmax(1)[:, 2].logit(),
    }[objective]()
    torch.testing.assert_close(detector.score(x), expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_typed_share_is_shared_by_the_classes(objective: Objective) -> None:
    config = PUConfig(steps=2, prior=0.3, objective=objective)
    priors = NNPU(config).fit(two_classes()).tensors()["priors"]
    torch.testing.assert_close(priors, torch.tensor([0.15, 0.15]))


def cut(features: torch.Tensor, class_id: int, pieces: int) -> list[StrokePixels]:
    return [
        StrokePixels(class_id=class_id, group=i, features=part)
        for i, part in enumerate(features.tensor_split(pieces))
    ]


@pytest.mark.parametrize("pieces", [1, 5])
@pytest.mark.parametrize("shares", [(0.3, 0.1), (0.1, 0.6)])
def test_estimated_priors_are_near_the_shares(
    shares: tuple[float, float], pieces: int
) -> None:
    """Uneven in the image, and scribbled the other way round."""
    n = 6000
    a, b = round(shares[0] * n), round(shares[1] * n)
    other = draw(n - a - b, 6, seed=5)
    other[:, -1] += 8
    rest = torch.cat([draw(a, 6, at=-8, seed=3), draw(b, 6, at=8, seed=4), other])
    first, second = draw(500, 6, at=-8, seed=1), draw(2000, 6, at=8, seed=2)
    pixels = TrainingPixels(
        strokes=(*cut(first, 3, pieces), *cut(second, 7, pieces)), unlabelled=rest
    )
    generator = torch.Generator().manual_seed(0)
    found = estimated_priors(pixels, PUConfig(steps=100), generator)
    torch.testing.assert_close(found, torch.tensor(shares), rtol=0, atol=0.06)


def test_estimated_priors_leave_room_for_the_unknown() -> None:
    known = two_classes()
    pixels = TrainingPixels(
        strokes=known.strokes,
        unlabelled=torch.cat([s.features for s in known.strokes]),
    )
    generator = torch.Generator().manual_seed(0)
    found = estimated_priors(pixels, QUICK, generator)
    assert float(found.sum()) <= 0.95 + 1e-6
    assert (found > 0).all()


@pytest.mark.parametrize("objective", OBJECTIVES)
def test_sample_is_balanced(objective: Objective) -> None:
    """Two thousand pixels against twenty: both classes are known."""
    large, small = draw(2000, 6, at=-8, seed=1), draw(20, 6, at=8, seed=2)
    other = draw(1000, 6, seed=3)
    other[:, -1] += 8
    pixels = TrainingPixels(
        strokes=(*cut(large, 1, 1), *cut(small, 2, 1)),
        unlabelled=torch.cat([large[:500], draw(500, 6, at=8, seed=4), other]),
    )
    config = PUConfig(steps=150, objective=objective, n_pixels=400)
    detector = NNPU(config).fit(pixels)
    of_small = detector.score(draw(200, 6, at=8, seed=6))
    assert of_small.quantile(0.9) < detector.score(other[:200]).quantile(0.1)

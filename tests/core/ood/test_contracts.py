"""Every registered detector keeps the contract."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Self

import pytest
import torch

from napari_ood_seg.core.config import InstantConfig, PUConfig
from napari_ood_seg.core.ood.base import (
    DetectorFacts,
    PixelDetector,
    TrainingPixels,
    check_needs,
)
from napari_ood_seg.core.ood.registry import DETECTORS, make_detector
from napari_ood_seg.core.ood.subspace import Residual
from tests.contracts.detector import DetectorContract, draw, two_classes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

QUICK = InstantConfig(pu=PUConfig(steps=40))
FACTS = {name: make_detector(name, QUICK).facts for name in DETECTORS}
RELU = [n for n, facts in FACTS.items() if facts.needs == "non-negative features"]


class OnParts:
    """A detector on the positive and the negative parts of features.

    So that those which need non-negative features get some.
    """

    facts: ClassVar[DetectorFacts]

    def __init__(self, inner: PixelDetector) -> None:
        self.inner = inner

    def fit(self, pixels: TrainingPixels) -> Self:
        strokes = tuple(
            replace(s, features=parts(s.features), _moments={}) for s in pixels.strokes
        )
        unlabelled = parts(pixels.unlabelled)
        self.inner.fit(TrainingPixels(strokes=strokes, unlabelled=unlabelled))
        return self

    def score(self, features: Tensor) -> Tensor:
        return self.inner.score(parts(features))

    def tensors(self) -> dict[str, Tensor]:
        return self.inner.tensors()

    def restore(self, tensors: Mapping[str, Tensor]) -> Self:
        self.inner.restore(tensors)
        return self


def parts(z: Tensor) -> Tensor:
    return torch.cat([z.clamp_min(0), (-z).clamp_min(0)], dim=1)


def contract(name: str) -> type[DetectorContract]:
    class Adapted(OnParts):
        facts = FACTS[name]

    def make() -> PixelDetector:
        if name == "residual":  # half of six: noise would take part of the unknown in
            return Residual(n_principal=2)
        detector = make_detector(name, QUICK)
        return Adapted(detector) if name in RELU else detector

    return type("Contract", (DetectorContract,), {"make": staticmethod(make)})


for _name in DETECTORS:
    _title = "".join(c if c.isalnum() else "_" for c in _name.replace("++", "PlusPlus"))
    globals()[f"Test_{_title}"] = contract(_name)


@pytest.mark.parametrize("name", DETECTORS)
@pytest.mark.parametrize("d", [1, 2, 40])
@pytest.mark.parametrize("n_classes", [1, 2, 3])
def test_any_input_has_finite_scores(name: str, d: int, n_classes: int) -> None:
    """Also features that a detector is not meant for, of any size."""
    z = draw(30 * n_classes, d, seed=1)
    labels = torch.arange(1, n_classes + 1).repeat_interleave(30)
    for size in (1e-4, 1.0, 1e4):
        pixels = TrainingPixels.from_labels(size * z, labels)
        detector = make_detector(name, QUICK).fit(pixels)
        x = size * torch.cat([z, torch.zeros(1, d), 100 * z[:5]])
        assert torch.isfinite(detector.score(x)).all()


@pytest.mark.parametrize("name", DETECTORS)
def test_classes_of_the_same_pixels(name: str) -> None:
    z = draw(40, 4)
    labels = torch.tensor([1, 2]).repeat_interleave(40)
    pixels = TrainingPixels.from_labels(torch.cat([z, z]), labels)
    scores = make_detector(name, QUICK).fit(pixels).score(3 * z)
    assert torch.isfinite(scores).all()


@pytest.mark.parametrize("name", DETECTORS)
def test_scores_of_float64_features_agree(name: str) -> None:
    detector = make_detector(name, QUICK).fit(two_classes())
    x = draw(30, 6)
    torch.testing.assert_close(
        detector.score(x.double()).float(), detector.score(x), rtol=1e-3, atol=1e-3
    )


def test_titles_are_unique() -> None:
    assert len({facts.title for facts in FACTS.values()}) == len(FACTS)


@pytest.mark.parametrize("name", RELU)
def test_what_needs_a_relu_says_so(name: str) -> None:
    facts = FACTS[name]
    assert check_needs(facts, draw(50, 4).abs(), 1) == ""
    message = check_needs(facts, draw(50, 4), 3)
    assert message.startswith(f"{facts.title} needs features that are never negative")
    assert "choose another score" in message


def test_what_compares_classes_says_so() -> None:
    comparing = {n for n, facts in FACTS.items() if facts.classes == 2}
    softmax = {"msp", "temperature", "entropy", "gen", "doctor", "kl matching", "odin"}
    assert comparing == {*softmax, "fdbd"}
    for name in comparing:
        message = check_needs(FACTS[name], draw(9, 4), 1)
        assert "compares classes and needs at least 2" in message
        assert check_needs(FACTS[name], draw(9, 4), 2) == ""


def test_distances_suit_anything() -> None:
    assert check_needs(FACTS["mahalanobis"], draw(9, 4), 1) == ""

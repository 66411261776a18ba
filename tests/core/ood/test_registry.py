from __future__ import annotations

import pytest
import torch

from napari_ood_seg.core.config import InstantConfig, PUConfig
from napari_ood_seg.core.ood.base import PixelDetector
from napari_ood_seg.core.ood.pu import NNPU
from napari_ood_seg.core.ood.registry import DETECTORS, make_detector
from tests.contracts.detector import draw, two_classes

CONFIG = InstantConfig(shrinkage=0.37, own_shape=0.7, pu=PUConfig(steps=60, hidden=17))


@pytest.mark.parametrize("name", DETECTORS)
def test_every_name_makes_a_detector_that_tells_unknown_from_known(name: str) -> None:
    detector = make_detector(name, CONFIG)
    assert isinstance(detector, PixelDetector)
    detector.fit(two_classes())
    unknown = draw(100, 6) * 0.5
    unknown[:, -1] += 8
    known = detector.score(draw(100, 6, at=8))
    assert known.median() < detector.score(unknown).median()
    restored = make_detector(name, CONFIG).restore(detector.tensors())
    assert torch.equal(restored.score(unknown), detector.score(unknown))


@pytest.mark.parametrize("name", DETECTORS)
def test_settings_arrive(name: str) -> None:
    detector = make_detector(name, CONFIG)
    if hasattr(detector, "shrinkage"):
        assert detector.shrinkage == 0.37
    if hasattr(detector, "own_shape"):
        assert detector.own_shape == 0.7
    if isinstance(detector, NNPU):
        assert detector.fit(two_classes()).tensors()["w1"].shape == (2, 6, 17)


def test_defaults_are_registered() -> None:
    assert set(InstantConfig().detectors) <= set(DETECTORS)


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(
        ValueError, match="no detector 'maha': choose from mahalanobis,"
    ):
        make_detector("maha", CONFIG)

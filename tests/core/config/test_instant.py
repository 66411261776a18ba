from __future__ import annotations

from dataclasses import FrozenInstanceError, fields, is_dataclass
from typing import TYPE_CHECKING

import pytest

from napari_ood_seg.core.config import (
    FILTER_KINDS,
    DeepConfig,
    FilterConfig,
    InstantConfig,
    PUConfig,
    TileConfig,
    setting,
)

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIGS = [TileConfig, FilterConfig, PUConfig, InstantConfig, DeepConfig]


@pytest.mark.parametrize("make", CONFIGS)
def test_defaults_are_valid_frozen_and_hashable(make: type) -> None:
    config = make()
    assert config == make()
    assert hash(config) == hash(make())
    name = fields(config)[0].name
    with pytest.raises(FrozenInstanceError):
        setattr(config, name, None)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: TileConfig(size=0), "need size > 0 and halo >= 0, got 0 and 64"),
        (lambda: TileConfig(halo=-1), "need size > 0 and halo >= 0, got 512 and -1"),
        (lambda: FilterConfig(sigmas=()), "filter scales must be positive"),
        (lambda: FilterConfig(sigmas=(0.0, 1.0)), "filter scales must be positive"),
        (lambda: FilterConfig(sigmas=(2.0, 1.0)), "filter scales must ascend"),
        (lambda: FilterConfig(kinds=("wave", "colour")), "unknown filter kinds: wave"),
        (lambda: FilterConfig(kinds=()), "choose at least one kind of filter"),
        (lambda: FilterConfig(n_features=1), "at least 2 features"),
        (lambda: FilterConfig(whitening=1.1), "whitening must lie in"),
        (lambda: FilterConfig(whitening=float("nan")), "whitening must lie in"),
        (lambda: FilterConfig(spectral="l2"), "unknown spectral normalisation 'l2'"),  # type: ignore[arg-type]
        (lambda: PUConfig(prior=0.0), r"lies in \(0, 1\), got 0.0"),
        (lambda: PUConfig(prior=1.0), r"lies in \(0, 1\), got 1.0"),
        (lambda: PUConfig(steps=0), "at least 1 step"),
        (lambda: InstantConfig(shrinkage=0.0), "shrinkage must lie in"),
        (lambda: InstantConfig(shrinkage=1.01), "shrinkage must lie in"),
        (lambda: InstantConfig(own_shape=-0.1), "own shape must lie in"),
        (lambda: InstantConfig(own_shape=1.1), "own shape must lie in"),
        (lambda: InstantConfig(smoothing=-0.1), "smoothing must lie in"),
        (lambda: InstantConfig(smoothing=float("nan")), "smoothing must lie in"),
        (lambda: InstantConfig(detectors=()), "at least one OOD score"),
        (lambda: InstantConfig(folds=1), "at least 2 folds"),
        (lambda: DeepConfig(width=3), "a width of 4, got 3"),
        (lambda: DeepConfig(steps=0), "at least 1 step"),
        (lambda: DeepConfig(patch=20), "16, 24, 32 ... pixels wide, got 20"),
        (lambda: DeepConfig(seconds=0.0), "needs some time"),
        (lambda: DeepConfig(ema=1.0), r"lies in \[0, 1\): 1.0"),
        (lambda: DeepConfig(hold_one_in=1), "every second stroke"),
        (lambda: DeepConfig(network="resnet"), "unknown network: resnet"),  # type: ignore[arg-type]
        (lambda: DeepConfig(network="efficientnet-b1", patch=72), "are 64, 96"),
        (lambda: DeepConfig(network="efficientnet-b1", patch=32), "are 64, 96"),
        (lambda: DeepConfig(pretrained="a.pth"), "no pretrained weights"),
        (lambda: DeepConfig(objective="mse"), "unknown objective of the n"),  # type: ignore[arg-type]
        (lambda: DeepConfig(warm_steps=0), "at least 1 step"),
        (
            lambda: DeepConfig(
                objective="nnpu", heads=InstantConfig(pu=PUConfig(prior_from="bbe"))
            ),
            "needs a typed known share",
        ),
    ],
)
def test_bad_values(make: Callable[[], object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("make", CONFIGS)
def test_defaults_lie_within_the_limits_of_the_form(make: type) -> None:
    config = make()
    for field in fields(config):
        value = getattr(config, field.name)
        if "min" in field.metadata and not is_dataclass(value):
            assert field.metadata["min"] <= value <= field.metadata["max"], field.name
            assert field.metadata["label"]
            assert field.metadata["tooltip"].endswith(".")


@pytest.mark.parametrize("make", CONFIGS)
@pytest.mark.parametrize("end", ["min", "max"])
def test_the_limits_of_the_form_are_valid(make: type, end: str) -> None:
    for field in fields(make):
        if end in field.metadata:
            make(**{field.name: field.metadata[end]})


def test_a_setting_carries_what_a_form_shows() -> None:
    made = setting(3, "Label", "Tip.", min=1, max=9)
    assert made.default == 3
    assert made.metadata == {"label": "Label", "tooltip": "Tip.", "min": 1, "max": 9}


def test_all_kinds_are_on_by_default() -> None:
    assert FilterConfig().kinds == FILTER_KINDS

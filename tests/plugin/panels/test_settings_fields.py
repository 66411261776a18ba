from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Literal

import pytest

from napari_ood_seg.plugin.panels.settings_fields import (
    changed,
    defaults,
    entries,
    from_plain,
    to_plain,
    value_at,
)

if TYPE_CHECKING:
    from collections.abc import Sequence


class Head(Enum):
    GAUSS = "gauss"
    NNPU = "nnpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Range:
    low: int = 0
    high: int = 10

    def __post_init__(self) -> None:
        if self.low >= self.high:
            raise ValueError(f"need low < high, got {self.low} and {self.high}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(Range):
    name: str
    rate: float = field(
        default=0.1,
        metadata={
            "label": "Learning rate",
            "tooltip": "How fast.",
            "min": 0,
            "step": 2,
        },
    )
    on: bool = True
    mode: Literal["a", "b"] = "a"
    head: Head = Head.GAUSS
    inner: Range = field(default_factory=Range)
    scales: tuple[float, ...] = (1.0,)
    paths: Sequence[str] = ()
    maybe: int | None = None


def test_supported_fields_are_found_in_order() -> None:
    found = [e.path[-1] for e in entries(Config)]
    assert found == ["low", "high", "name", "rate", "on", "mode", "head", "inner"]


def test_metadata_is_honoured() -> None:
    by_name = {e.path[-1]: e for e in entries(Config)}
    rate = by_name["rate"]
    assert (rate.label, rate.tooltip) == ("Learning rate", "How fast.")
    assert rate.limits == {"min": 0, "step": 2}
    assert by_name["low"].label == "Low"
    assert by_name["inner"].is_group
    assert not by_name["rate"].is_group


def test_changed_rebuilds_each_level_once() -> None:
    config = Config(name="x")
    after = changed(
        config, {("inner", "low"): 20, ("inner", "high"): 30, ("on",): False}
    )
    assert after == Config(name="x", on=False, inner=Range(low=20, high=30))
    assert value_at(after, ("inner", "high")) == 30
    with pytest.raises(ValueError, match="need low < high, got 20 and 10"):
        changed(config, {("inner", "low"): 20})


def test_defaults_keep_what_has_none() -> None:
    config = Config(name="x", rate=0.5, inner=Range(low=3))
    assert defaults(config) == Config(name="x")


def test_plain_and_back() -> None:
    first = Config(name="x")
    assert to_plain(first) == {}
    changes: dict[tuple[str, ...], object] = {
        ("rate",): 0.5,
        ("mode",): "b",
        ("head",): Head.NNPU,
        ("on",): False,
    }
    other = changed(first, {**changes, ("inner", "low"): 3})
    plain = to_plain(other)
    assert plain == {
        "rate": 0.5,
        "on": False,
        "mode": "b",
        "head": "nnpu",
        "inner.low": 3,
    }
    assert from_plain(first, json.loads(json.dumps(plain))) == other


@pytest.mark.parametrize(
    "plain",
    [
        {"rate": "fast"},
        {"rate": -1},
        {"on": 1},
        {"low": True},
        {"low": 0.5},
        {"mode": "c"},
        {"head": "none"},
        {"gone": 1},
        {"inner": 3},
        {"low": 10},
    ],
)
def test_plain_values_that_do_not_fit(plain: dict[str, object]) -> None:
    first = Config(name="x")
    assert from_plain(first, plain) == first


def test_plain_values_beside_one_that_does_not_fit() -> None:
    first = Config(name="x")
    plain = {"rate": "fast", "mode": "b"}
    assert from_plain(first, plain) == changed(first, {("mode",): "b"})

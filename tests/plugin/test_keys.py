from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import napari.layers
import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels, Points, Shapes
from napari.settings import get_settings
from napari.utils.key_bindings import KeymapHandler, coerce_keybinding

from napari_ood_seg.plugin.keys import BoundKey, Keys
from napari_ood_seg.plugin.layers import ROLE
from napari_ood_seg.plugin.shortcuts import SHORTCUTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Layer

FIRM = [key for s in SHORTCUTS if s.firm for key in s.keys]
POLITE = [key for s in SHORTCUTS if not s.firm and not s.hold for key in s.keys]


class Desk:
    """A viewer, its keyboard as napari asks it, and what was pressed."""

    def __init__(self) -> None:
        self.viewer = ViewerModel()
        self.heard: list[str] = []
        self._handler = KeymapHandler()
        self.actions: dict[str, Any] = {s.name: self.heard.append for s in SHORTCUTS}
        self.actions["peek"] = self._peek
        self.keys: Keys | None = None

    def open(self) -> Keys:
        self.keys = Keys(self.viewer, self.actions)
        return self.keys

    @contextmanager
    def _peek(self, key: str) -> Iterator[None]:
        self.heard.append(f"{key} down")
        yield
        self.heard.append(f"{key} up")

    def activate(self, layer: Layer | None) -> None:
        if layer is not None and layer not in self.viewer.layers:
            self.viewer.add_layer(layer)
        self.viewer.layers.selection.active = layer

    def press(self, key: str) -> list[str]:
        """Return what we heard of one press."""
        active = self.viewer.layers.selection.active
        self._handler.keymap_providers = [la for la in (active, self.viewer) if la]
        self.heard.clear()
        self._handler.press_key(key)
        return self.heard

    def release(self, key: str) -> list[str]:
        self._handler.release_key(key)
        return self.heard


def labels(**metadata: str) -> Labels:
    return Labels(np.zeros((8, 8), np.uint8), metadata=metadata)


def ours() -> Labels:
    return labels(**{ROLE: "scribbles"})


def any_layer(kind: str) -> Layer:
    made = {
        "image": lambda: Image(np.zeros((8, 8))),
        "labels": labels,
        "points": lambda: Points(np.zeros((1, 2))),
        "shapes": lambda: Shapes(np.array([[0, 0], [1, 1]])),
        "scribbles": ours,
    }
    layer: Layer = made[kind]()
    return layer


KINDS = ["image", "labels", "points", "shapes", "scribbles"]


@pytest.mark.parametrize("kind", ["none", *KINDS])
def test_class_keys_win_over_any_layer(kind: str) -> None:
    desk = Desk()
    desk.open()
    layer = None if kind == "none" else any_layer(kind)
    if layer is not None:
        for key in FIRM:  # as napari does for whole classes of layers
            layer.bind_key(key, lambda _: desk.heard.append("napari"))
    desk.activate(layer)
    for key in FIRM:
        assert desk.press(key) == [key]
    desk.activate(None)
    if layer is not None:
        call = layer.keymap[coerce_keybinding("1")]
        call(layer)
        assert desk.heard[-1] == "napari"


@pytest.mark.parametrize("kind", KINDS)
def test_closing_leaves_nothing_behind(kind: str) -> None:
    desk = Desk()
    keys = desk.open()
    first, second = any_layer(kind), any_layer("image")
    desk.activate(first)
    desk.activate(second)
    assert first.keymap == {}  # it is not active any more
    desk.activate(first)
    keys.close()
    assert (first.keymap, second.keymap, desk.viewer.keymap) == ({}, {}, {})
    desk.activate(second)
    assert second.keymap == {}
    assert desk.press("1") == []


def test_the_other_keys_leave_other_layers_alone() -> None:
    desk = Desk()
    desk.open()
    layer = labels()
    layer.data_setitem((np.array([1]), np.array([1])), 3)
    desk.activate(layer)
    assert desk.press("Control-Z") == []
    assert not layer.data.any()  # napari has undone it
    desk.activate(ours())
    for key in POLITE:
        assert desk.press(key) == [key]


@pytest.mark.parametrize(
    "kind", ["Image", "Labels", "Points", "Shapes", "Surface", "Tracks", "Vectors"]
)
def test_no_key_of_ours_is_one_of_naparis(kind: str) -> None:
    """But for the digits, which are the point, and undo, which does more."""
    polite = {coerce_keybinding(k) for k in [*POLITE, "H"]}
    polite -= {coerce_keybinding(k) for k in ("Control-Z", "Control-Shift-Z")}
    bound = {
        key for keys in get_settings().shortcuts.shortcuts.values() for key in keys
    }
    assert polite.isdisjoint(bound)
    assert polite.isdisjoint(getattr(napari.layers, kind).class_keymap)


def test_a_held_key_ends_when_it_is_released() -> None:
    desk = Desk()
    desk.open()
    assert desk.press("H") == ["H down"]
    assert desk.release("H") == ["H down", "H up"]


def test_the_users_own_key_comes_back() -> None:
    desk = Desk()
    desk.viewer.bind_key("3", lambda _: desk.heard.append("own"))
    keys = desk.open()
    assert desk.press("3") == ["3"]
    keys.close()
    assert desk.press("3") == ["own"]


@pytest.mark.parametrize(("first", "left"), [(0, "b"), (1, "a")])
@pytest.mark.parametrize("on", ["viewer", "layer"])
def test_two_panels_may_close_in_any_order(on: str, first: int, left: str) -> None:
    desk = Desk()
    layer = ours()
    if on == "layer":  # a Labels layer has digits of its own, once napari has a window
        desk.activate(layer)
    provider = desk.viewer if on == "viewer" else layer
    provider.bind_key("3", lambda _: desk.heard.append("own"))
    panels = [
        BoundKey(provider, "3", partial(_append, desk.heard, name)) for name in "ab"
    ]
    panels[first].release()
    assert desk.press("3") == [left]
    panels[1 - first].release()
    assert desk.press("3") == ["own"]


def _append(heard: list[str], name: str, _: str) -> None:
    heard.append(name)

from __future__ import annotations

import pytest
from napari.components import ViewerModel

from napari_ood_seg.plugin.keys import N_KEYS, NumberKeys


def press(provider: ViewerModel, key: str) -> None:
    found = {str(k): call for k, call in provider.keymap.items()}
    found[key](provider)


def test_keys_choose_and_are_given_back() -> None:
    viewer, chosen = ViewerModel(), list[int]()
    keys = NumberKeys(viewer, chosen.append)
    for number in range(1, N_KEYS + 1):
        press(viewer, str(number))
    assert chosen == list(range(1, N_KEYS + 1))
    keys.release()
    keys.release()
    assert viewer.keymap == {}


def test_the_users_own_key_comes_back() -> None:
    viewer, seen = ViewerModel(), list[str]()
    viewer.bind_key("3", lambda _: seen.append("own"))
    keys = NumberKeys(viewer, lambda n: seen.append(f"class {n}"))
    press(viewer, "3")
    keys.release()
    press(viewer, "3")
    assert seen == ["class 3", "own"]


@pytest.mark.parametrize(("first", "left"), [(0, "b"), (1, "a")])
def test_two_panels_may_close_in_any_order(first: int, left: str) -> None:
    viewer, seen = ViewerModel(), list[str]()
    viewer.bind_key("3", lambda _: seen.append("own"))
    panels = [
        NumberKeys(viewer, lambda _: seen.append("a")),
        NumberKeys(viewer, lambda _: seen.append("b")),
    ]
    panels[first].release()
    press(viewer, "3")
    panels[1 - first].release()
    press(viewer, "3")
    assert seen == [left, "own"]

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

from napari.settings import get_settings
from napari.utils.key_bindings import coerce_keybinding

from napari_ood_seg.plugin.shortcuts import SHORTCUTS, rows

if TYPE_CHECKING:
    import pytest

    from tests.plugin.driver import Driver


def test_no_key_is_given_twice() -> None:
    keys = [coerce_keybinding(k) for s in SHORTCUTS for k in s.keys]
    assert len(set(keys)) == len(keys)
    assert all(s.text and s.group for s in SHORTCUTS)
    assert {f.name for f in fields(SHORTCUTS[0])} >= {"firm", "hold"}


def test_rows_say_what_is_bound() -> None:
    told = list(rows())
    assert told[0] == ("Paint", "1 … 9", "Paint this class, whatever layer is active")
    assert ("Paint", "Ctrl+Z", "Undo the last thing done") in told
    assert ("Look", ", (comma)", "Results less opaque") in told
    assert ("In the class table", "Alt+Up", "Move it up") in told
    assert ("napari's own", "[", "Smaller brush") in told
    fill = next(keys for _, keys, text in told if text == "Fill")
    assert fill == "F"  # 4 is ours now


def test_rows_follow_what_the_user_set_in_napari(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bound = dict(get_settings().shortcuts.shortcuts)
    bound["napari:decrease_brush_size"] = [coerce_keybinding("Control-J")]
    bound["napari:increase_brush_size"] = []
    monkeypatch.setattr(get_settings().shortcuts, "shortcuts", bound)
    told = {text: keys for _, keys, text in rows()}
    assert told["Smaller brush"] == "Ctrl+J"
    assert "Larger brush" not in told


def test_the_panel_binds_and_shows_all_of_them(driver: Driver) -> None:
    assert set(driver.panel._actions()) == {s.name for s in SHORTCUTS}
    assert driver.panel.shortcuts_panel.rows() == list(rows())
    bound = set(driver.viewer.keymap)
    assert bound >= {coerce_keybinding(k) for s in SHORTCUTS for k in s.keys}

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from npe2 import PluginManifest

from napari_ood_seg.core.config import InstantConfig
from napari_ood_seg.plugin import preferences as module
from napari_ood_seg.plugin.file_control import settings
from napari_ood_seg.plugin.preferences import (
    BRUSH,
    DEVICE,
    KEEP,
    LIVE,
    MEMORY_GB,
    OPACITY,
    PREFERENCES,
    SHOW_CLASSES,
    Preference,
    Preferences,
)
from napari_ood_seg.session.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

MANIFEST = Path(module.__file__).parents[1] / "napari.yaml"

napari_has_pages = pytest.mark.skipif(
    not hasattr(pytest.importorskip("napari.settings"), "get_plugin_settings"),
    reason="napari shows preferences of plugins from 0.9 on",
)


@pytest.fixture
def opened(qapp: object) -> Iterator[list[Preferences]]:
    """Preferences to be closed in the end."""
    made: list[Preferences] = []
    yield made
    for each in made:
        each.close()


@pytest.fixture
def preferences(opened: list[Preferences]) -> Preferences:
    return another(opened)


def another(opened: list[Preferences]) -> Preferences:
    opened.append(Preferences())
    return opened[-1]


@pytest.fixture(params=["napari", "our file"])
def store(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where things are remembered."""
    if request.param == "our file":
        monkeypatch.setattr(module, "_napari_settings", lambda: None)
    return str(request.param)


def napari_file() -> Path:
    from napari import settings as napari_settings

    return Path(napari_settings._CFG_PATH).with_name("napari-ood-seg.yaml")


def test_the_manifest_says_the_same() -> None:
    pages = PluginManifest.from_file(MANIFEST).contributions.configurations
    listed = {
        (page, name): (found.default, found.minimum, found.maximum)
        for page, about in pages.items()
        for name, found in about.properties.items()
    }
    shown = [p for p in PREFERENCES if p.page]
    assert listed == {(p.page, p.name): (p.default, *limits(p)) for p in shown}
    assert all(type(listed[p.page, p.name][0]) is type(p.default) for p in shown)


def limits(preference: Preference[Any]) -> tuple[float | None, float | None]:
    low, high = preference.limits
    return (None, None) if low == -high else (low, high)


def test_defaults_are_those_of_the_program(preferences: Preferences) -> None:
    session = Session(executor=None, post=None)  # type: ignore[arg-type]
    assert preferences.value(KEEP) == 100 * session.keep
    assert session.config == InstantConfig()
    assert session.device == preferences.value(DEVICE)
    assert preferences.memory_gb == 2.0


def test_values_come_back(store: str, opened: list[Preferences]) -> None:
    first = another(opened)
    values: dict[Preference[Any], Any] = {
        KEEP: 90.5,
        OPACITY: 20,
        SHOW_CLASSES: False,
        DEVICE: "cpu",
        BRUSH: 7,
    }
    for preference, value in values.items():
        first.remember(preference, value)
        assert first.value(preference) == value
    first.flush()
    second = another(opened)
    for preference, value in values.items():
        found = second.value(preference)
        assert found == value
        assert type(found) is type(preference.default)
    assert second.value(LIVE) is False


def test_it_is_written_a_moment_later(
    store: str, opened: list[Preferences], qtbot: QtBot
) -> None:
    first, second = another(opened), another(opened)
    first.remember(KEEP, 91.0)
    assert second.value(KEEP) == 95.0
    qtbot.waitUntil(lambda: second.value(KEEP) == 91.0, timeout=5000)


@pytest.mark.parametrize(
    ("preference", "raw"),
    [(KEEP, "a"), (KEEP, "nan"), (KEEP, 12), (OPACITY, "-1"), (LIVE, "maybe")],
)
def test_what_cannot_be_read_is_the_default(
    preferences: Preferences,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    preference: Preference[Any],
    raw: object,
) -> None:
    monkeypatch.setattr(module, "_napari_settings", lambda: None)
    settings().setValue(f"preference/{preference.name}", raw)
    with caplog.at_level(logging.WARNING):
        assert preferences.value(preference) == preference.default
    assert preference.name in caplog.text


@napari_has_pages
class TestNapari:
    def test_it_keeps_what_it_shows(self, preferences: Preferences) -> None:
        preferences.remember(KEEP, 80.0)
        preferences.remember(DEVICE, "cpu")
        preferences.flush()
        assert napari_file().read_text().split() == ["panel:", "keep:", "80.0"]
        assert settings().value("preference/keep") is None
        assert settings().value("preference/device") == "cpu"

    def test_a_change_there_is_told(self, opened: list[Preferences]) -> None:
        from napari.settings import get_plugin_settings

        preferences = another(opened)
        told: list[Any] = []
        memory: list[float] = []
        preferences.changed.connect(lambda *it: told.append(it))
        preferences.memory_changed.connect(memory.append)
        theirs = get_plugin_settings(module.PLUGIN)
        theirs.panel.keep = 70.0
        theirs.computing.memory_gb = 4.0
        assert told == [(KEEP, 70.0), (MEMORY_GB, 4.0)]
        assert memory == [4.0]
        assert preferences.memory_gb == 4.0

    def test_panels_do_not_tell_each_other(self, opened: list[Preferences]) -> None:
        first, second = another(opened), another(opened)
        told: list[Any] = []
        second.changed.connect(lambda *it: told.append(it))
        first.remember(KEEP, 70.0)
        first.flush()
        assert told == []
        assert second.value(KEEP) == 70.0  # but it is what the next one starts with

    @pytest.mark.parametrize(
        "text", ["{", "[1, 2]", "panel: 3", "panel: {keep: x}", "panel: {keep: 3}"]
    )
    def test_a_broken_file(self, opened: list[Preferences], text: str) -> None:
        napari_file().write_text(text)
        preferences = another(opened)
        assert preferences.value(KEEP) == 95.0
        preferences.remember(KEEP, 80.0)
        preferences.flush()
        assert another(opened).value(KEEP) == 80.0

    def test_a_disk_that_refuses(
        self, preferences: Preferences, caplog: pytest.LogCaptureFixture
    ) -> None:
        napari_file().mkdir()
        preferences.remember(KEEP, 80.0)
        preferences.flush()
        assert "not remembered" in caplog.text


def test_memory_is_told_from_here(preferences: Preferences) -> None:
    told: list[float] = []
    preferences.memory_changed.connect(told.append)
    for value in (3.0, 3.0):
        preferences.remember(MEMORY_GB, value)
    assert told == [3.0]

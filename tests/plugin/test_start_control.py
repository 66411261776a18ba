from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from napari_ood_seg.core.config import InstantConfig
from napari_ood_seg.plugin import start_control
from napari_ood_seg.plugin.preferences import (
    BRUSH,
    DEVICE,
    ENGINE,
    KEEP,
    LIVE,
    PLUGIN,
    Preferences,
)
from napari_ood_seg.plugin.start_control import remembered_config
from tests.plugin.driver import SMALL, Driver, open_panel, two_halves
from tests.plugin.test_preferences import napari_has_pages

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def reopen(driver: Driver, qtbot: QtBot) -> Driver:
    driver.viewer.window.remove_dock_widget(driver.panel)
    return Driver(driver.viewer, open_panel(driver.viewer, "again"), qtbot)


def test_the_next_panel_is_as_this_one_was(
    driver: Driver, qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = driver.panel
    panel.results_panel._keep.setValue(800)
    panel.results_panel._opacity.setValue(30)
    panel.views.set_shown("heatmap", shown=False)
    panel.views.set_shown("unknown", shown=False)
    panel.memory_panel._spin.setValue(3.5)
    config = replace(InstantConfig(), smoothing=3.0, detectors=("energy",))
    panel.settings_panel.settings_changed.emit(config)
    at_first: list[InstantConfig] = []

    def noted(preferences: Preferences) -> InstantConfig:
        at_first.append(remembered_config(preferences))
        return at_first[0]

    monkeypatch.setattr(start_control, "remembered_config", noted)
    again = reopen(driver, qtbot).panel
    assert again.session.keep == 0.8
    assert again.results_panel._keep_spin.value() == 80.0
    assert again.overlays.opacity == 0.3
    assert again.results_panel._opacity.value() == 30
    assert again.overlays.wanted == {"classes": True, "heatmap": False}
    assert not again.overlays.show_unknown
    shown = {k: b.isChecked() for k, b in again.results_panel._shown.items()}
    assert shown == {"classes": True, "heatmap": False, "unknown": False}
    assert again.memory_panel._spin.value() == again.preferences.memory_gb == 3.5
    assert at_first == [config]
    assert again.settings_panel._settings == SMALL  # set by the test
    assert again.session.undo() is None


def test_reset_is_remembered_too(driver: Driver) -> None:
    panel = driver.panel
    panel.settings_panel.settings_changed.emit(replace(InstantConfig(), smoothing=3.0))
    panel.settings_panel.settings_changed.emit(InstantConfig())
    assert panel.preferences.value(ENGINE) == "{}"


def test_the_brush(driver: Driver, qtbot: QtBot) -> None:
    driver.add_image(two_halves(), name="one")
    assert driver.layer.brush_size == 3  # suits so small an image
    driver.layer.brush_size = 9
    again = reopen(driver, qtbot)
    assert again.panel.preferences.value(BRUSH) == 9
    other = driver.viewer.add_image(two_halves(), rgb=True, name="two")
    again.images.choose(other)
    assert again.layer.brush_size == 9


def test_live(driver: Driver, qtbot: QtBot) -> None:
    driver.add_image(two_halves())
    driver.paint_both()
    driver.push("Live")
    again = reopen(driver, qtbot)
    again.until(lambda: again.session.live)
    again.until(lambda: again.session.model is not None and not again.session.busy)
    assert again.panel.training_panel.mode() == "live"
    again.push("Off")
    assert again.panel.preferences.value(LIVE) is False


@pytest.mark.parametrize(("device", "chosen"), [("cpu", "cpu"), ("cuda:7", "auto")])
def test_the_device(driver: Driver, qtbot: QtBot, device: str, chosen: str) -> None:
    driver.panel.training_panel.device_selected.emit(device)
    again = reopen(driver, qtbot)
    box = again.panel.training_panel._device
    again.until(lambda: box.count() > 0)
    assert box.current_key() == again.session.device == chosen
    assert again.panel.preferences.value(DEVICE) == device


@napari_has_pages
def test_napari_changes_it_at_once(driver: Driver) -> None:
    from napari.settings import get_plugin_settings

    driver.add_image(two_halves())
    page = get_plugin_settings(PLUGIN).panel
    page.keep, page.opacity, page.show_classes, page.brush_size = 70.0, 10, False, 8
    panel = driver.panel
    assert panel.session.keep == 0.7
    assert panel.results_panel._keep_spin.value() == 70.0
    assert panel.overlays.opacity == 0.1
    assert panel.overlays.wanted["classes"] is False
    assert driver.layer.brush_size == 8
    page.live = True
    assert driver.session.live


@napari_has_pages
def test_napari_shows_them(driver: Driver) -> None:
    from napari._qt.dialogs.preferences_dialog import PreferencesDialog
    from qtpy.QtWidgets import QListWidget

    driver.panel.preferences.remember(KEEP, 77.0)
    driver.panel.preferences.flush()
    dialog = PreferencesDialog(driver.viewer.window._qt_window)
    listed: Any = dialog.findChild(QListWidget)
    assert "OOD Seg" in [listed.item(i).text() for i in range(listed.count())]
    dialog.reject()
    dialog.deleteLater()
    assert driver.session.keep == 0.95  # what is there is not what comes next


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"smoothing": 99}',
        '{"smoothing": true}',
        '{"detectors": ["none such"]}',
        '{"detectors": []}',
        '{"filters.spectral": "l9"}',
        '{"gone": 1}',
        '{"encoder": "/no/such/file"}',
    ],
)
def test_settings_that_make_no_sense(qapp: object, text: str) -> None:
    preferences = Preferences()
    preferences.remember(ENGINE, text)
    assert remembered_config(preferences) == InstantConfig()
    preferences.close()

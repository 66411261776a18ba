"""What a panel starts with, and what it remembers for the next one."""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeVar
from weakref import WeakSet

from qtpy.QtCore import QObject

from napari_ood_seg.core.config import DeepConfig, InstantConfig
from napari_ood_seg.core.io.hub import is_available
from napari_ood_seg.plugin.panels.settings_fields import from_plain, to_plain
from napari_ood_seg.plugin.preferences import (
    BRUSH,
    DEVICE,
    ENGINE,
    KEEP,
    LIVE,
    MEMORY_GB,
    NETWORK,
    OPACITY,
    QUICK_BRUSH,
    SHOW_CLASSES,
    SHOW_HEATMAP,
    SHOW_UNKNOWN,
    Preference,
    Preferences,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    from napari.layers import Labels

    from napari_ood_seg.plugin.widget import OODSegWidget

Settings = TypeVar("Settings", DeepConfig, InstantConfig)

_LOG: Final = logging.getLogger(__name__)
SHOWN: Final = {
    "classes": SHOW_CLASSES,
    "heatmap": SHOW_HEATMAP,
    "unknown": SHOW_UNKNOWN,
}


class StartControl(QObject):
    """Gives a panel what was remembered, and remembers what is chosen in it.

    Parameters
    ----------
    panel
        With its controls, which are asked and told.
    preferences
        Where things are remembered.
    """

    def __init__(self, panel: OODSegWidget, preferences: Preferences) -> None:
        super().__init__()
        self._panel = panel
        self._preferences = preferences
        self._sized: WeakSet[Labels] = WeakSet()
        self._live_to_come = preferences.value(LIVE)
        self._apply()
        self._follow()

    def close(self) -> None:
        """Stop following."""
        panel = self._panel
        self._preferences.changed.disconnect(self._on_preference)
        panel.session.keep_changed.disconnect(self._on_keep)
        panel.session.config_changed.disconnect(self._on_settings)
        panel.session.deep_changed.disconnect(self._on_network)
        panel.views.changed.disconnect(self._on_view)
        panel.brush.resized.disconnect(self._on_brush)
        panel.images.changed.disconnect(self._on_image)

    def choose_device(self, devices: Iterable[str]) -> None:
        """Compute where it was done last, if that is still there."""
        last = self._preferences.value(DEVICE)
        if last in devices:
            self._panel.session.set_device(last)

    def _apply(self) -> None:
        panel, preferences = self._panel, self._preferences
        panel.session.set_config(remembered_config(preferences))
        panel.session.set_deep(remembered(preferences, NETWORK, DeepConfig()))
        panel.session.set_keep(preferences.value(KEEP) / 100)
        panel.session.edits.clear()  # nobody asked for it
        panel.views.set_opacity(preferences.value(OPACITY) / 100)
        for key, preference in SHOWN.items():
            panel.views.set_shown(key, preferences.value(preference))
        panel.frames.switch(on=preferences.value(QUICK_BRUSH))
        panel.memory_panel.set_memory(preferences.memory_gb)
        panel.session.set_memory(preferences.memory_gb)

    def _follow(self) -> None:
        panel, preferences = self._panel, self._preferences
        preferences.changed.connect(self._on_preference)
        preferences.memory_changed.connect(panel.memory_panel.set_memory)
        preferences.memory_changed.connect(panel.session.set_memory)
        panel.memory_panel.memory_changed.connect(self._on_memory)
        panel.session.keep_changed.connect(self._on_keep)
        panel.views.changed.connect(self._on_view)
        panel.brush.resized.connect(self._on_brush)
        panel.images.changed.connect(self._on_image)
        panel.training_panel.live_toggled.connect(self._on_live)
        panel.training_panel.stop_requested.connect(self._on_stop)
        panel.training_panel.device_selected.connect(self._on_device)
        panel.session.config_changed.connect(self._on_settings)
        panel.session.deep_changed.connect(self._on_network)

    def _on_preference(self, preference: Preference[Any], value: Any) -> None:  # noqa: ANN401 - as napari has it
        """Do what was chosen in napari's Preferences at once."""
        panel = self._panel
        if preference is KEEP:
            panel.session.set_keep(value / 100)
        elif preference is OPACITY:
            panel.views.set_opacity(value / 100)
        elif preference is LIVE and panel.images.image is not None:
            panel.session.set_live(live=value)
        elif preference is BRUSH:
            self._resize(panel.images.scribbles)
        elif preference is QUICK_BRUSH:
            panel.frames.switch(on=value)
        for key, shown in SHOWN.items():
            if shown is preference:
                panel.views.set_shown(key, value)

    def _on_keep(self, keep: float) -> None:
        self._preferences.remember(KEEP, round(100 * keep, 1))

    def _on_view(self) -> None:
        overlays = self._panel.overlays
        self._preferences.remember(OPACITY, round(100 * overlays.opacity))
        shown = {**overlays.wanted, "unknown": overlays.show_unknown}
        for key, preference in SHOWN.items():
            self._preferences.remember(preference, shown[key])

    def _on_brush(self, pixels: int) -> None:
        self._preferences.remember(BRUSH, pixels)

    def _on_image(self) -> None:
        layer = self._panel.images.scribbles
        if layer is not None and layer not in self._sized:
            self._sized.add(layer)
            self._resize(layer)
        if self._live_to_come and self._panel.images.image is not None:
            self._live_to_come = False
            self._panel.session.set_live(live=True)

    def _resize(self, layer: Labels | None) -> None:
        pixels = self._preferences.value(BRUSH)
        if pixels and layer is not None:
            layer.brush_size = pixels

    def _on_memory(self, gigabytes: float) -> None:
        self._preferences.remember(MEMORY_GB, gigabytes)

    def _on_live(self, live: bool) -> None:
        self._live_to_come = False
        self._preferences.remember(LIVE, live)

    def _on_stop(self) -> None:
        self._on_live(live=False)

    def _on_device(self, device: str) -> None:
        self._preferences.remember(DEVICE, device)

    def _on_settings(self, config: InstantConfig) -> None:
        self._preferences.remember(ENGINE, json.dumps(to_plain(config)))

    def _on_network(self, config: DeepConfig) -> None:
        self._preferences.remember(NETWORK, json.dumps(to_plain(config)))


def remembered_config(preferences: Preferences) -> InstantConfig:
    """Return the settings of the engine; defaults for what cannot be read."""
    found = remembered(preferences, ENGINE, InstantConfig())
    if found.encoder and not is_available(found.encoder):
        _LOG.warning("the encoder is gone: %s", found.encoder)
        return replace(found, encoder="")
    return found


def remembered(
    preferences: Preferences, where: Preference[str], usual: Settings
) -> Settings:
    """Return settings that were written as JSON; the usual ones if unreadable."""
    try:
        plain = json.loads(preferences.value(where))
    except ValueError as error:
        _LOG.warning("the settings of the %s are as at first: %s", where.name, error)
        return usual
    if not isinstance(plain, dict):
        return usual
    found = from_plain(usual, plain)
    assert isinstance(found, type(usual))
    return found

"""What a person prefers: in napari's Preferences where it has them, else in a file."""

from __future__ import annotations

import logging
import math
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar, cast

from psygnal import Signal
from qtpy.QtCore import QObject, QTimer

from napari_ood_seg.plugin.file_control import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

T = TypeVar("T", bool, int, float, str)

PLUGIN: Final = "napari-ood-seg"
_LOG: Final = logging.getLogger(__name__)
_FLAGS: Final = {"true": True, "false": False}
_LATER_MS: Final = 500
"""Values that change within this time are written once: a slider is dragged."""
_BROKEN: Final = (AssertionError, AttributeError, KeyError, OSError, ValueError)
"""What napari raises for a plugin that is switched off, or for a broken file."""


@dataclass(frozen=True, slots=True)
class Preference(Generic[T]):
    """One value that is remembered.

    Attributes
    ----------
    name
        In napari's file and in ours.
    limits
        The smallest and the largest number.
    page
        Of `contributions.configurations` in the manifest, so that napari's Preferences
        show it; empty for what is remembered but not asked for there.
    """

    name: str
    default: T
    limits: tuple[float, float] = (-math.inf, math.inf)
    page: str = ""

    def parse(self, raw: object) -> T:
        """Return a stored value, which may be text, with the right type.

        Raises
        ------
        ValueError
            If it is none, or beyond the limits.

        Examples
        --------
        >>> KEEP.parse("90"), SHOW_CLASSES.parse("false")
        (90.0, False)
        """
        return cast("T", _parsed(str(raw), type(self.default), self.limits))


def _parsed(text: str, kind: type, limits: tuple[float, float]) -> object:
    if kind is str:
        return text
    if kind is bool:
        if text.lower() not in _FLAGS:
            raise ValueError(f"{text!r} is neither true nor false")
        return _FLAGS[text.lower()]
    low, high = limits
    if not low <= float(text) <= high:
        raise ValueError(f"{text!r} is not from {low} to {high}")
    return kind(float(text))


KEEP: Final = Preference("keep", 95.0, (50.0, 99.9), "panel")
OPACITY: Final = Preference("opacity", 55, (0, 100), "panel")
SHOW_CLASSES: Final = Preference("show_classes", True, page="panel")
SHOW_HEATMAP: Final = Preference("show_heatmap", True, page="panel")
SHOW_UNKNOWN: Final = Preference("show_unknown", True, page="panel")
LIVE: Final = Preference("live", False, page="panel")
BRUSH: Final = Preference("brush_size", 0, (0, 999), "panel")
"""In pixels; 0 for one that suits the image."""
MEMORY_GB: Final = Preference("memory_gb", 2.0, (0.1, 1024.0), "computing")
QUICK_BRUSH: Final = Preference("quick_brush", True, page="computing")
"""Of the canvas, draw only what the brush touches."""
DEVICE: Final = Preference("device", "auto")
ENGINE: Final = Preference("engine", "{}")
"""Settings of the engine that are not the defaults, as JSON."""
NETWORK: Final = Preference("network", "{}")
"""The same of the network."""

PREFERENCES: Final = (
    *(KEEP, OPACITY, SHOW_CLASSES, SHOW_HEATMAP, SHOW_UNKNOWN, LIVE, BRUSH, MEMORY_GB),
    *(QUICK_BRUSH, DEVICE, ENGINE, NETWORK),
)


class Preferences(QObject):
    """Typed values that outlive the panel; a value that cannot be read is the default.

    napari keeps those that its Preferences show, from 0.9 on; the others, and all of
    them under older versions, are in a file of ours. Panels beside this one are not
    told of what it writes: each goes on as it is.
    """

    changed = Signal(object, object)
    """A preference and its value: somebody changed it in napari's Preferences."""
    memory_changed = Signal(float)
    """Gigabytes that features may take; here or in napari's Preferences."""

    _writing: ClassVar[set[str]] = set()

    def __init__(self) -> None:
        super().__init__()
        self._pending: dict[Preference[Any], object] = {}
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.flush)
        self._followed = _napari_settings()
        if self._followed is not None:
            self._followed.events.changed.connect(self._on_napari)

    def close(self) -> None:
        """Write what is left and stop following."""
        self.flush()
        if self._followed is not None:
            self._followed.events.changed.disconnect(self._on_napari)
            self._followed = None

    @property
    def memory_gb(self) -> float:
        """Gigabytes that features may take."""
        return self.value(MEMORY_GB)

    def value(self, preference: Preference[T]) -> T:
        """Return what was remembered last, or the default."""
        if preference in self._pending:
            return cast("T", self._pending[preference])
        page = _page(preference.page)
        if page is not None and hasattr(page, preference.name):
            raw = getattr(page, preference.name)
        else:
            raw = settings().value(f"preference/{preference.name}", preference.default)
        try:
            return preference.parse(raw)
        except ValueError as error:
            _LOG.warning("%s is as at first: %s", preference.name, error)
            return preference.default

    def remember(self, preference: Preference[T], value: T) -> None:
        """Keep a value for the next time; it is written a moment later."""
        if value == self.value(preference):
            return
        self._pending[preference] = value
        self._timer.start(_LATER_MS)
        if preference is MEMORY_GB:
            self.memory_changed.emit(float(value))

    def flush(self) -> None:
        """Write now; a disk that refuses is logged."""
        with suppress(RuntimeError):  # Qt may have deleted it at the very end
            self._timer.stop()
        pending, self._pending = self._pending, {}
        self._writing.update(p.name for p in pending)
        try:
            for preference, value in pending.items():
                _write(preference, value)
        finally:
            self._writing.clear()

    def _on_napari(self, event: Any) -> None:  # noqa: ANN401 - napari events are untyped
        page, _, name = str(event.key).partition(".")
        if name in self._writing:
            return
        for preference in _on_page(page):
            if preference.name == name:
                self._pending.pop(preference, None)
                value = self.value(preference)
                self.changed.emit(preference, value)
                if preference is MEMORY_GB:
                    self.memory_changed.emit(value)


def _on_page(page: str) -> Iterator[Preference[Any]]:
    yield from (p for p in PREFERENCES if p.page and p.page == page)


def _write(preference: Preference[Any], value: object) -> None:
    page = _page(preference.page)
    try:
        if page is not None and hasattr(page, preference.name):
            setattr(page, preference.name, value)  # napari writes its file at once
        else:
            settings().setValue(f"preference/{preference.name}", str(value))
    except _BROKEN as error:
        _LOG.warning("%s is not remembered: %s", preference.name, error)


def _page(name: str) -> Any | None:  # noqa: ANN401 - napari makes the type
    """Return the values of a page of napari's Preferences, if it has it."""
    return getattr(_napari_settings(), name, None) if name else None


def _napari_settings() -> Any | None:  # noqa: ANN401 - napari makes the type
    try:
        from napari.settings import get_plugin_settings
    except ImportError:  # napari 0.8
        return None
    try:
        return get_plugin_settings(PLUGIN)
    except _BROKEN as error:
        _LOG.warning("napari has no preferences of %s: %r", PLUGIN, error)
        return None

"""The keys of the plugin: one table that is bound and shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from napari.settings import get_settings
from napari.utils.key_bindings import coerce_keybinding

from napari_ood_seg.plugin.panels.class_table import KEYS as TABLE_KEYS

if TYPE_CHECKING:
    from collections.abc import Iterator

    Row = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shortcut:
    """Keys that do one thing.

    Attributes
    ----------
    name
        Of the action that is called with the key.
    keys
        In napari's notation.
    group, text
        Where and how it is shown.
    firm
        Whether it wins over the keys of any layer; else only over those of ours.
    hold
        Whether it acts as long as the key is held; the action is a context then.
    """

    name: str
    keys: tuple[str, ...]
    group: str
    text: str
    firm: bool = False
    hold: bool = False


PAINT, LOOK, TABLE, NAPARI = "Paint", "Look", "In the class table", "napari's own"

SHORTCUTS: Final = (
    Shortcut(
        name="class",
        keys=tuple("123456789"),
        group=PAINT,
        text="Paint this class, whatever layer is active",
        firm=True,
    ),
    Shortcut(name="erase", keys=("0",), group=PAINT, text="Erase; again: paint"),
    Shortcut(
        name="undo",
        keys=("Control-Z",),
        group=PAINT,
        text="Undo the last thing done",
    ),
    Shortcut(name="redo", keys=("Control-Shift-Z",), group=PAINT, text="Redo"),
    Shortcut(
        name="peek", keys=("H",), group=LOOK, text="Hold: the bare image", hold=True
    ),
    Shortcut(
        name="view", keys=("N",), group=LOOK, text="Next: image, classes, OOD, both"
    ),
    Shortcut(name="fainter", keys=(",",), group=LOOK, text="Results less opaque"),
    Shortcut(name="stronger", keys=(".",), group=LOOK, text="Results more opaque"),
    Shortcut(name="next", keys=("U",), group=LOOK, text="Go to the next unknown"),
    Shortcut(
        name="next_frame",
        keys=("Shift-U",),
        group=LOOK,
        text="Go to the next frame with something unknown",
    ),
    Shortcut(
        name="explain",
        keys=("W",),
        group=LOOK,
        text="Why? Explain the pixel under the pointer",
    ),
    Shortcut(name="legend", keys=("G",), group=LOOK, text="Show or hide the legend"),
)
"""Letters and signs that napari gives to no layer, and its own two for undo."""

MOUSE: Final = ((LOOK, "Shift+click", "Explain this pixel, also while painting"),)
"""What the mouse does on the canvas, as it is shown."""

NAPARIS: Final = {
    "napari:decrease_brush_size": "Smaller brush",
    "napari:increase_brush_size": "Larger brush",
    "napari:activate_labels_fill_mode": "Fill",
    "napari:activate_labels_picker_mode": "Pick a class from the scribbles",
    "napari:hold_for_pan_zoom": "Hold: move the image",
    "napari:toggle_selected_visibility": "Show or hide the selected layer",
}
"""Commands of napari that help with scribbles, by what the user set for them."""


_SIGNS: Final = {",": "comma", ".": "period"}
"""What is hard to see alone."""


def rows() -> Iterator[Row]:
    """Yield `(group, keys, text)` of every key, as bound now."""
    for shortcut in SHORTCUTS:
        yield shortcut.group, _keys(shortcut.keys), shortcut.text
    yield from MOUSE
    for key, text in TABLE_KEYS:
        yield TABLE, key, text
    taken = {coerce_keybinding(k) for s in SHORTCUTS for k in s.keys}
    bound = get_settings().shortcuts.shortcuts
    for command, text in NAPARIS.items():
        free = [k for k in bound.get(command, ()) if k not in taken]
        if free:
            yield NAPARI, " ".join(key_text(k) for k in free), text


def key_text(key: object) -> str:
    """Return a key as it is printed on menus of this computer.

    >>> key_text("g"), key_text(",")
    ('G', ', (comma)')
    """
    text = str(coerce_keybinding(key).to_text())
    return f"{text} ({_SIGNS[text]})" if text in _SIGNS else text


def _keys(keys: tuple[str, ...]) -> str:
    ends = [key_text(keys[0])] if len(keys) == 1 else map(key_text, (keys[0], keys[-1]))
    return " … ".join(ends)

"""Keys that work whatever layer is active, and that can be given back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari_ood_seg.plugin.layers import role_of
from napari_ood_seg.plugin.shortcuts import SHORTCUTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from typing import Any

    from napari.components import ViewerModel
    from napari.utils.key_bindings import KeymapProvider

    from napari_ood_seg.plugin.shortcuts import Shortcut

    Action = Callable[[str], AbstractContextManager[None] | None]


class BoundKey:
    """One key of a viewer or a layer: what it does, and what it did before.

    Others may bind the same key later (a second panel does): whoever lets go first
    leaves the key to the other.

    Parameters
    ----------
    provider
        Viewer or layer.
    key
        In napari's notation.
    action
        Called with the key; a context manager if `hold`.
    hold
        Whether the key acts until it is released.
    """

    def __init__(
        self, provider: KeymapProvider, key: str, action: Action, *, hold: bool = False
    ) -> None:
        self.provider, self.key = provider, key
        self.call = _held(key, action) if hold else _pressed(key, action)
        self.call.__dict__["bound"] = self  # so that others find what was before
        self.before: object = provider.bind_key(key, self.call, overwrite=True)

    def release(self) -> None:
        """Give the key back to whoever had it."""
        top = self.provider.bind_key(self.key, None)
        if top is self.call:
            top = self.before
        else:
            _skip(top, self)
        if top is not None:
            self.provider.bind_key(self.key, top, overwrite=True)


class Keys:
    """Binds the shortcuts of a panel until `close`.

    napari asks the active layer before the viewer, so the keys are bound on the
    viewer and on the active layer: firm ones on any, the others on ours only.

    Parameters
    ----------
    viewer
        Its keys, and those of its layers.
    actions
        By the name of the shortcut.
    """

    def __init__(self, viewer: ViewerModel, actions: Mapping[str, Action]) -> None:
        self._viewer = viewer
        self._actions = actions
        self._on_viewer = self._bind(viewer, SHORTCUTS)
        self._on_layer: list[BoundKey] = []
        viewer.layers.selection.events.active.connect(self._on_active)
        self._on_active()

    def close(self) -> None:
        """Give all keys back."""
        self._viewer.layers.selection.events.active.disconnect(self._on_active)
        for key in (*self._on_layer, *self._on_viewer):
            key.release()
        self._on_layer, self._on_viewer = [], []

    def _on_active(self) -> None:
        layer = self._viewer.layers.selection.active
        for key in self._on_layer:
            key.release()
        self._on_layer = []
        if layer is not None:
            ours = role_of(layer) is not None
            wanted = [s for s in SHORTCUTS if s.firm or ours]
            self._on_layer = self._bind(layer, wanted)

    def _bind(
        self, provider: KeymapProvider, shortcuts: tuple[Shortcut, ...] | list[Shortcut]
    ) -> list[BoundKey]:
        return [
            BoundKey(provider, key, self._actions[s.name], hold=s.hold)
            for s in shortcuts
            for key in s.keys
        ]


def _pressed(key: str, action: Action) -> Callable[..., Any]:
    def press(_: object) -> None:  # napari passes viewer or layer
        action(key)

    return press


def _held(key: str, action: Action) -> Callable[..., Any]:
    def hold(_: object) -> Iterator[None]:  # napari goes on when the key is released
        context = action(key)
        assert context is not None
        with context:
            yield

    return hold


def _skip(newer: object, key: BoundKey) -> None:
    """Make whoever bound the key after `key` give it back to whoever had it before."""
    bound = getattr(newer, "bound", None)
    if isinstance(bound, BoundKey):
        if bound.before is key.call:
            bound.before = key.before
        _skip(bound.before, key)

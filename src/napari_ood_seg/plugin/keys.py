"""Number keys that can be given back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.utils.key_bindings import KeymapProvider

N_KEYS: Final = 9


class NumberKey:
    """One number key: what it does, and what it did before.

    Parameters
    ----------
    number
        1 to `N_KEYS`.
    choose
        Called with the number.
    """

    def __init__(self, number: int, choose: Callable[[int], None]) -> None:
        self.number = number
        self.before: object = None
        self._choose = choose
        self.__name__ = f"paint_class_{number}"
        self.__doc__ = f"Paint class {number}."

    def __call__(self, _: object) -> None:
        """Do what the key does; napari passes viewer or layer."""
        self._choose(self.number)


class NumberKeys:
    """Binds the number keys of a viewer or a layer until `release`.

    Others may bind the same keys later (a second panel does): whoever lets go
    first leaves the keys to the other.

    Parameters
    ----------
    provider
        Viewer or layer.
    choose
        Called with the number of the key.
    """

    def __init__(self, provider: KeymapProvider, choose: Callable[[int], None]) -> None:
        self._provider = provider
        self._keys = [NumberKey(n, choose) for n in range(1, N_KEYS + 1)]
        for key in self._keys:
            key.before = provider.bind_key(str(key.number), key, overwrite=True)

    def release(self) -> None:
        """Give the keys back to whoever had them."""
        for key in self._keys:
            self._release(key)
        self._keys.clear()

    def _release(self, key: NumberKey) -> None:
        top = self._provider.bind_key(str(key.number), None)
        if top is key:
            top = key.before
        else:
            _skip(top, key)
        if top is not None:
            self._provider.bind_key(str(key.number), top, overwrite=True)


def _skip(newer: object, key: NumberKey) -> None:
    """Make whoever bound the key after `key` give it back to whoever had it before."""
    if isinstance(newer, NumberKey):
        if newer.before is key:
            newer.before = key.before
        _skip(newer.before, key)

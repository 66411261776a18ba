"""A menu of ways to look at an image."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMenu, QPushButton, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class PictureChoice(NamedTuple):
    """A way to look at an image, what it shows, and whether it can be had."""

    name: str
    tip: str
    possible: bool = True


class PictureMenu(QPushButton):
    """A button with a menu; what is chosen becomes a layer."""

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Pictures", parent)
        self.setToolTip(
            "Look at the image in another way: false colours, maps of the tissue, and"
            " what is badly exposed. Each becomes a layer."
        )
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self._menu.aboutToShow.connect(self._list)
        self.setMenu(self._menu)
        self._shown: tuple[PictureChoice, ...] = ()
        self.setEnabled(False)

    def set_pictures(self, pictures: Sequence[PictureChoice]) -> None:
        """Offer these, in their order."""
        self._shown = tuple(pictures)
        self.setEnabled(bool(pictures))

    def _list(self) -> None:
        self._menu.clear()
        for picture in self._shown:
            action = self._menu.addAction(picture.name.capitalize())
            assert action is not None
            action.setToolTip(picture.tip)
            action.setEnabled(picture.possible)
            action.triggered.connect(self._teller(picture.name))

    def _teller(self, name: str) -> Callable[[], None]:
        """Return a slot; PySide would call a `partial` with other arguments."""

        def tell() -> None:
            self.chosen.emit(name)

        return tell

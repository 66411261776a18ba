"""Choose which images are learned from."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QMenu, QPushButton, QWidget

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Learned(NamedTuple):
    """An image, and whether its strokes are learned from.

    Attributes
    ----------
    fits
        Whether it can be learned from together with the image that is worked on.
    """

    name: str
    n_strokes: int
    learned: bool
    fits: bool

    @property
    def counts(self) -> bool:
        """Whether something is learned from it."""
        return self.learned and self.fits and self.n_strokes > 0

    @property
    def words(self) -> str:
        """What the menu says.

        >>> Learned("a", 1, True, True).words, Learned("b", 0, True, False).words
        ('a: 1 stroke', 'b: other channels')
        """
        if not self.fits:
            return f"{self.name}: other channels"
        return f"{self.name}: {self.n_strokes} stroke{'s' * (self.n_strokes != 1)}"


class LearnedMenu(QPushButton):
    """A button that says how many images are learned from, with a menu of them."""

    toggled_for = Signal(str, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setToolTip(
            "Which images are learned from. Classes are those of all images; what was "
            "painted on images that are not ticked is kept, but not used."
        )
        self.setAccessibleName("Learn from")
        self._menu = QMenu(self)
        self._menu.setToolTipsVisible(True)
        self._menu.aboutToShow.connect(self._list)
        self.setMenu(self._menu)
        self._shown: tuple[Learned, ...] = ()

    def set_images(self, images: Sequence[Learned]) -> None:
        """Show the images, in their order."""
        self._shown = tuple(images)
        n = sum(image.counts for image in images)
        self.setText(f"Learn from {n} of {len(images)} images")

    def _list(self) -> None:
        self._menu.clear()
        for image in self._shown:
            action = self._menu.addAction(image.words.replace("&", "&&"))
            assert action is not None
            action.setCheckable(True)
            action.setChecked(image.learned and image.fits)
            action.setEnabled(image.fits)
            action.toggled.connect(self._teller(image.name))

    def _teller(self, name: str) -> Callable[[bool], None]:
        """Return a slot; PySide would call a `partial` without the tick."""

        def tell(learn: bool) -> None:
            self.toggled_for.emit(name, learn)

        return tell

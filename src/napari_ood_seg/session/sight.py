"""`Sight`: what is on the screen, for whoever works elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_ood_seg.core.inference.view import View


class Sight:
    """Holds the view of now. The owner's thread replaces it, workers only look.

    A view is frozen, so whoever looks has one that stays as it is.
    """

    def __init__(self) -> None:
        self.now: View | None = None

    def look(self) -> View | None:
        """Return what is visible; the same object until it changes."""
        return self.now

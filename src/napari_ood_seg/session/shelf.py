"""`Shelf`: what was painted on the images that are not worked on now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_ood_seg.core.data.scribbles import Scribbles
    from napari_ood_seg.core.data.source import ImageSource

    Sheet = tuple[ImageSource, Scribbles]


@dataclass(frozen=True, slots=True, eq=False)
class Shelf:
    """Images and their strokes, in the order they were left; immutable.

    Attributes
    ----------
    sheets
        Only images with strokes.
    """

    sheets: tuple[Sheet, ...] = ()

    def get(self, source: ImageSource) -> Scribbles | None:
        """Return the strokes of an image, `None` if there are none."""
        return next((s for image, s in self.sheets if image is source), None)

    def put(self, source: ImageSource, scribbles: Scribbles) -> Self:
        """Return the shelf with the strokes of an image; none take no place."""
        added = ((source, scribbles),) if scribbles.strokes else ()
        return replace(self, sheets=(*self.without(source).sheets, *added))

    def without(self, source: ImageSource) -> Self:
        """Return the shelf without an image; the same object if it is not there."""
        if self.get(source) is None:
            return self
        return replace(self, sheets=tuple(s for s in self.sheets if s[0] is not source))

    def without_class(self, class_id: int) -> Self:
        """Return the shelf without the strokes of a class."""
        return self._changed(class_id, lambda s: s.without_class(class_id))

    def relabelled(self, class_id: int, into: int) -> Self:
        """Return the shelf with the strokes of a class given to another."""
        return self._changed(class_id, lambda s: s.relabelled(class_id, into))

    @property
    def class_ids(self) -> frozenset[int]:
        """Painted class ids."""
        return frozenset(i for _, s in self.sheets for i in s.class_ids)

    def _changed(self, class_id: int, change: Callable[[Scribbles], Scribbles]) -> Self:
        """Return the shelf with some sheets changed; the same object if none is."""
        if class_id not in self.class_ids:
            return self
        changed = (
            (image, change(s) if class_id in s.class_ids else s)
            for image, s in self.sheets
        )
        return replace(self, sheets=tuple(s for s in changed if s[1].strokes))

"""The images of a session: which one is worked on, and which ones are learned from."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from psygnal import Signal

from napari_ood_seg.core.data.alike import may_join
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.errors import ImageError, ScribbleError
from napari_ood_seg.session.choices import Choices
from napari_ood_seg.session.results import Results

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.types import ClassInfo
    from napari_ood_seg.session.result import Result
    from napari_ood_seg.session.shelf import Sheet


class Gallery(Choices):
    """Several images with the same classes; one of them is worked on.

    Attributes
    ----------
    source, plane
        The image that is worked on, if any, and the plane of it that is shown.
    images
        All that there are.
    left_out
        Images whose strokes are kept, but not learned from.
    """

    image_changed: ClassVar[Signal] = Signal()
    images_changed: ClassVar[Signal] = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.source: ImageSource | None = None
        self.plane: tuple[int, ...] = ()
        self.result: Result | None = None
        self.images: tuple[ImageSource, ...] = ()
        self.left_out: frozenset[ImageSource] = frozenset()
        self._results = Results()
        self._planes: dict[ImageSource, tuple[int, ...]] = {}

    def set_image(self, source: ImageSource | None) -> None:
        """Work on another image, or on none; the strokes of the old one are kept.

        Classes and model stay: they hold for all images.
        """
        if self.source is not None:
            self.shelf = self.shelf.put(self.source, self.scribbles)
            self._planes[self.source] = self.plane
        self.source = source
        self.plane, self.scribbles, self.result = (), Scribbles((0, 0)), None
        if source is not None:
            if source not in self.images:
                self.images = (*self.images, source)
            self.plane = self._plane_of(source)
            painted = self.shelf.get(source)
            self.shelf = self.shelf.without(source)
            self.scribbles = painted or Scribbles((source.height, source.width))
            self.result = self._results.get(source, self.plane)
        self.edits.clear()
        self.image_changed.emit()
        self.scribbles_changed.emit()

    def set_images(self, images: Sequence[ImageSource]) -> None:
        """Tell which images there are; what is kept about others is forgotten."""
        gone = set(self.images).difference(images)
        for source in gone:
            self.shelf = self.shelf.without(source)
            self._planes.pop(source, None)
            self._results.forget(source)
        self.left_out -= gone
        self.images = tuple(images)
        self.images_changed.emit()

    def exchange_image(self, after: ImageSource) -> None:
        """Put the same image with other values in place of the one that is worked on.

        What is painted, undo and the plane that is shown stay; results go.

        Parameters
        ----------
        after
            As high, wide and deep as the image.

        Raises
        ------
        ImageError
            If there is no image.
        """
        before = self._require_image()
        self.images = tuple(after if i is before else i for i in self.images)
        if before in self.left_out:
            self.left_out = self.left_out - {before} | {after}
        self._planes.pop(before, None)
        self._results.forget(before)
        self.source, self.result = after, None
        self.image_changed.emit()

    def learn_from(self, source: ImageSource, *, learn: bool) -> None:
        """Learn from the strokes of an image, or leave them out."""
        self.left_out = self.left_out - {source} if learn else self.left_out | {source}
        self.images_changed.emit()

    def scribbles_on(self, source: ImageSource) -> Scribbles:
        """Return the strokes of an image."""
        if source is self.source:
            return self.scribbles
        return self.shelf.get(source) or Scribbles((source.height, source.width))

    def others_like(self, source: ImageSource) -> tuple[ImageSource, ...]:
        """Return the other images that can be learned from together with one.

        They have as many channels, or wavelengths that one of the two can be resampled
        to.
        """
        return tuple(
            other
            for other in self.images
            if other is not source and may_join(source, other)
        )

    def _learned(self) -> tuple[Sheet, ...]:
        """Return images and strokes to learn from, the current image first.

        Raises
        ------
        ImageError
            If there is no image.
        ScribbleError
            If there is nothing to learn from.
        """
        learned = self._sheets()
        if not learned and (self.scribbles.strokes or self.shelf.sheets):
            raise ScribbleError(
                "no image with scribbles can be learned from: tick one under Learn "
                "from whose channels or wavelengths go with those of this one"
            )
        if not learned:
            self.scribbles.require_paint()
        return learned

    def _sheets(self) -> tuple[Sheet, ...]:
        """Return images and strokes to learn from, if any."""
        source = self._require_image()
        sheets = (
            (image, self.scribbles_on(image))
            for image in (source, *self.others_like(source))
            if image not in self.left_out
        )
        return tuple(sheet for sheet in sheets if sheet[1].strokes)

    def _require_image(self) -> ImageSource:
        if self.source is None:
            raise ImageError("there is no image: open one, then choose it here")
        return self.source

    def _plane_of(self, source: ImageSource) -> tuple[int, ...]:
        """Return the plane of an image that was shown last."""
        return self._planes.get(source, (0,) * len(source.plane_shape))

    def _classes_of(self, sheets: Sequence[Sheet]) -> tuple[ClassInfo, ...]:
        """Return the classes that are painted on some images, by number."""
        painted = {i for _, scribbles in sheets for i in scribbles.class_ids}
        found = (c for c in self.classes if c.id in painted)
        return tuple(sorted(found, key=lambda c: c.id))

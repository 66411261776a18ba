"""`Shown`: the result layers of one image, and what they read."""

from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ReferenceType, ref

import numpy as np

from napari_ood_seg.plugin.levels import Pyramid

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from napari.layers import Image, Labels

    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.session.result import Result
    from napari_ood_seg.session.session import Session


class Shown:
    """The result layers of one image, and the result that they read.

    Parameters
    ----------
    session
        Its threshold is used.
    """

    def __init__(self, session: Session) -> None:
        self._source: ReferenceType[ImageSource] | None = None
        self.result: Result | None = None
        self.classes: Labels | None = None
        self.heatmap: Image | None = None
        self._keep: Callable[[], float] = lambda: session.keep
        self._pyramids: tuple[Pyramid, ...] = ()
        self._shape = (0, 0)

    @property
    def source(self) -> ImageSource | None:
        """The image of which the result is; layers that outlive it do not keep it."""
        return None if self._source is None else self._source()

    @source.setter
    def source(self, source: ImageSource | None) -> None:
        self._source = None if source is None else ref(source)

    def close(self) -> None:
        """Leave the layers to the user: the threshold stays, the session may go."""
        keep = self._keep()
        self._keep = lambda: keep

    def pyramids(self, shape: tuple[int, int]) -> tuple[Pyramid, Pyramid]:
        """Return classes and heatmap of an image of `(h, w)`, made when looked at."""
        labels = Pyramid(shape, np.uint8, self._labels)
        heatmap = Pyramid(shape, np.float32, self._heat)
        self._pyramids, self._shape = (labels, heatmap), shape
        return labels, heatmap

    def fits(self, shape: tuple[int, int]) -> bool:
        """Whether the layers have the shape of an image."""
        return bool(self._pyramids) and self._shape == shape

    def layers(self) -> tuple[Labels | Image, ...]:
        """Return the layers that there are."""
        return tuple(la for la in (self.classes, self.heatmap) if la is not None)

    def refresh_thumbnails(self) -> None:
        """Let the thumbnails show what there is now."""
        for pyramid in self._pyramids:
            pyramid.refresh()

    def _labels(self, region: tuple[slice, ...], step: int) -> npt.NDArray[np.uint8]:
        if self.result is None:
            return np.zeros(_size(region, step), np.uint8)
        return self.result.labels(self._keep(), region, step=step)

    def _heat(self, region: tuple[slice, ...], step: int) -> npt.NDArray[np.float32]:
        if self.result is None:
            return np.zeros(_size(region, step), np.float32)
        return self.result.ood_in(region, step=step)


def _size(region: tuple[slice, ...], step: int) -> list[int]:
    return [len(range(s.start, s.stop, step)) for s in region]

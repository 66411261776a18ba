"""`Results`: predictions of several planes and images, as far as memory allows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from napari_ood_seg.session.result import Result

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_ood_seg.core.data.coverage import Coverage
    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.inference.view import View

    Plane = tuple[int, ...]

BYTES_PER_PIXEL: Final = 3
"""Of a result."""

_NONE: Final[Mapping[ImageSource, Plane]] = {}


class Results:
    """Keeps what one model predicted; another model makes it stale.

    Planes that were looked at are shown again at once, and so are other images.
    """

    def __init__(self) -> None:
        self._of: dict[ImageSource, dict[Plane, Result]] = {}

    def get(self, source: ImageSource, plane: Plane) -> Result | None:
        """Return the result of a plane, if there is one."""
        return self._of.get(source, {}).get(plane)

    def make(self, source: ImageSource, plane: Plane) -> Result:
        """Return the result of a plane; an empty one if there is none."""
        planes = self._of.setdefault(source, {})
        if plane not in planes:
            planes[plane] = Result((source.height, source.width))
        return planes[plane]

    def renew(
        self,
        source: ImageSource,
        plane: Plane,
        view: View | None,
        *,
        others: Mapping[ImageSource, Plane] = _NONE,
    ) -> None:
        """Forget everything but what is seen, which stays until it is replaced.

        Parameters
        ----------
        others
            Other images that will be predicted anew, and the plane of each.
        """
        shown = self.get(source, plane)
        kept = {image: (at, self.get(image, at)) for image, at in others.items()}
        self._of.clear()
        if shown is not None:
            shown.renew(view)
            self._of[source] = {plane: shown}
        for image, (at, result) in kept.items():
            if result is not None:
                result.renew(None)
                self._of[image] = {at: result}

    def has(self, source: ImageSource) -> bool:
        """Whether something was predicted of an image."""
        return source in self._of

    def settle_others(self, source: ImageSource | None) -> None:
        """Blank of all images but one what the model of now has not predicted."""
        for image, planes in self._of.items():
            for result in planes.values() if image is not source else ():
                result.settle()

    def forget(self, source: ImageSource) -> None:
        """Forget the results of an image."""
        self._of.pop(source, None)

    def covered(self, source: ImageSource) -> dict[Plane, Coverage]:
        """Return copies of what is predicted of each plane."""
        planes = self._of.get(source, {})
        return {plane: result.coverage.copy() for plane, result in planes.items()}


def planes_around(source: ImageSource, plane: Plane, budget: int) -> tuple[Plane, ...]:
    """Return the other planes whose results fit in `budget` bytes, the nearest first.

    Examples
    --------
    >>> from napari_ood_seg.core.data.source import ImageSource
    >>> stack = ImageSource.from_array(np.zeros((5, 10, 10)), axes="ZYX")
    >>> planes_around(stack, (1,), 10_000), planes_around(stack, (1,), 700)
    (((2,), (0,), (3,), (4,)), ((2,),))
    """
    if not source.plane_shape:
        return ()
    room = budget // (BYTES_PER_PIXEL * source.height * source.width) - 1
    away = np.indices(source.plane_shape).reshape(len(plane), -1).T - np.array(plane)
    # of two as far away, the later one
    order = np.lexsort((*(-away.T[::-1]), np.abs(away).sum(1)))
    nearest = away[order[1 : max(room, 0) + 1]] + np.array(plane)
    return tuple(tuple(int(i) for i in p) for p in nearest)

"""`Review`: what was found in each frame of a series."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, ClassVar, Final

from psygnal import Signal

from napari_ood_seg.core.data.areas import Areas, next_unknown
from napari_ood_seg.core.types import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_ood_seg.session.session import Session

    Plane = tuple[int, ...]

_COUNTED: Final = 2**16
"""So many pixels of a frame say enough for a strip."""


class Review:
    """Follows a session along one axis of its planes: time if there is, else depth.

    Frames are counted by `count`, some at a time, whenever somebody has the time.

    Parameters
    ----------
    session
        Predicts (`Session.predict_planes`).
    clock
        Gives seconds.
    """

    changed: ClassVar[Signal] = Signal()
    """There is something to count, or other frames."""

    def __init__(
        self, session: Session, clock: Callable[[], float] = time.perf_counter
    ) -> None:
        self.session = session
        self._clock = clock
        self.least = 0.05
        self._areas: dict[Plane, Areas] = {}
        self._whole: set[Plane] = set()
        self._stale: set[Plane] = set()
        self._began: tuple[float, int] | None = None
        self._look()
        session.image_changed.connect(self._forget)
        session.results_renewed.connect(self._look_again)
        session.keep_changed.connect(self._recount)
        session.plane_written.connect(self._on_written)
        session.plane_changed.connect(self._look)
        session.job_ended.connect(self._on_end)

    def close(self) -> None:
        """Stop following."""
        session = self.session
        session.image_changed.disconnect(self._forget)
        session.results_renewed.disconnect(self._look_again)
        session.keep_changed.disconnect(self._recount)
        session.plane_written.disconnect(self._on_written)
        session.plane_changed.disconnect(self._look)
        session.job_ended.disconnect(self._on_end)

    @property
    def axis(self) -> int:
        """Which of the plane axes the frames lie along."""
        source = self.session.source
        return 0 if source is None else max(source.plane_axes.find("T"), 0)

    @property
    def n(self) -> int:
        """Number of frames; 0 if the image is no series."""
        source = self.session.source
        shape = () if source is None else source.plane_shape
        return shape[self.axis] if shape else 0

    @property
    def at(self) -> int:
        """The frame that is shown."""
        return self.session.plane[self.axis] if self.n else 0

    def plane(self, frame: int) -> Plane:
        """Return the plane of a frame; other axes stay as they are shown."""
        plane = list(self.session.plane)
        plane[self.axis] = frame
        return tuple(plane)

    @property
    def frames(self) -> tuple[Areas | None, ...]:
        """What is in each frame, as it was counted last; `None`: not predicted."""
        return tuple(self._areas.get(self.plane(i)) for i in range(self.n))

    @property
    def done(self) -> int:
        """How many frames are predicted wholly."""
        return sum(self.plane(i) in self._whole for i in range(self.n))

    @property
    def stale(self) -> bool:
        """Whether there is something to count."""
        return bool(self._stale)

    def count(self, most: int = 8) -> None:
        """Count some frames whose result has changed, the shown one first."""
        now = self.plane(self.at) if self.n else ()
        for plane in sorted(self._stale, key=lambda p: (p != now, p))[:most]:
            self._stale.discard(plane)
            areas = self._counted(plane, _COUNTED)
            if areas is None or not areas.pixels:
                self._areas.pop(plane, None)
            else:
                self._areas[plane] = areas

    def next_unknown(self) -> int | None:
        """Return the next frame of which more than `least` is unknown."""
        self.count(most=len(self._stale))
        return next_unknown(self.frames, self.at, self.least)

    def exact(self) -> list[tuple[int, Areas]]:
        """Return all predicted frames, every pixel counted."""
        counted = ((i, self._counted(self.plane(i))) for i in range(self.n))
        return [(i, areas) for i, areas in counted if areas and areas.pixels]

    def predict(self) -> None:
        """Predict all frames."""
        self._began = (self._clock(), self.done)
        self.session.predict_planes()
        if not self.session.busy:  # there is no model, say
            self._began = None
        self.changed.emit()

    def seconds_left(self) -> float | None:
        """Return how long predicting all frames will take; `None` if nobody knows."""
        if self._began is None or self.done <= self._began[1]:
            return None
        since, before = self._began
        each = (self._clock() - since) / (self.done - before)
        return each * (self.n - self.done)

    @property
    def predicting(self) -> bool:
        """Whether all frames are being predicted."""
        return self._began is not None

    def unknown_share(self) -> float | None:
        """Return how much of the shown frame is unknown; `None` if not predicted."""
        areas = self._areas.get(self.plane(self.at)) if self.n else None
        return None if areas is None else areas.share(UNKNOWN)

    def _counted(self, plane: Plane, most: int = 2**62) -> Areas | None:
        result = self.session.result_at(plane)
        if result is None:
            return None
        step = math.ceil(math.sqrt(math.prod(result.shape) / most))
        labels = result.labels(self.session.keep, step=step)
        return Areas.of(labels, each=step * step)

    def _on_written(self, plane: Plane) -> None:
        if not self.n:  # a slide has many parts, and no frames
            return
        if self._is_whole(plane):
            self._whole.add(plane)
        self._stale.add(plane)
        self.changed.emit()

    def _is_whole(self, plane: Plane) -> bool:
        result = self.session.result_at(plane)
        return result is not None and not result.lacks(None)

    def _recount(self) -> None:
        """The threshold was moved: nothing is predicted anew, but all is counted."""
        self._stale |= set(self._areas)
        self.changed.emit()

    def _look(self) -> None:
        """Find results that were there before somebody listened."""
        for plane in map(self.plane, range(self.n)):
            there = self.session.result_at(plane) is not None
            if there and plane not in self._areas:
                self._stale.add(plane)
                self._whole |= {plane} if self._is_whole(plane) else set()
        self.changed.emit()

    def _look_again(self) -> None:
        """Results may be gone, or are of an older model."""
        gone = [p for p in self._areas if self.session.result_at(p) is None]
        for plane in gone:
            del self._areas[plane]
        self._whole = {p for p in self._whole if self._is_whole(p)}
        self._recount()

    def _forget(self) -> None:
        self._areas, self._whole, self._stale = {}, set(), set()
        self._look()

    def _on_end(self) -> None:
        self._began = None
        self.changed.emit()

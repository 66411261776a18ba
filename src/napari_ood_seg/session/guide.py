"""`Guide`: what to look at next, and what was looked at already."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from psygnal import Signal

from napari_ood_seg.core.guidance.groups import in_turn

if TYPE_CHECKING:
    from napari_ood_seg.core.data.scribbles import Stroke
    from napari_ood_seg.core.guidance.doubts import Doubt
    from napari_ood_seg.core.guidance.groups import Group, Region
    from napari_ood_seg.session.jobs import Guided
    from napari_ood_seg.session.session import Session


class Guide:
    """Follows a session; holds until the next training, image or plane.

    Parameters
    ----------
    session
        Looks for regions when asked to (`Session.guide`).
    """

    changed: ClassVar[Signal] = Signal()

    def __init__(self, session: Session) -> None:
        self._session = session
        self.ready = False
        self.groups: tuple[Group, ...] = ()
        self.part: tuple[slice, slice] | None = None
        self.visited: frozenset[tuple[int, int]] = frozenset()
        self._doubts: tuple[Doubt, ...] = ()
        session.guided.connect(self._on_guided)
        session.model_changed.connect(self.clear)
        session.image_changed.connect(self.clear)
        session.result_started.connect(self.clear)
        session.scribbles_changed.connect(self.changed.emit)

    def close(self) -> None:
        """Stop following."""
        self._session.guided.disconnect(self._on_guided)
        self._session.model_changed.disconnect(self.clear)
        self._session.image_changed.disconnect(self.clear)
        self._session.result_started.disconnect(self.clear)
        self._session.scribbles_changed.disconnect(self.changed.emit)

    def clear(self) -> None:
        """Forget everything: it was about another result."""
        self.ready = False
        self.groups, self._doubts, self.visited = (), (), frozenset()
        self.changed.emit()

    @property
    def regions(self) -> tuple[Region, ...]:
        """All regions in the order in which they are visited."""
        return in_turn(self.groups)

    @property
    def is_part(self) -> bool:
        """Whether only a part of the image was looked at, as it is very large."""
        source = self._session.source
        if source is None or self.part is None:
            return False
        lengths = tuple(s.stop - s.start for s in self.part)
        return lengths != (source.height, source.width)

    @property
    def doubts(self) -> tuple[Doubt, ...]:
        """Doubts about strokes that still exist."""
        there = {s.id for s in self._session.scribbles.strokes}
        return tuple(d for d in self._doubts if d.stroke_id in there)

    def stroke(self, stroke_id: int) -> Stroke | None:
        """Return a stroke of the session, if it still exists."""
        strokes = self._session.scribbles.strokes
        return next((s for s in strokes if s.id == stroke_id), None)

    def next(self, group: int | None = None) -> Region | None:
        """Return the next region that was not visited, and note that it is.

        Parameters
        ----------
        group
            Only regions of this group; once all are visited, they come again.
        """
        regions = self.regions if group is None else self.groups[group].regions
        new = [r for r in regions if r.point not in self.visited]
        if not new and group is not None:
            self.visited -= {r.point for r in regions}
            new = list(regions)
        if not new:
            return None
        self.visited |= {new[0].point}
        self.changed.emit()
        return new[0]

    def _on_guided(self, found: Guided) -> None:
        if found.plane != self._session.plane:
            return
        self.ready, self.part = True, found.part
        self.groups, self._doubts = found.groups, found.doubts
        self.visited = frozenset()
        self.changed.emit()

"""Turn what happens on a napari Labels layer into strokes."""

from __future__ import annotations

from contextlib import suppress
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_ood_seg.core.data.scribbles import places
from napari_ood_seg.plugin.scribble_layer import (
    STROKES,
    WINDOW,
    forget_undo,
    index_of,
    planes_of,
    shift,
    stretched_in,
    window_of,
)
from napari_ood_seg.session.history import Step, StrokeHistory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt
    from napari.layers import Labels

    from napari_ood_seg.core.data.scribbles import Scribbles, Stroke
    from napari_ood_seg.plugin.window import Window
    from napari_ood_seg.session.session import Session

    Plane = tuple[int, ...]
    Region = tuple[slice, slice]
    Coords = npt.NDArray[np.int32]
    Labelled = npt.NDArray[np.integer]
    Place = tuple[tuple[Plane, ...], Region]


PAINTING: Final = {"paint", "erase", "fill", "polygon"}
"""Modes of the layer in which the mouse changes it."""


class StrokeTracker(QObject):
    """Follows one scribbles layer and keeps the session's strokes equal to it.

    Regions and strokes are in pixels of the image, of which the layer covers a
    `Window`. The layer carries all strokes with it, so that they are saved with it.

    Brush, fill and polygon cause a ``paint`` event that says where: the brush once
    its pixels are on the layer, the others just before, so the place is looked at
    twice. Undo and redo only cause a redraw (``set_data``), so after each redraw the
    places of the last changes are compared. Pixels written from code cause no event
    at all: `sync` finds them.

    Parameters
    ----------
    layer
        The scribbles: `(..., h, w)` labels.
    session
        Receives the strokes.
    history
        What is known of the layer's past, if it was followed before.
    """

    def __init__(
        self, layer: Labels, session: Session, history: StrokeHistory | None = None
    ) -> None:
        super().__init__()
        self.layer = layer
        self.history = StrokeHistory() if history is None else history
        self._session = session
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self.catch_up)
        self._told: list[Place] = []
        session.scribbles_changed.connect(self._carry)
        self._carry()
        layer.events.paint.connect(self._on_paint)
        layer.events.set_data.connect(self._on_redraw)
        layer.mouse_drag_callbacks.append(self._on_press)

    def close(self) -> None:
        """Stop following."""
        self.catch_up()
        if self._session.painting:
            self._session.set_painting(False)
        with suppress(RuntimeError):  # Qt may have deleted it at the very end
            self._later.stop()
        self._session.scribbles_changed.disconnect(self._carry)
        self.layer.events.paint.disconnect(self._on_paint)
        self.layer.events.set_data.disconnect(self._on_redraw)
        self.layer.mouse_drag_callbacks.remove(self._on_press)

    @property
    def window(self) -> Window:
        """What the layer covers of the image."""
        return window_of(self.layer)

    def sync(self) -> None:
        """Compare every pixel of every plane; take over what differs."""
        self.catch_up()
        planes = tuple(np.ndindex(*planes_of(self.layer)))
        self._absorb(planes, self.window.region, split=True)

    def show(self) -> None:
        """Write the session's strokes into the layer, which is empty."""
        self._draw(self.window.region, self._painted())
        self.history.clear()
        self.layer.refresh()

    def move(self, window: Window) -> None:
        """Let the layer cover another part of the image."""
        self.sync()
        by = np.subtract(window.origin, self.window.origin)
        self.layer.metadata[WINDOW] = window
        self._draw(window.region, self._painted())
        forget_undo(self.layer)  # it would write to where the pixels were
        shift(self.layer, by)

    def rewrite(self, before: Scribbles) -> None:
        """Write into the layer what a command has done to the strokes.

        Parameters
        ----------
        before
            What the layer shows, as the session had it before the command.
        """
        after = self._session.scribbles
        changed = _changed(before, after)
        if changed:
            region = region_of(np.concatenate([s.coords for s in changed]))
            planes = tuple(dict.fromkeys(s.plane for s in changed))
            step = Step(before=before, after=after, region=region, planes=planes)
            self.history.record(step)
            self._show(step)

    def paint(self, plane: Plane, coords: Coords, label: int) -> None:
        """Give pixels of the image a label, as one step, wherever they are."""
        self.catch_up()
        before = self._session.scribbles
        after = before.add(label, coords, plane=plane)
        step = Step(
            before=before, after=after, region=region_of(coords), planes=(plane,)
        )
        self.history.record(step)
        self._session.set_scribbles(after)
        self._show(step)

    def undo(self) -> Step | None:
        """Undo the last step where napari cannot, as it has forgotten it."""
        step = self.history.undo()
        if step is not None:
            self._return_to(step.before, step)
        return step

    def redo(self) -> Step | None:
        """Do the step again that was undone last, where napari cannot."""
        step = self.history.redo()
        if step is not None:
            self._return_to(step.after, step)
        return step

    def _return_to(self, scribbles: Scribbles, step: Step) -> None:
        self._session.set_scribbles(scribbles, again=True)
        self._draw(step.region, step.planes)
        forget_undo(self.layer)  # else it would undo what came before this
        self.layer.refresh()

    def _show(self, step: Step) -> None:
        """Write a step into the layer; where it is all seen, napari can undo it."""
        if self.window.contains(step.region):
            with self.layer.block_history():  # one step, told when it is on the layer
                for plane in step.planes:
                    self._set(step.region, plane)
        else:
            self._draw(step.region, step.planes)
            forget_undo(self.layer)
        self.layer.refresh()

    def _set(self, region: Region, plane: Plane) -> None:
        """Write what differs in a region, such that napari can undo it."""
        wanted = self._session.scribbles.to_labels(region, plane=plane)
        rows, columns = places(wanted != self._look(region, plane))
        own = self.window.inner(region)
        at = (
            *(np.full(len(rows), i) for i in index_of(self.layer, plane)),
            rows + own[0].start,
            columns + own[1].start,
        )
        self.layer.data_setitem(at, wanted[rows, columns], refresh=False)

    def _draw(self, region: Region, planes: Iterable[Plane]) -> None:
        """Write the session's strokes into what is covered of a region."""
        seen = self.window.clip(region)
        for plane in planes:
            labels = self._session.scribbles.to_labels(seen, plane=plane)
            at = (*index_of(self.layer, plane), *self.window.inner(seen))
            self.layer.data[at] = labels

    def _painted(self) -> set[Plane]:
        """Return the planes with strokes."""
        return {stroke.plane for stroke in self._session.scribbles.strokes}

    def _carry(self) -> None:
        self.layer.metadata[STROKES] = self._session.scribbles

    def _on_press(self, layer: Labels, event: Any) -> Iterator[None]:  # noqa: ANN401
        if str(layer.mode) not in PAINTING:
            return
        self._session.set_painting(True)
        yield
        while event.type == "mouse_move":
            yield
        self._session.set_painting(False)

    def _on_paint(self, event: Any) -> None:  # noqa: ANN401 - napari events are untyped
        box = bounding_box(event.value, self.layer.data.shape)
        if box is not None:
            stretched = stretched_in(self.layer.metadata, self.layer.data.shape)
            lead = [s for axis, s in enumerate(box[:-2]) if axis not in stretched]
            planes = tuple(product(*(range(s.start, s.stop) for s in lead)))
            region = self.window.outer((box[-2], box[-1]))
            self._absorb(planes, region)
            self._told.append((planes, region))
            self._later.start(0)

    def _on_redraw(self) -> None:
        if not self._later.isActive():
            self._later.start(0)

    def catch_up(self) -> None:
        """Take over what napari undid or redid until now."""
        found = self.history.follow(self._look_if_covered)
        if found is not None:
            self._session.set_scribbles(found, again=True)
        told, self._told = self._told, []
        for planes, region in told:
            self._absorb(planes, region)

    def _absorb(
        self, planes: tuple[Plane, ...], region: Region, *, split: bool = False
    ) -> None:
        """Take over what changed in a region of some planes, as one step."""
        before = after = self._session.scribbles
        origin = (region[0].start, region[1].start)
        for plane in planes:
            seen = self._look(region, plane)
            after = after.edited(seen, origin, plane=plane, split=split)
        if after is before:
            return
        step = Step(before=before, after=after, region=region, planes=planes)
        self.history.record(step)
        self._session.set_scribbles(after)

    def _look(self, region: Region, plane: Plane) -> Labelled:
        at = (*index_of(self.layer, plane), *self.window.inner(region))
        return np.asarray(self.layer.data[at])

    def _look_if_covered(self, region: Region, plane: Plane) -> Labelled | None:
        return self._look(region, plane) if self.window.contains(region) else None


def _changed(before: Scribbles, after: Scribbles) -> list[Stroke]:
    """Return strokes that look different now, or are gone."""
    now = {s.id: s.class_id for s in after.strokes}
    then = {s.id: s.class_id for s in before.strokes}
    gone = [s for s in before.strokes if s.id not in now]
    return [*gone, *(s for s in after.strokes if then.get(s.id) != s.class_id)]


def region_of(coords: Coords) -> Region:
    """Return the smallest region around `(n, 2)` pixels, at least one.

    >>> region_of(np.array([[3, 8], [5, 7]]))
    (slice(3, 6, None), slice(7, 9, None))
    """
    low, high = coords.min(0).tolist(), (coords.max(0) + 1).tolist()
    return slice(low[0], high[0]), slice(low[1], high[1])


def bounding_box(
    atoms: Iterable[Any], shape: Sequence[int]
) -> tuple[slice, ...] | None:
    """Return the smallest box around the pixels of napari paint atoms.

    An atom is an object with a `slice_key`, or a tuple that starts with the
    indices of the pixels; both kinds occur in napari 0.8 and 0.9.

    Parameters
    ----------
    atoms
        The value of a ``paint`` event.
    shape
        Shape of the layer's data.

    Returns
    -------
    One slice per axis with start and stop, or `None` if no pixel was painted.
    """
    spans = [_spans(atom, shape) for atom in atoms]
    spans = [s for s in spans if all(a < b for a, b in s)]
    if not spans:
        return None
    return tuple(
        slice(min(s[axis][0] for s in spans), max(s[axis][1] for s in spans))
        for axis in range(len(shape))
    )


def _spans(atom: Any, shape: Sequence[int]) -> list[tuple[int, int]]:  # noqa: ANN401 - napari's own
    """Return first and last-plus-one index along each axis."""
    key = getattr(atom, "slice_key", None)
    keys = key if key is not None else atom[0]
    keys = keys if isinstance(keys, tuple) else (keys,)
    full = [*keys, *(slice(None) for _ in range(len(shape) - len(keys)))]
    return [_span(k, n) for k, n in zip(full, shape, strict=True)]


def _span(key: Any, n: int) -> tuple[int, int]:  # noqa: ANN401 - slice, index or array
    if isinstance(key, slice):
        start, stop, _ = key.indices(n)
        return start, stop
    index = np.asarray(key)
    if index.size == 0:
        return 0, 0
    return int(index.min()), int(index.max()) + 1

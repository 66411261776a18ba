"""Turn what happens on a napari Labels layer into strokes."""

from __future__ import annotations

from contextlib import suppress
from itertools import product
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_ood_seg.core.types import UNLABELLED
from napari_ood_seg.session.history import Step, StrokeHistory

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import numpy.typing as npt
    from napari.layers import Labels

    from napari_ood_seg.core.data.scribbles import Scribbles, Stroke
    from napari_ood_seg.session.session import Session

    Plane = tuple[int, ...]
    Region = tuple[slice, slice]


_PAINTING: Final = {"paint", "erase", "fill", "polygon"}
"""Modes of the layer in which the mouse changes it."""


class StrokeTracker(QObject):
    """Follows one scribbles layer and keeps the session's strokes equal to it.

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
        self._told: list[tuple[slice, ...]] = []
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
        self.layer.events.paint.disconnect(self._on_paint)
        self.layer.events.set_data.disconnect(self._on_redraw)
        self.layer.mouse_drag_callbacks.remove(self._on_press)

    def sync(self) -> None:
        """Compare every pixel of every plane; take over what differs."""
        self.catch_up()
        shape = self.layer.data.shape
        whole = (slice(0, shape[-2]), slice(0, shape[-1]))
        self._absorb(tuple(np.ndindex(*shape[:-2])), whole, split=True)

    def show(self) -> None:
        """Write the session's strokes into the layer."""
        data = self.layer.data
        for plane in np.ndindex(*data.shape[:-2]):
            data[plane] = self._session.scribbles.to_labels(plane=plane)
        self.history.clear()
        self.layer.refresh()

    def rewrite(self, before: Scribbles) -> None:
        """Write into the layer what a command has done to the strokes.

        It becomes one step, which napari's undo takes back.

        Parameters
        ----------
        before
            What the layer shows, as the session had it before the command.
        """
        after = self._session.scribbles
        changed = list(_changed(before, after))
        if not changed:
            return
        low = np.min([stroke.coords.min(0) for stroke, _ in changed], axis=0)
        high = np.max([stroke.coords.max(0) for stroke, _ in changed], axis=0) + 1
        region = (slice(int(low[0]), int(high[0])), slice(int(low[1]), int(high[1])))
        planes = tuple(dict.fromkeys(stroke.plane for stroke, _ in changed))
        self.history.record(
            Step(before=before, after=after, region=region, planes=planes)
        )
        with self.layer.block_history():  # one step, told when it is on the layer
            for stroke, label in changed:
                plane = tuple(np.full(len(stroke), i) for i in stroke.plane)
                index = (*plane, *stroke.coords.T)
                self.layer.data_setitem(index, label, refresh=False)
        self.layer.refresh()

    def _on_press(self, layer: Labels, event: Any) -> Iterator[None]:  # noqa: ANN401
        if str(layer.mode) not in _PAINTING:
            return
        self._session.set_painting(True)
        yield
        while event.type == "mouse_move":
            yield
        self._session.set_painting(False)

    def _on_paint(self, event: Any) -> None:  # noqa: ANN401 - napari events are untyped
        box = bounding_box(event.value, self.layer.data.shape)
        if box is not None:
            self._absorb_box(box)
            self._told.append(box)
            self._later.start(0)

    def _absorb_box(self, box: tuple[slice, ...]) -> None:
        planes = tuple(product(*(range(s.start, s.stop) for s in box[:-2])))
        self._absorb(planes, (box[-2], box[-1]))

    def _on_redraw(self) -> None:
        if not self._later.isActive():
            self._later.start(0)

    def catch_up(self) -> None:
        """Take over what napari undid or redid until now."""
        found = self.history.follow(self._look)
        if found is not None:
            self._session.set_scribbles(found, again=True)
        told, self._told = self._told, []
        for box in told:
            self._absorb_box(box)

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

    def _look(self, region: Region, plane: Plane) -> npt.NDArray[np.integer]:
        return np.asarray(self.layer.data[(*plane, *region)])


def _changed(before: Scribbles, after: Scribbles) -> Iterator[tuple[Stroke, int]]:
    """Yield strokes that look different now and their labels, what is erased first."""
    now = {s.id: s.class_id for s in after.strokes}
    then = {s.id: s.class_id for s in before.strokes}
    for stroke in before.strokes:
        if stroke.id not in now:
            yield stroke, UNLABELLED
    for stroke in after.strokes:
        if then.get(stroke.id) != stroke.class_id:
            yield stroke, stroke.class_id


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

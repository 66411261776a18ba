"""Predict what somebody looks at first, then outwards."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from napari_ood_seg.core.data.coverage import grade
from napari_ood_seg.core.inference import overview
from napari_ood_seg.core.inference.predict import require_plane
from napari_ood_seg.core.inference.view import Extent, Goal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import numpy.typing as npt

    from napari_ood_seg.core.data.coverage import Coverage
    from napari_ood_seg.core.data.tiling import Tile
    from napari_ood_seg.core.features.store import FeatureStore
    from napari_ood_seg.core.inference.view import View
    from napari_ood_seg.core.models.instant import InstantModel
    from napari_ood_seg.core.types import Prediction

    Region = tuple[slice, ...]
    Look = Callable[[], View | None]

COARSE: Final = 4
"""How many times coarser than the screen a large view is shown at first."""

_AT_ONCE: Final = 640 * 640
"""So many pixels are predicted so quickly that a coarse look first gains nothing."""

_FAR: Final = 8
"""Pixels of the image per pixel of the screen from which on blocks are small."""

_MANY: Final = 32
"""Features of so many tiles take so long that a rough look comes first."""


_ALL: Final = Goal()


class Piece(NamedTuple):
    """A region that is to be predicted every `stride` pixels.

    `rough`: one value for a whole block of that edge, see `overview`.
    """

    region: Region
    stride: int
    rough: bool = False


class PredictedPiece(NamedTuple):
    """A region and its prediction at every `stride`-th pixel.

    `done` of `total` tiles are finished with it. `seen`: it shows on the screen.
    `rough`: see `Piece`.
    """

    region: Region
    stride: int
    prediction: Prediction
    done: int
    total: int
    seen: bool
    rough: bool


class Order:
    """In which order the parts of an image are predicted.

    What is visible comes first: if that is much, roughly (see `overview`) or coarsely;
    then as finely as the screen shows; then every pixel of it; then tiles around it,
    the nearest first. What the coverage already has is left out.

    Parameters
    ----------
    tiles
        Of the image.
    coverage
        Is asked again for each piece, so whoever predicts one adds it there.
    at_hand
        Whether the features of a region are there; what is not is predicted tile by
        tile.
    known
        Whether the features of the spot at a row and column are there.
    finest
        Nothing is predicted more finely than at every so many pixels.
    """

    def __init__(
        self,
        tiles: Sequence[Tile],
        coverage: Coverage,
        at_hand: Callable[[Region], bool],
        *,
        known: Callable[[tuple[int, int]], bool] = lambda _: False,
        finest: int = 1,
    ) -> None:
        self._tiles = tiles
        self._coverage = coverage
        self._at_hand = at_hand
        self._known = known
        self._finest = finest
        bounds = [[(s.start, s.stop) for s in t.inner] for t in tiles]
        self._bounds: npt.NDArray[np.int64] = np.array(bounds, np.int64)

    def pieces(self, look: Look) -> Iterator[Piece]:
        """Yield what to predict next; looks again after each piece.

        Parameters
        ----------
        look
            Gives what is visible now, the same object until it changes.
        """
        while True:
            view = look()
            for piece in self._for_view(view):
                yield piece
                if look() is not view:
                    break
            else:
                return

    def missing(self) -> npt.NDArray[np.bool_]:
        """Return for each tile whether it is not predicted as finely as wanted."""
        return self._lacking(self._finest)

    def _lacking(self, stride: int) -> npt.NDArray[np.bool_]:
        """Return for each tile whether some of it is coarser than `stride`."""
        rows, columns = (
            np.unique(self._bounds[:, axis, 0]) // self._coverage.cell
            for axis in (0, 1)
        )
        coarsest = np.maximum.reduceat(self._coverage.strides, rows, axis=0)
        coarsest = np.maximum.reduceat(coarsest, columns, axis=1)
        lacking: npt.NDArray[np.bool_] = (coarsest > grade(stride)).ravel()
        return lacking

    def _is_far(self, view: View, seen: Sequence[int]) -> bool:
        """Whether it takes long to predict a view, of which blocks show little."""
        if view.stride < _FAR or overview.BLOCK % self._coverage.cell:
            return False
        lacking = self._lacking(min(view.stride, self._coverage.cell))
        wanted = (i for i in seen if lacking[i])
        n = sum(not self._at_hand(self._tiles[i].inner) for i in wanted)
        return n >= _MANY

    def _for_view(self, view: View | None) -> Iterator[Piece]:
        if view is not None:
            wanted = self._coverage.whole(view.region)
            seen = self._nearest(view, visible=True)
            if self._is_far(view, seen):
                for blocks in overview.looks(view, self._coverage, self._known):
                    yield Piece(*blocks, rough=True)
            for stride in _strides(view, self._finest, self._coverage.cell):
                part = self._coverage.missing(wanted, stride)
                if part is not None and self._at_hand(part):
                    for strip in _strips(part, stride, self._coverage.cell):
                        yield Piece(strip, stride)
                yield from self._parts(seen, stride, wanted)
        missing = self.missing()
        around = self._nearest(view, visible=False)
        yield from self._parts([i for i in around if missing[i]], self._finest)

    def _parts(
        self, tiles: Sequence[int], stride: int, wanted: Region | None = None
    ) -> Iterator[Piece]:
        for index in tiles:
            region = self._tiles[index].inner
            if wanted is not None:
                region = _overlap(region, wanted)
            part = self._coverage.missing(region, stride)
            if part is not None:
                yield Piece(part, stride)

    def _nearest(self, view: View | None, *, visible: bool) -> list[int]:
        """Return tiles by the distance of their centres to that of the view."""
        if view is None:
            return list(range(len(self._tiles)))
        seen = np.array([(s.start, s.stop) for s in view.region], np.int64)
        away = self._bounds.mean(2) - seen.mean(1)
        order = np.argsort((away**2).sum(1), kind="stable")
        if visible:
            low, high = self._bounds[order, :, 0], self._bounds[order, :, 1]
            order = order[((low < seen[:, 1]) & (high > seen[:, 0])).all(1)]
        found: list[int] = order.tolist()
        return found


def predict_live(
    model: InstantModel,
    store: FeatureStore,
    coverage: Coverage,
    *,
    look: Look,
    plane: tuple[int, ...] = (),
    goal: Goal = _ALL,
) -> Iterator[PredictedPiece]:
    """Yield predictions of an image, what is visible first; see `Order`.

    Parameters
    ----------
    coverage
        What was predicted with this model before; pieces are added to it.
    look
        Gives what is visible now; `None`: nothing in particular.
    goal
        Where to stop; with nothing visible, at the end of the image.

    Raises
    ------
    ImageError
        If there is no such plane.
    """
    require_plane(store.source, plane)

    def at_hand(region: Region) -> bool:
        return all(store.has(plane, i) for i in store.indices(region))

    extent, finest = goal.extent, min(goal.finest, store.cell)

    def known(place: tuple[int, int]) -> bool:
        return store.spots.has(plane, place)

    order = Order(store.tiles, coverage, at_hand, known=known, finest=finest)
    missing = left = int(order.missing().sum())
    total = missing
    if extent is Extent.AROUND:
        total = min(total, store.room + store.n_kept)
    for piece in order.pieces(look):
        seen = _is_seen(piece, look(), store.cell)
        if not seen and extent is Extent.VIEW:
            return
        if piece.rough:
            blocks = overview.Blocks(piece.region, piece.stride)
            prediction = overview.look_at(blocks, model, store, plane)
        else:
            room = at_hand(piece.region) or store.room > 0
            if not seen and extent is Extent.AROUND and not room:
                return
            features = store.part(
                plane, piece.region, stride=piece.stride, keep=room or seen
            )
            prediction = model.predict_tile(features, stride=piece.stride)
        coverage.add(piece.region, piece.stride)
        if not piece.rough:
            left = int(order.missing().sum())
        done = missing - left
        yield PredictedPiece(
            piece.region,
            piece.stride,
            prediction,
            done,
            total,
            seen,
            piece.rough,
        )


def _is_seen(piece: Piece, view: View | None, cell: int) -> bool:
    """Whether a piece changes what is on the screen."""
    if view is None:
        return True
    return view.overlaps(piece.region) and piece.stride >= min(view.stride, cell)


def _strips(region: Region, stride: int, cell: int) -> Iterator[Region]:
    """Yield a region in strips of rows, whole cells, of about `_AT_ONCE` pixels."""
    rows, columns = region
    width = -(-(columns.stop - columns.start) // stride)
    step = max(_AT_ONCE // width * stride // cell, 1) * cell
    for top in range(rows.start, rows.stop, step):
        yield slice(top, min(top + step, rows.stop)), columns


def lacks(coverage: Coverage, view: View) -> bool:
    """Whether some of a view was not predicted as finely as it is shown."""
    stride = min(view.stride, coverage.cell)
    return coverage.lacks(view.region, stride)


def _strides(view: View, finest: int, most: int) -> list[int]:
    """Return every how many pixels a view is predicted, one after the other."""
    first = min(view.stride, most)
    out = {first, 1}
    if view.n_pixels > _AT_ONCE and view.stride * COARSE <= most:
        out.add(view.stride * COARSE)
    return sorted({max(stride, finest) for stride in out}, reverse=True)


def _overlap(a: Region, b: Region) -> Region:
    return tuple(
        slice(max(s.start, t.start), min(s.stop, t.stop))
        for s, t in zip(a, b, strict=True)
    )

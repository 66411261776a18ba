"""Predicts planes of images, several side by side where that is quicker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from napari_ood_seg.core.data.coverage import Coverage
from napari_ood_seg.core.inference.live import predict_live
from napari_ood_seg.core.inference.view import Extent, Goal
from napari_ood_seg.core.parallel import n_workers, side_by_side
from napari_ood_seg.session.jobs import TileDone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from napari_ood_seg.core.features.store import FeatureStore
    from napari_ood_seg.core.models.instant import InstantModel
    from napari_ood_seg.session.work import ShownJob, Target

    Plane = tuple[int, ...]

_MOST: Final = 4
"""Planes that are predicted side by side: each is in memory with all its channels."""


def n_at_once(store: FeatureStore) -> int:
    """Return how many planes are best predicted side by side: one or more.

    A large plane has parts enough to keep all cores busy, and graphics cards are.
    """
    if store.device.type != "cpu":
        return 1
    return max(1, min(n_workers(), _MOST) // len(store.tiles))


@dataclass(frozen=True, slots=True, kw_only=True)
class Predicting:
    """A model that is applied for a job.

    Attributes
    ----------
    kept
        Gives the bytes of all features.
    """

    model: InstantModel = field(repr=False)
    job: ShownJob
    kept: Callable[[], int]

    def shown(self, store: FeatureStore, target: Target) -> Iterator[TileDone]:
        """Yield what is predicted of the shown image: its plane first, then others."""
        job = self.job
        yield from self._plane(store, target, (job.plane, 1))
        if job.extent is not Extent.VIEW:
            n = n_at_once(store)
            yield from self._planes(store, target, job.sight.order(job.ahead, n))

    def other(self, store: FeatureStore, target: Target) -> Iterator[TileDone]:
        """Yield what is predicted of an image that is not shown, all of it."""
        yield from self._planes(store, target, ((p, 1) for p in target.planes))

    def _planes(
        self, store: FeatureStore, target: Target, wanted: Iterable[tuple[Plane, int]]
    ) -> Iterator[TileDone]:
        n = n_at_once(store)
        if n == 1:  # what is done of a plane is told before it is whole
            for each in wanted:
                yield from self._plane(store, target, each)
            return

        def whole(each: tuple[Plane, int]) -> list[TileDone]:
            return list(self._plane(store, target, each))

        for done in side_by_side(whole, wanted, n=n):
            yield from done

    def _plane(
        self, store: FeatureStore, target: Target, wanted: tuple[Plane, int]
    ) -> Iterator[TileDone]:
        """Yield what is predicted of a plane, no more finely than is wanted."""
        job, source = self.job, store.source
        (plane, finest), shown = wanted, target.source is job.source
        size = (source.height, source.width)
        pieces = predict_live(
            self.model,
            store,
            target.covered.get(plane) or Coverage.none(size, store.cell),
            look=job.sight.look if shown else lambda: None,
            plane=plane,
            goal=Goal(job.extent if shown else Extent.ALL, finest),
        )
        for piece in pieces:
            yield TileDone(
                source=target.source,
                region=piece.region,
                stride=piece.stride,
                cell=store.cell,
                plane=plane,
                prediction=piece.prediction,
                done=piece.done,
                total=piece.total,
                seen=piece.seen and shown and plane == job.plane,
                rough=piece.rough,
                kept=self.kept(),
                budget=job.budget,
            )

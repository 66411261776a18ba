"""How near a pixel is to each of the user's strokes, in the model's own measure."""

from __future__ import annotations

import math
import weakref
from typing import TYPE_CHECKING, Final, NamedTuple

import torch

from napari_ood_seg.core.features.pyramid import Footprint
from napari_ood_seg.core.guidance.surroundings import place_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_ood_seg.core.data.scribbles import Stroke
    from napari_ood_seg.core.features.store import FeatureStore
    from napari_ood_seg.core.guidance.surroundings import Place
    from napari_ood_seg.core.models.instant import InstantModel

    Levels = tuple[tuple[Footprint, Tensor], ...]

_PIXELS: Final = 256
"""So many pixels of a stroke, evenly spread, make its mean."""


class StrokeFeatures(NamedTuple):
    """Strokes, where they are, and the mean of the features of each.

    Attributes
    ----------
    strokes, places
        `s` of them.
    means
        Per scale `(s, d)` float64, in the order of `strokes`; empty if there are none.
    """

    strokes: tuple[Stroke, ...]
    places: tuple[Place, ...]
    means: tuple[Tensor, ...]


class StrokeMeans:
    """The mean features of strokes; those of strokes that stay are kept.

    The features of all pixels are somebody else's, and are not kept alive.
    """

    def __init__(self) -> None:
        self._store: weakref.ref[FeatureStore] | None = None
        self._known: dict[Stroke, tuple[Place, tuple[Tensor, ...]]] = {}

    def of(self, store: FeatureStore, strokes: Sequence[Stroke]) -> StrokeFeatures:
        """Return the strokes with their means; other strokes are forgotten.

        Parameters
        ----------
        store
            Features of the image that the strokes were painted on.

        Raises
        ------
        ImageError
            If the image cannot be read.
        """
        if self._store is None or self._store() is not store:
            self._store, self._known = weakref.ref(store), {}
        kept = {s: self._known[s] for s in strokes if s in self._known}
        new = [s for s in strokes if s not in kept]
        for plane in dict.fromkeys(s.plane for s in new):
            mine = [s for s in new if s.plane == plane]
            kept |= zip(mine, _measure(store, mine), strict=True)
        self._known = kept
        per_level = zip(*(kept[s][1] for s in strokes), strict=True)
        means = tuple(torch.stack(own) for own in per_level)
        places = tuple(kept[s][0] for s in strokes)
        return StrokeFeatures(tuple(strokes), places, means)


def levels_at(
    model: InstantModel,
    store: FeatureStore,
    point: tuple[int, int],
    *,
    plane: tuple[int, ...] = (),
) -> Levels:
    """Return per scale the footprint of one pixel, and the features of its cells.

    Parameters
    ----------
    point
        Row and column.

    Raises
    ------
    ImageError
        If the image cannot be read.
    """
    size = (store.source.height, store.source.width)
    at = torch.tensor([point])
    spots = [
        Footprint.of(at, size, f, smoothing=model.config.smoothing)
        for f in store.factors
    ]
    return tuple(
        (spot, store.rows(plane, level, spot.cells)) for level, spot in enumerate(spots)
    )


@torch.inference_mode()
def stroke_distances(
    model: InstantModel, levels: Levels, strokes: StrokeFeatures
) -> list[float]:
    """Return how far a pixel is from each stroke; 1 is usual within a class.

    At each scale it is the Mahalanobis distance to the mean of the stroke with the
    covariance that the classes share, and its logarithm is averaged over scales and
    neighbours. That is how the model measures the distance to a class, whose mean is
    the mean of its strokes: were a stroke the only one of its class, both were equal,
    so that strokes and classes can be compared. The distance to the nearest single
    pixel would favour long strokes, and noise.

    Neighbours are weighed by a Gaussian, also where the model smooths along edges.

    Parameters
    ----------
    levels
        Of the pixel, from `levels_at`.
    strokes
        From `StrokeMeans`; they may be on other planes.
    """
    if not strokes.strokes:
        return []
    merged = []
    for level, (spot, features) in enumerate(levels):
        # all classes have the same: `Ensemble.classifier` ties their covariances
        whitening = model.ensemble.classifier[level].tensors()["whitening"][0]
        turn = whitening.T.cpu().double()
        cells, means = features.cpu().double() @ turn, strokes.means[level] @ turn
        squares = cells.square().sum(1)[:, None] + means.square().sum(1)
        squared = squares - 2 * cells @ means.T  # `cdist` would wait for other threads
        share = float(model.ensemble.roles[level, 0])
        merged.append(spot(squared.clamp_min(1e-6).log())[0] * share)
    logs = torch.stack(merged).mean(0)
    return [in_usual_units(v, model.descriptor.mean_size) for v in logs.tolist()]


def in_usual_units(log_squared: float, n_features: float) -> float:
    """Return a mean log squared Mahalanobis distance as a multiple of the usual.

    A pixel of a Gaussian class has a squared distance of `n_features` to its mean on
    average; that is the unit.

    Examples
    --------
    >>> round(in_usual_units(math.log(64.0), 16), 9)
    2.0
    """
    return math.sqrt(math.exp(log_squared) / n_features)


def _measure(
    store: FeatureStore, strokes: Sequence[Stroke]
) -> list[tuple[Place, tuple[Tensor, ...]]]:
    """Return per stroke of one plane its place, and the `(d,)` means of all scales."""
    pixels = [_spread(s) for s in strokes]
    sizes, together = [len(p) for p in pixels], torch.cat(pixels)
    per_level = []
    for level, factor in enumerate(store.factors):
        rows = store.rows(strokes[0].plane, level, together // factor)
        per_level.append([z.double().mean(0).cpu() for z in rows.split(sizes)])
    places = [place_of(s.coords) for s in strokes]
    return list(zip(places, zip(*per_level, strict=True), strict=True))


def _spread(stroke: Stroke) -> Tensor:
    """Return `(n, 2)` pixels of a stroke, evenly spread over their order."""
    few = stroke.coords[:: -(-len(stroke) // _PIXELS)]
    return torch.from_numpy(few).long()

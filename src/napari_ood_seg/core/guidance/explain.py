"""Why a pixel is what it is: classes, typicality and the nearest strokes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import torch

from napari_ood_seg.core.errors import ImageError
from napari_ood_seg.core.guidance.nearness import (
    in_usual_units,
    levels_at,
    stroke_distances,
)
from napari_ood_seg.core.guidance.surroundings import surroundings

if TYPE_CHECKING:
    from torch import Tensor

    from napari_ood_seg.core.features.store import FeatureStore
    from napari_ood_seg.core.features.tile_features import TileFeatures
    from napari_ood_seg.core.guidance.nearness import Levels, StrokeFeatures
    from napari_ood_seg.core.models.instant import InstantModel

    Point = tuple[int, int]
    Plane = tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassSupport:
    """How well one class explains a pixel.

    Attributes
    ----------
    distance
        To the middle of the class; 1 is usual for a pixel of the class, see
        `in_usual_units`. The geometric mean over the scales.
    logit
        What the classes are compared by: falls as the distance rises.
    posterior
        In [0, 1], given that the pixel is of one of the classes.
    """

    class_id: int
    distance: float
    logit: float
    posterior: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One kind of evidence against a pixel.

    Attributes
    ----------
    name
        Of a detector, or ``distance``, or ``ambiguity``.
    share
        Its part of the OOD score: in units of the spread of this evidence over
        held-out strokes, times its weight. Positive speaks against the pixel.
    """

    name: str
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class NearStroke:
    """A stroke of the user, and how near it is in the features of the model.

    Attributes
    ----------
    stroke_id, class_id, plane
        Of the stroke.
    point, box
        Where to go: row and column of a pixel; first row and column, last row and
        column plus one.
    distance
        See `stroke_distances`; in the same units as the distance to a class.
    """

    stroke_id: int
    class_id: int
    plane: Plane
    point: Point
    box: tuple[int, int, int, int]
    distance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a model says about one pixel, and why.

    Attributes
    ----------
    point, plane
        Row and column, and the plane that it lies in.
    classes
        The nearest first.
    typicality
        In [0, 1], that of the prediction.
    score
        OOD score; higher is more OOD. The sum of `reasons`.
    reasons
        What speaks against the pixel most first.
    strokes
        The nearest first.
    valid
        Whether the pixel has a finite value in all channels.
    """

    point: Point
    plane: Plane
    classes: tuple[ClassSupport, ...]
    typicality: float
    score: float
    reasons: tuple[Reason, ...] = field(repr=False)
    strokes: tuple[NearStroke, ...] = field(repr=False)
    valid: bool = True

    @property
    def best(self) -> ClassSupport:
        """The class that the pixel is given."""
        return self.classes[0]

    @property
    def ambiguity(self) -> float:
        """How close the second class comes, in [0, 1]: 1 is as near as the best.

        The ratio of both distances; 0 where there is only one class.
        """
        if len(self.classes) < 2:
            return 0.0
        return self.classes[0].distance / self.classes[1].distance

    def is_unknown(self, keep: float) -> bool:
        """Whether the pixel is below the threshold that keeps this share, 0 to 1."""
        return bool(np.float32(self.typicality) < np.float32(1.0 - keep))


@torch.inference_mode()
def explain(
    model: InstantModel,
    store: FeatureStore,
    point: Point,
    *,
    plane: Plane = (),
    strokes: StrokeFeatures | None = None,
) -> Explanation:
    """Return why a pixel is given its class and typicality.

    Only what decides about the pixel is evaluated, so that it takes some milliseconds
    once the features of its tile are there.

    Parameters
    ----------
    point
        Row and column.
    strokes
        The user's own, from `StrokeMeans`; none are ranked without.

    Raises
    ------
    ImageError
        If the pixel is not in the image, or the image cannot be read.
    """
    index = tile_at(store, point)
    tile = store.tile(plane, index)
    levels = levels_at(model, store, point, plane=plane)
    columns = _columns(model, store, tile, levels, point)
    logits = model.logits_of(columns)
    score = model.ensemble.score(columns)
    best = logits.argmax(0, keepdim=True) if model.config.per_class else None
    typicality = float(model.calibration.typicality(score[None], best))
    inner = store.tiles[index].inner
    here = tuple(p - s.start for p, s in zip(point, inner, strict=True))
    valid = tile.invalid is None or not bool(tile.invalid[here])
    return Explanation(
        point=point,
        plane=plane,
        classes=_classes(model, logits),
        typicality=typicality if valid else 0.0,
        score=float(score),
        reasons=_reasons(model, columns),
        strokes=() if strokes is None else _nearest(model, levels, strokes),
        valid=valid,
    )


def tile_at(store: FeatureStore, point: Point) -> int:
    """Return the index of the tile whose inner part holds a pixel.

    Raises
    ------
    ImageError
        If there is none.
    """
    height, width = store.source.height, store.source.width
    if not (0 <= point[0] < height and 0 <= point[1] < width):
        raise ImageError(
            f"there is no pixel in row {point[0]}, column {point[1]} of an image of "
            f"{height} x {width} pixels: choose one inside"
        )
    return int(store.owners(torch.tensor([point]))[0])


def _columns(
    model: InstantModel,
    store: FeatureStore,
    tile: TileFeatures,
    levels: Levels,
    point: Point,
) -> Tensor:
    """Return the `(c,)` columns at a pixel, as prediction averages them."""
    if not model.config.edge_aware:
        return model.ensemble.columns_at(levels)[:, 0]
    part = surroundings(
        tile, np.array([point]), factors=store.factors, margin=model.margin
    )
    row, column = part.at[0]
    return model.columns(part.levels, part.size, part.guide)[:, row, column].cpu()


def _classes(model: InstantModel, logits: Tensor) -> tuple[ClassSupport, ...]:
    size = model.descriptor.mean_size
    found = [
        ClassSupport(
            class_id=class_id,
            distance=in_usual_units(-2 * logit / size, size),
            logit=logit,
            posterior=posterior,
        )
        for class_id, logit, posterior in zip(
            model.class_ids, logits.tolist(), logits.softmax(0).tolist(), strict=True
        )
    ]
    return tuple(sorted(found, key=lambda c: -c.logit))


def _reasons(model: InstantModel, columns: Tensor) -> tuple[Reason, ...]:
    ensemble = model.ensemble
    names = [*ensemble.members, "distance", "ambiguity"]
    evidence = ensemble.evidence(columns)
    shares = ensemble.weights * (evidence - ensemble.centre) / ensemble.scale
    found = [
        Reason(name=name, share=share)
        for name, share in zip(names, shares.tolist(), strict=True)
    ]
    return tuple(sorted(found, key=lambda r: -r.share))


def _nearest(
    model: InstantModel, levels: Levels, strokes: StrokeFeatures
) -> tuple[NearStroke, ...]:
    distances = stroke_distances(model, levels, strokes)
    found = [
        NearStroke(
            stroke_id=stroke.id,
            class_id=stroke.class_id,
            plane=stroke.plane,
            point=place.point,
            box=place.box,
            distance=distance,
        )
        for stroke, place, distance in zip(
            strokes.strokes, strokes.places, distances, strict=True
        )
    ]
    return tuple(sorted(found, key=lambda s: s.distance))

"""Unknown and unsure regions of an image, in groups of look-alikes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np
from scipy import ndimage as ndi

from napari_ood_seg.core.guidance.groups import Group, Region
from napari_ood_seg.core.guidance.looks import (
    group_looks,
    known_distance,
    order_looks,
)
from napari_ood_seg.core.guidance.sketch import centre, deepest, sketch

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    import numpy.typing as npt

    from napari_ood_seg.core.data.scribbles import Scribbles
    from napari_ood_seg.core.features.store import FeatureStore
    from napari_ood_seg.core.guidance.survey import Survey
    from napari_ood_seg.core.models.instant import InstantModel
    from napari_ood_seg.core.types import Progress

    Labels = npt.NDArray[np.int32]
    Floats = npt.NDArray[np.float32]

LEAST_SHARE: Final = 0.0005
"""Regions that take less of the image are not worth a look."""

LEAST_LOOK: Final = 0.0005
"""Looks that take less of the image are too rare to be a class."""

PER_GROUP: Final = 6
"""Regions of a group that are kept, the best ones."""

NEARBY: Final = 0.1
"""Share of the diagonal of the image within which strokes make a place interesting."""

AROUND: Final = 0.25
ON_EACH_SIDE: Final = 0.05
"""What takes so much of the edge of an image, and of each of its four sides, lies
around what the image shows."""

_LEAD: Final = 0.5
_WIDE: Final = 2
"""Where the best class leads by less, for so many cells around, two classes compete."""

_TYPICAL: Final = 0.5
_EXPLAINED: Final = 0.3
_ORDINARY: Final = 0.5
"""Of the distances of cells that are more typical than the median scribble, these
quantiles count as fully explained, and as no reason to look there."""


def find_regions(
    survey: Survey,
    strokes: npt.NDArray[np.integer] | None = None,
    *,
    keep: float = 0.95,
) -> tuple[Group, ...]:
    """Return groups of regions that no class explains, in order of interest.

    First looks that are unknown, their surroundings last (`surroundings_last`), then
    places between classes.

    Parameters
    ----------
    strokes
        `(n, 2)` painted pixels; places near them, where somebody works, come before
        places that are as strange but far away. Those outside of what was looked at
        do not count.
    keep
        As of the threshold: typicality below 1 - `keep` is unknown.
    """
    looks = _without_small(group_looks(survey.within))
    distance = known_distance(survey.within, survey.known)
    free = unpainted(survey, strokes)
    weight = nearness(free)
    least, ordinary = _explained(survey, distance)
    excess = np.maximum(distance - least, 0)
    between = between_classes(survey) & free
    atypical = weight * (1 - survey.typicality) ** 2
    picks = order_looks(looks, survey.within, distance, atypical, least=least)
    strange = [p for p in picks if distance[looks == p.look].mean() >= ordinary]
    masks = [np.isin(looks, pick.alike) & free for pick in strange]
    groups: list[Group] = []
    for i in surroundings_last(masks):
        between &= ~masks[i]
        own = excess * weight * (looks == strange[i].look)
        groups += _group(survey, masks[i], own, len(groups), keep=keep)
    doubt = (1 - survey.margin) * weight
    for class_id in np.unique(survey.classes[between]):
        mask = between & (survey.classes == class_id)
        groups += _group(survey, mask, doubt, len(groups), keep=keep)
    return tuple(groups)


def suggest(
    model: InstantModel,
    store: FeatureStore,
    *,
    plane: tuple[int, ...] = (),
    scribbles: Scribbles | None = None,
    keep: float = 0.95,
    part: tuple[slice, slice] | None = None,
) -> Generator[Progress, None, tuple[Group, ...]]:
    """Look at a plane of an image, and return its groups; see `find_regions`.

    Parameters
    ----------
    part
        Rows and columns to look at; see `survey.part_to_survey`.
    """
    from napari_ood_seg.core.guidance.survey import take_survey

    survey = yield from take_survey(model, store, plane=plane, part=part)
    own = [] if scribbles is None else scribbles.strokes
    painted = [s.coords for s in own if s.plane == plane]
    strokes = np.concatenate(painted) if painted else None
    return find_regions(survey, strokes, keep=keep)


def surroundings_last(masks: Sequence[npt.NDArray[np.bool_]]) -> list[int]:
    """Return the order in which to show what masks cover: theirs, but for one.

    Of what lies around the rest, that with most of the edge of the image comes last:
    it is seldom what somebody wants a class for (the boundary prior of Wei et al.,
    Geodesic saliency using background priors, ECCV 2012), and is seen without help.

    Parameters
    ----------
    masks
        `(h, w)` each, the most interesting first.

    Examples
    --------
    >>> ring = np.ones((5, 5), bool)
    >>> ring[1:-1, 1:-1] = False
    >>> surroundings_last([ring, ~ring])
    [1, 0]
    """
    order = list(range(len(masks)))
    around = [_share_around(mask) for mask in masks]
    if max(around, default=0.0) >= AROUND:
        order.append(order.pop(int(np.argmax(around))))
    return order


def _share_around(mask: npt.NDArray[np.bool_]) -> float:
    """Return how much of the edge a mask takes; 0 if one side has hardly any of it."""
    sides = mask[0], mask[-1], mask[:, 0], mask[:, -1]
    if min(side.mean() for side in sides) < ON_EACH_SIDE:
        return 0.0
    return float(np.concatenate(sides).mean())


def between_classes(survey: Survey) -> npt.NDArray[np.bool_]:
    """Return `(h, w)`: cells whose best class hardly leads, in places that are wide.

    Borders between classes are so everywhere, but thin.
    """
    return ndi.binary_opening(survey.margin < _LEAD, iterations=_WIDE)


def unpainted(
    survey: Survey, strokes: npt.NDArray[np.integer] | None
) -> npt.NDArray[np.bool_]:
    """Return `(h, w)`: the cells without a painted pixel."""
    free = np.ones(survey.typicality.shape, bool)
    if strokes is not None:
        own = strokes - np.array(survey.origin)
        own = own[((own >= 0) & (own < np.array(survey.size))).all(1)]
        free[tuple((own // survey.edge).T)] = False
    return free


def nearness(free: npt.NDArray[np.bool_]) -> Floats:
    """Return `(h, w)` weights: 1 on strokes, falling with the distance to them.

    1 everywhere if there are no strokes.

    Parameters
    ----------
    free
        False where something is painted.
    """
    if free.all():
        return np.ones(free.shape, np.float32)
    away = ndi.distance_transform_edt(free) / np.hypot(*free.shape)
    out: Floats = np.exp(-away / NEARBY).astype(np.float32)
    return out


def _explained(survey: Survey, distance: Floats) -> tuple[float, float]:
    """Return distances of what is known: fully explained, and ordinary.

    Where nothing is typical, that of the average pixel of a Gaussian class.
    """
    known = distance[survey.typicality >= _TYPICAL]
    if len(known):
        least, ordinary = np.quantile(known, [_EXPLAINED, _ORDINARY])
        return float(least), float(ordinary)
    average = float(np.mean([np.log(len(z)) for z in survey.within]))
    return average, average


def _without_small(looks: Labels) -> Labels:
    """Return the looks with -1 where a look takes too little of the image."""
    counts = np.bincount(looks.ravel())
    return np.where(counts[looks] < LEAST_LOOK * looks.size, -1, looks).astype(np.int32)


def _group(
    survey: Survey,
    mask: npt.NDArray[np.bool_],
    weight: Floats,
    number: int,
    *,
    keep: float,
) -> list[Group]:
    """Return the cells of a mask as a group; none if all its parts are too small."""
    found = _parts(survey, mask, weight, keep=keep)
    if not found:
        return []
    near = int(np.bincount(survey.classes[mask]).argmax())
    regions = tuple(replace(r, group=number) for r in found)
    return [Group(regions=regions, share=float(mask.mean()), near=near)]


def _parts(
    survey: Survey, mask: npt.NDArray[np.bool_], weight: Floats, *, keep: float
) -> list[Region]:
    """Return the connected parts of a mask, those with the most weight first."""
    parts, n = ndi.label(mask)
    if n == 0:
        return []
    numbers = np.arange(1, n + 1)
    sizes = np.bincount(parts.ravel(), minlength=n + 1)[1:]
    sums = ndi.sum_labels(weight, parts, numbers)
    boxes = ndi.find_objects(parts)
    least = max(1.0, LEAST_SHARE * mask.size)
    best = [i for i in np.argsort(-sums, kind="stable") if sizes[i] >= least]
    return [
        _region(survey, parts[boxes[i]] == i + 1, weight[boxes[i]], boxes[i], keep=keep)
        for i in best[:PER_GROUP]
    ]


def _region(
    survey: Survey,
    mask: npt.NDArray[np.bool_],
    weight: Floats,
    box: tuple[slice, slice],
    *,
    keep: float,
) -> Region:
    """Return the region of the cells `mask` within `box`.

    Its point lies deep inside, among the cells that have a weight.
    """
    edge, size = survey.edge, survey.size
    origin = (box[0].start, box[1].start)
    inner = deepest(mask, (weight > 0).astype(np.float32))
    whole = np.zeros(survey.typicality.shape, bool)
    whole[box] = mask
    cell = (inner[0] + origin[0], inner[1] + origin[1])
    typicality = survey.typicality[box][mask]
    unknown = (typicality < 1 - keep).mean() > 0.5
    region = Region(
        group=0,
        kind="unknown" if unknown else "unsure",
        point=centre(cell, edge, size),
        box=(
            box[0].start * edge,
            box[1].start * edge,
            min(box[0].stop * edge, size[0]),
            min(box[1].stop * edge, size[1]),
        ),
        area=_pixels(whole, edge, size),
        typicality=float(typicality.mean()),
        stroke=sketch(whole, cell, edge=edge, size=size),
    )
    return region.moved(survey.origin)


def _pixels(mask: npt.NDArray[np.bool_], edge: int, size: tuple[int, int]) -> int:
    """Return how many pixels the cells of a mask have; those at the end may be cut."""
    rows, columns = (
        np.minimum(np.arange(1, n + 1) * edge, m) - np.arange(n) * edge
        for n, m in zip(mask.shape, size, strict=True)
    )
    return int(rows @ mask @ columns)

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_ood_seg.core.guidance.groups import Group, in_turn
from napari_ood_seg.core.guidance.regions import (
    NEARBY,
    PER_GROUP,
    between_classes,
    find_regions,
    nearness,
    suggest,
    surroundings_last,
    unpainted,
)
from napari_ood_seg.core.guidance.survey import Survey
from tests.contracts.scenes import RIGHT, drive, fit, three_textures

if TYPE_CHECKING:
    import numpy.typing as npt

EDGE = 2
SHAPE = (60, 80)
LARGE = (slice(0, 30), slice(0, 40))
TWIN = (slice(0, 12), slice(60, 80))
UNSURE = (slice(40, 56), slice(10, 30))


@pytest.fixture
def survey() -> Survey:
    """Return a known ground with two unknown places that look alike, one unsure."""
    rng = np.random.default_rng(0)
    means = np.zeros((2, *SHAPE), np.float32)
    means[0][LARGE] = means[0][TWIN] = 40
    means[1][UNSURE] = 9
    noise = rng.normal(size=means.shape)
    for where in (LARGE, TWIN, UNSURE):
        noise[(slice(None), *where)] *= 0.1
    within = (means + noise).astype(np.float32)
    typicality = np.full(SHAPE, 0.6, np.float32)
    typicality[LARGE] = typicality[TWIN] = 0.01
    typicality[UNSURE] = 0.2
    classes = np.full(SHAPE, 3, np.uint8)
    classes[UNSURE] = 7
    return Survey(
        edge=EDGE,
        size=(SHAPE[0] * EDGE, SHAPE[1] * EDGE - 1),
        typicality=typicality,
        margin=np.ones(SHAPE, np.float32),
        classes=classes,
        within=(within,),
        known=(np.zeros((1, 2), np.float32),),
    )


def inside(point: tuple[int, int], where: tuple[slice, slice]) -> bool:
    return all(s.start <= p // EDGE < s.stop for p, s in zip(point, where, strict=True))


def merged(groups: tuple[Group, ...], where: tuple[slice, slice]) -> set[int]:
    return {r.group for r in in_turn(groups) if inside(r.point, where)}


def test_regions_are_found_and_alike_ones_are_one_group(survey: Survey) -> None:
    groups = find_regions(survey)
    first = groups[0].regions[0]
    assert inside(first.point, LARGE)
    assert first.kind == "unknown"
    assert first.typicality == pytest.approx(0.01, abs=0.03)
    assert merged(groups, TWIN) & merged(groups, LARGE)
    assert inside(groups[1].regions[0].point, UNSURE)
    assert groups[1].kind == "unsure"
    assert groups[1].near == 7


def test_region_says_where_and_how_large_it_is(survey: Survey) -> None:
    first = find_regions(survey)[0].regions[0]
    cells = 30 * 40
    assert first.area == pytest.approx(cells * EDGE**2, rel=0.2)  # its rim is blurred
    top, left, bottom, right = first.box
    assert top == left == 0
    assert bottom == pytest.approx(60, abs=6)
    assert right == pytest.approx(80, abs=6)


def test_stroke_lies_in_its_region(survey: Survey) -> None:
    for region in in_turn(find_regions(survey))[:3]:
        top, left, bottom, right = region.box
        assert (region.stroke >= [top, left]).all()
        assert (region.stroke < [bottom, right]).all()
        away = np.abs(region.stroke - region.point).max(1)
        assert away.min() <= EDGE


def test_what_is_ordinary_is_not_suggested(survey: Survey) -> None:
    alike = np.random.default_rng(1).normal(size=(2, *SHAPE)).astype(np.float32)
    typical = np.full(SHAPE, 0.6, np.float32)
    known = replace(survey, within=(alike,), typicality=typical)
    ordinary = [g for g in find_regions(known) if g.kind == "unknown"]
    assert ordinary == []


def test_places_near_the_strokes_come_first(survey: Survey) -> None:
    at = np.argwhere(np.ones((6, 6), bool)) + np.array([90, 20])  # by what is unsure
    within = survey.within[0].copy()
    within[1][UNSURE] += 31  # as strange as the others
    far = replace(survey, within=(within,))
    assert inside(find_regions(far)[0].regions[0].point, LARGE)
    first = find_regions(far, at)[0].regions[0]
    assert inside(first.point, UNSURE)
    assert first.kind == "unsure"


def test_places_between_classes_come_last(survey: Survey) -> None:
    margin = np.ones(SHAPE, np.float32)
    margin[:, 50] = 0.1  # a border
    wide = (slice(44, 56), slice(52, 70))
    margin[wide] = 0.1
    within = survey.within[0].copy()
    within[(slice(None), *wide)] *= 0.1  # else some of it is strange by chance
    survey = replace(survey, within=(within,))
    unclear = replace(survey, margin=margin)
    found = between_classes(unclear)
    assert found[46:54, 54:68].all()
    assert not found[:40].any()
    assert not between_classes(survey).any()
    before, after = find_regions(survey), find_regions(unclear)
    assert len(after) == len(before) + 1
    assert all(inside(region.point, wide) for region in after[-1].regions)
    assert (after[-1].kind, after[-1].near) == ("unsure", 3)


def with_unknown(survey: Survey, *places: npt.NDArray[np.bool_]) -> Survey:
    """Return the survey with only these places unknown, not alike."""
    means = np.zeros((2, *SHAPE))
    typicality = np.full(SHAPE, 0.6, np.float32)
    for mean, place in zip(([40, 0], [20, 20]), places, strict=True):
        means[:, place] = np.array(mean)[:, None]
        typicality[place] = 0.01
    noise = np.random.default_rng(0).normal(size=means.shape)
    noise[:, typicality < 0.5] *= 0.1
    within = (means + noise).astype(np.float32)
    return replace(survey, within=(within,), typicality=typicality)


def test_what_lies_around_the_rest_comes_last(survey: Survey) -> None:
    middle, around, aside = np.zeros((3, *SHAPE), bool)
    middle[20:36, 30:60] = True
    around[:] = True
    around[9:-9, 9:-9] = False
    aside[:, :16] = True  # a whole side, and some of two others
    first, *_, last = find_regions(with_unknown(survey, around, middle))
    assert inside(first.regions[0].point, (slice(20, 36), slice(30, 60)))
    assert first.kind == last.kind == "unknown"
    assert last.share == pytest.approx(around.mean(), rel=0.1)
    first = find_regions(with_unknown(survey, aside, middle))[0]
    assert first.share == pytest.approx(aside.mean(), rel=0.1)


def test_only_what_has_most_of_the_edge_and_some_of_each_side_is_around() -> None:
    most, less, side, little = np.zeros((4, 20, 20), bool)
    most[0] = most[:10, 0] = most[:, -1] = most[-1, -2:] = True
    less[10:, 0] = less[-1, :-2] = less[0, 3:5] = less[3:5, -1] = True
    side[:, :15] = True
    little[::19, ::7] = little[::7, ::19] = True  # a fifth of each side at most
    assert surroundings_last([most, less, side, little]) == [1, 2, 3, 0]
    assert surroundings_last([less, side, little]) == [1, 2, 0]
    assert surroundings_last([little, side]) == [0, 1]
    assert surroundings_last([]) == []


def test_nearness_falls_with_the_distance(survey: Survey) -> None:
    weights = nearness(unpainted(survey, np.array([[1, 0]])))
    diagonal = np.hypot(*SHAPE)
    assert weights[0, 0] == 1
    assert weights[0, 40] == pytest.approx(np.exp(-40 / diagonal / NEARBY), rel=1e-5)
    assert (nearness(unpainted(survey, None)) == 1).all()
    assert (nearness(unpainted(survey, np.zeros((0, 2), int))) == 1).all()


def test_suggested_stroke_covers_no_other(survey: Survey) -> None:
    rows, columns = np.mgrid[28:32, 4:76]  # through the middle of what is large
    painted = np.stack([rows.ravel(), columns.ravel()], axis=1)
    regions = in_turn(find_regions(survey, painted))
    assert any(inside(r.point, LARGE) for r in regions)
    own = {tuple(p) for p in painted.tolist()}
    for region in regions:
        assert own.isdisjoint(tuple(p) for p in region.stroke.tolist())
        assert region.point not in own


def test_what_lies_elsewhere_in_the_image_is_found_there(survey: Survey) -> None:
    painted = np.array([[9, 9], [10, 12]])
    at = np.array([5000, 300])
    part = replace(survey, origin=(5000, 300))
    before = in_turn(find_regions(survey, painted))
    elsewhere = np.array([[0, 0], [5000 + survey.size[0], 300]])  # outside of it
    after = in_turn(find_regions(part, np.concatenate([painted + at, elsewhere])))
    assert len(before) == len(after) > 0
    for here, there in zip(before, after, strict=True):
        np.testing.assert_array_equal(np.array(here.point) + at, there.point)
        np.testing.assert_array_equal(here.box + np.tile(at, 2), there.box)
        np.testing.assert_array_equal(here.stroke + at, there.stroke)
        assert (here.kind, here.area, here.group) == (
            there.kind,
            there.area,
            there.group,
        )


def test_region_at_the_end_has_the_pixels_of_cut_cells(survey: Survey) -> None:
    regions = in_turn(find_regions(survey))
    twin = next(r for r in regions if inside(r.point, TWIN))
    top, left, bottom, right = twin.box
    assert (top, right) == (0, survey.size[1])
    pixels = (bottom - top) * (right - left)
    assert pixels - 2 * EDGE**2 <= twin.area <= pixels  # corners are blurred


def test_groups_are_numbered_and_not_too_long(survey: Survey) -> None:
    for number, group in enumerate(find_regions(survey)):
        assert {r.group for r in group.regions} == {number}
        assert len(group.regions) <= PER_GROUP


@pytest.mark.parametrize("n_channels", [3, 12])
def test_first_suggestion_is_the_texture_that_nobody_painted(n_channels: int) -> None:
    fitted = fit(three_textures(n_channels))
    store = fitted.trainer.store(fitted.source)
    assert store is not None
    groups = drive(suggest(fitted.model, store))
    first = groups[0].regions[0]
    assert RIGHT[1].start - 8 <= first.point[1] < RIGHT[1].stop + 8
    assert first.kind == "unknown"
    assert (first.stroke[:, 1] >= 64).all()

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_ood_seg.core.config import FilterConfig, InstantConfig
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.guidance.groups import Region, in_turn
from napari_ood_seg.core.inference.view import View
from napari_ood_seg.core.types import UNKNOWN
from napari_ood_seg.session.guide import Guide
from napari_ood_seg.session.session import Session
from tests.contracts.owner import InlineExecutor
from tests.contracts.scenes import MIDDLE, RIGHT, strip, strokes, three_textures

CONFIG = InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0)), tile=32)


@pytest.fixture
def session() -> Session:
    """Return a trained session; class 1 also has a stroke on class 2."""
    session = Session(executor=InlineExecutor(), post=lambda call: call())
    session.set_config(CONFIG)
    session.set_device("cpu")
    session.set_image(ImageSource.from_array(three_textures(), axes="YXC", rgb=True))
    session.set_scribbles(strokes().add(1, strip(20, MIDDLE)))
    session.train()
    return session


@pytest.fixture
def guide(session: Session) -> Guide:
    guide = Guide(session)
    session.guide()
    return guide


def taken(guide: Guide, group: int | None = None) -> Region:
    region = guide.next(group)
    assert region is not None
    return region


def test_job_finds_regions_and_doubts(session: Session, guide: Guide) -> None:
    assert guide.ready
    assert not session.busy
    first = guide.regions[0]
    assert first.kind == "unknown"
    assert RIGHT[1].start - 8 <= first.point[1] < RIGHT[1].stop + 8
    wrong = session.scribbles.strokes[-1]
    (doubt,) = (d for d in guide.doubts if d.stroke_id == wrong.id)
    assert doubt.looks_like in (2, UNKNOWN)
    assert guide.stroke(wrong.id) is wrong


def test_model_and_result_stay(session: Session) -> None:
    model, result = session.model, session.result
    assert result is not None
    before = result.typicality.copy()
    session.guide()
    assert session.model is model
    assert session.result is result
    np.testing.assert_array_equal(result.typicality, before)


def test_each_region_comes_once(guide: Guide) -> None:
    expected = [r.point for r in in_turn(guide.groups)]
    points = [taken(guide).point for _ in expected]
    assert points == expected
    assert guide.next() is None
    assert guide.visited == set(expected)


def test_regions_of_a_group_come_again(guide: Guide) -> None:
    regions = guide.groups[0].regions
    points = [taken(guide, 0).point for _ in range(len(regions) + 1)]
    assert points == [*(r.point for r in regions), regions[0].point]


def test_a_look_at_the_same_result_again_forgets_nothing_else(
    session: Session, guide: Guide
) -> None:
    taken(guide)
    session.set_keep(0.9)
    session.set_scribbles(session.scribbles.add(2, strip(36, MIDDLE)))
    assert len(guide.visited) == 1
    assert guide.ready


@pytest.mark.parametrize("what", ["training", "image"])
def test_is_about_one_result(session: Session, guide: Guide, what: str) -> None:
    taken(guide)
    if what == "training":
        session.train()
    else:
        session.set_image(session.source)
    assert not guide.ready
    assert (guide.groups, guide.visited, guide.doubts) == ((), frozenset(), ())
    assert guide.next() is None


def test_doubt_about_a_stroke_goes_with_it_and_comes_back(
    session: Session, guide: Guide
) -> None:
    before = session.scribbles
    wrong = before.strokes[-1]
    heard: list[int] = []
    guide.changed.connect(lambda: heard.append(1))
    session.set_scribbles(replace(before, strokes=before.strokes[:-1]))
    assert heard
    assert wrong.id not in {d.stroke_id for d in guide.doubts}
    assert guide.stroke(wrong.id) is None
    session.set_scribbles(before)
    assert wrong.id in {d.stroke_id for d in guide.doubts}


def test_answer_about_another_plane_is_not_shown(session: Session) -> None:
    guide = Guide(session)
    session.plane = (1,)
    session.guided.emit(guided_elsewhere())
    assert not guide.ready


def guided_elsewhere() -> object:
    from napari_ood_seg.session.jobs import Guided

    return Guided(plane=(0,), part=(slice(0, 64), slice(0, 96)), groups=(), doubts=())


def test_needs_a_model() -> None:
    session = Session(executor=InlineExecutor(), post=lambda call: call())
    session.set_image(ImageSource.from_array(three_textures(), axes="YXC", rgb=True))
    said: list[tuple[str, str]] = []
    session.message.connect(lambda text, kind: said.append((text, kind)))
    session.guide()
    assert said == [("there is no model yet: train one or load one first", "warning")]


def test_closed_guide_hears_nothing(session: Session) -> None:
    guide = Guide(session)
    guide.close()
    session.guide()
    assert not guide.ready


def test_a_very_large_image_is_looked_at_around_the_view(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("napari_ood_seg.core.guidance.survey._ACROSS", 1)
    guide = Guide(session)
    session.set_view(View(region=(slice(30, 50), slice(70, 90))))
    session.guide()
    assert (guide.is_part, guide.part) == (True, (slice(32, 64), slice(64, 96)))
    for region in guide.regions:
        assert 32 <= region.point[0] < 64 <= region.point[1] < 96
    monkeypatch.setattr("napari_ood_seg.core.guidance.survey._ACROSS", 3)
    session.guide()
    assert (guide.is_part, guide.part) == (False, (slice(0, 64), slice(0, 96)))

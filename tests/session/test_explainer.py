from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_ood_seg.core.config import FilterConfig, InstantConfig
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.session.explainer import Explainer
from napari_ood_seg.session.session import Session
from tests.contracts.owner import InlineExecutor, Owner
from tests.contracts.scenes import RIGHT, strip, strokes, three_textures

if TYPE_CHECKING:
    from napari_ood_seg.core.guidance.explain import Explanation

CONFIG = InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0)), tile=32)
POINT = (30, 80)
"""On what is no class."""


def trained(owner: Owner | None = None) -> Session:
    """Return a session with a model of two classes."""
    session = Session(
        executor=InlineExecutor(),
        post=owner.post if owner is not None else lambda call: call(),
    )
    session.set_config(CONFIG)
    session.set_device("cpu")
    session.set_image(ImageSource.from_array(three_textures(), axes="YXC", rgb=True))
    session.set_scribbles(strokes())
    session.train()
    if owner is not None:
        owner.run_waiting()
    return session


@pytest.fixture
def session() -> Session:
    return trained()


@pytest.fixture
def explainer(session: Session) -> Explainer:
    explainer = Explainer(session)
    explainer.watch(on=True)
    return explainer


def found_by(explainer: Explainer) -> Explanation:
    assert explainer.found is not None
    return explainer.found


def class_ids(explainer: Explainer) -> list[int]:
    return [c.class_id for c in explainer.classes]


def is_fresh(explainer: Explainer) -> bool:
    return explainer.fresh


def test_session_tells_what_the_result_shows(session: Session) -> None:
    heard: list[Explanation] = []
    session.explained.connect(heard.append)
    session.explain(*POINT)
    (found,) = heard
    assert session.result is not None
    assert found.point == POINT
    assert found.best.class_id == session.result.classes[POINT]
    shown = float(session.result.typicality[POINT])
    assert found.typicality == pytest.approx(shown, abs=1e-3)
    assert not session.busy


def test_without_a_model_the_session_says_so() -> None:
    session = Session(executor=InlineExecutor(), post=lambda call: call())
    said: list[tuple[str, str]] = []
    session.message.connect(lambda text, kind: said.append((text, kind)))
    session.explain(1, 1)
    session.set_image(ImageSource.from_array(three_textures(), axes="YXC", rgb=True))
    session.explain(1, 1)
    session.tally()  # nobody asked for it: silent
    assert said[-2:] == [
        ("there is no image: open one, then choose it here", "warning"),
        ("there is no model yet: train one or load one first", "warning"),
    ]


def test_what_goes_wrong_is_one_sentence(session: Session) -> None:
    said: list[tuple[str, str]] = []
    session.message.connect(lambda text, kind: said.append((text, kind)))
    session.explain(64, 3)
    ((text, kind),) = said
    assert text.startswith("there is no pixel in row 64, column 3")
    assert kind == "error"


def test_answer_of_an_older_model_is_not_told() -> None:
    owner = Owner()
    session = trained(owner)
    heard: list[object] = []
    session.explained.connect(heard.append)
    session.explain(*POINT)
    assert session.model is not None
    session.set_model(replace(session.model))
    owner.run_waiting()
    assert heard == []


def test_answer_about_another_plane_or_image_is_not_told() -> None:
    owner = Owner()
    session = trained(owner)
    heard: list[object] = []
    session.explained.connect(heard.append)
    session.explain(*POINT)
    session.plane = (1,)
    owner.run_waiting()
    session.plane = ()
    session.explain(*POINT)
    session.set_image(session.source)
    owner.run_waiting()
    assert heard == []


def test_pixel_is_explained_again_by_a_new_model(
    session: Session, explainer: Explainer
) -> None:
    explainer.ask(*POINT)
    before = found_by(explainer)
    assert before.is_unknown(0.95)
    session.set_scribbles(session.scribbles.add(3, strip(30, RIGHT)))
    session.train()
    after = found_by(explainer)
    assert after.point == POINT
    assert after.best.class_id == 3
    assert explainer.fresh


def test_what_is_old_is_said_to_be_old() -> None:
    owner = Owner()
    session = trained(owner)
    explainer = Explainer(session)
    explainer.watch(on=True)
    explainer.ask(*POINT)
    owner.run_waiting()
    seen: list[bool] = []
    explainer.changed.connect(lambda: seen.append(explainer.fresh))
    session.train()
    owner.run_waiting()
    assert explainer.fresh
    assert seen[0] is False
    assert seen[-1] is True


def test_new_strokes_are_ranked_at_once(session: Session, explainer: Explainer) -> None:
    explainer.ask(*POINT)
    session.set_scribbles(session.scribbles.add(3, strip(30, RIGHT)))
    new = session.scribbles.strokes[-1]
    nearest = found_by(explainer).strokes[0]
    assert nearest.stroke_id == new.id
    assert explainer.stroke(nearest) is new
    session.set_scribbles(Scribbles((64, 96), strokes().strokes, 99))
    assert explainer.stroke(nearest) is None
    assert new.id not in {s.stroke_id for s in found_by(explainer).strokes}


def test_only_the_pixel_that_was_asked_last_is_shown() -> None:
    owner = Owner()
    session = trained(owner)
    explainer = Explainer(session)
    explainer.ask(1, 1)
    explainer.ask(*POINT)
    assert explainer.found is None
    owner.run_waiting()
    assert found_by(explainer).point == POINT


def test_nothing_is_asked_while_nobody_watches(session: Session) -> None:
    asked: list[tuple[int, int]] = []
    explainer = Explainer(session)
    explainer.ask(*POINT)
    session.explained.connect(lambda found: asked.append(found.point))
    session.train()
    assert asked == []
    assert not is_fresh(explainer)
    assert class_ids(explainer) == []
    explainer.watch(on=True)
    assert asked == [POINT]
    assert is_fresh(explainer)
    assert class_ids(explainer) == [1, 2]


def test_classes_are_counted_after_every_job(
    session: Session, explainer: Explainer
) -> None:
    assert session.result is not None
    heard: list[int] = []
    explainer.tallied.connect(lambda: heard.append(len(explainer.classes)))
    session.set_scribbles(session.scribbles.add(3, strip(30, RIGHT)))
    session.train()
    assert heard == [3]
    shares = [c.share for c in explainer.classes]
    counted = [float((session.result.classes == i).mean()) for i in (1, 2, 3)]
    np.testing.assert_allclose(shares, counted)


@pytest.mark.parametrize("what", ["image", "plane"])
def test_another_place_is_forgotten(
    session: Session, explainer: Explainer, what: str
) -> None:
    explainer.ask(*POINT)
    if what == "image":
        session.set_image(session.source)
    else:
        session.set_plane((1,))
    assert (explainer.point, explainer.found, explainer.classes) == (None, None, ())


def test_forgotten_pixel_stays_away(session: Session, explainer: Explainer) -> None:
    explainer.ask(*POINT)
    explainer.forget_pixel()
    session.train()
    assert explainer.found is None
    assert explainer.classes


def test_closed_explainer_hears_nothing(session: Session, explainer: Explainer) -> None:
    explainer.close()
    session.explain(*POINT)
    session.train()
    assert explainer.found is None

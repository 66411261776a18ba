from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import torch

from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.training.bundle import engine_of
from napari_ood_seg.core.training.refinement import Refinement
from napari_ood_seg.core.types import UNKNOWN, Learning
from napari_ood_seg.session.refining import Refining
from napari_ood_seg.session.session import Session
from tests.contracts.networks import INSTANT, SMALL
from tests.contracts.owner import InlineExecutor, Owner
from tests.contracts.scenes import (
    LEFT,
    MIDDLE,
    RIGHT,
    strip,
    strokes,
    three_textures,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari_ood_seg.session.jobs import Compared

DEEP = replace(SMALL, evidence="both")
"""The network is used however little it has learned."""


class Desk:
    """A session with an image and strokes, and what it said."""

    def __init__(self, post: Callable[..., None] | None = None) -> None:
        self.session = Session(
            executor=InlineExecutor(), post=post or (lambda call: call())
        )
        self.session.set_config(INSTANT)
        self.session.set_deep(DEEP)
        self.session.set_device("cpu")
        self.source = ImageSource.from_array(three_textures(), axes="YXC", rgb=True)
        self.session.set_image(self.source)
        self.session.set_scribbles(strokes())
        self.steps: list[Learning] = []
        self.compared: list[Compared] = []
        self.states: list[str] = []
        self.said: list[tuple[str, str]] = []
        self.session.refined.connect(self._on_refined)
        self.session.compared.connect(self.compared.append)
        self.session.refining_changed.connect(self.states.append)
        self.session.message.connect(self._on_message)

    def _on_refined(self, event: object) -> None:
        if isinstance(event, Learning):
            self.steps.append(event)

    def _on_message(self, text: str, kind: str) -> None:
        self.said.append((text, kind))

    def pause_at(self, step: int) -> None:
        self.at(step, self.session.pause)

    def at(self, step: int, do: Callable[[], Any]) -> None:
        """Do something as soon as a step is told, once."""

        def look(event: object) -> None:
            if isinstance(event, Learning) and event.done == step:
                self.session.refined.disconnect(look)
                do()

        self.session.refined.connect(look)

    def losses(self) -> list[float]:
        return [e.loss for e in self.steps]


def undisturbed() -> list[float]:
    desk = Desk()
    desk.session.refine()
    return desk.losses()


def is_part_of(losses: list[float], whole: list[float]) -> bool:
    """Whether it is all the same but for a step that ended unheard, at the pause."""
    missing = [x for x in whole if x not in losses]
    return len(missing) <= 1 and losses == [x for x in whole if x not in missing]


def test_a_network_is_trained_and_shown() -> None:
    desk = Desk()
    desk.session.refine()
    session = desk.session
    assert [e.done for e in desk.steps] == list(range(1, 13))
    assert [c.step for c in desk.compared] == [4, 8, 12]
    assert all(c.used for c in desk.compared)
    assert desk.states == ["on", "off"]
    assert session.model is not None
    assert engine_of(session.model) == "deep"
    assert session.result is not None
    labels = session.result.labels(session.keep)
    assert (labels[LEFT] == 1).mean() > 0.9
    assert (labels[MIDDLE] == 2).mean() > 0.9
    assert desk.said[-1] == ("the network is trained", "info")
    assert not session.busy
    assert not session.ahead


def test_an_image_with_other_channels_is_trained_on_without_the_network() -> None:
    desk = Desk()
    session = desk.session
    session.refine()
    grey = ImageSource.from_array(three_textures()[..., 0], axes="YX")
    session.set_image(grey)
    session.set_scribbles(strokes())
    session.train()
    assert desk.said[-1][0].startswith("done in")
    assert session.model is not None
    assert engine_of(session.model) == "instant"
    assert session.model.takes(grey)


def test_a_network_that_is_of_no_use_is_not_shown() -> None:
    desk = Desk()
    desk.session.train()
    before = desk.session.model
    desk.session.set_deep(replace(DEEP, steps=4, evidence="filters"))
    desk.session.refine()
    assert [c.used for c in desk.compared] == [False]
    assert desk.session.model is before
    assert "there is nothing that a network could" in desk.compared[0].verdict


@pytest.mark.parametrize("step", [1, 4, 7])
def test_pause_and_resume_come_to_the_same(step: int) -> None:
    desk = Desk()
    desk.pause_at(step)
    desk.session.refine()
    assert desk.session.refining is Refining.PAUSED
    assert len(desk.steps) == step, "it stops after the step"
    desk.session.predict_ahead()
    assert len(desk.steps) == step, "nobody takes it up again"
    desk.session.refine()
    assert is_part_of(desk.losses(), undisturbed())
    assert desk.states[-1] == "off"


def test_stop_can_be_taken_back() -> None:
    desk = Desk()
    desk.at(5, desk.session.stop)
    desk.session.refine()
    assert desk.session.refining is Refining.PAUSED
    desk.session.refine()
    assert is_part_of(desk.losses(), undisturbed())


def test_painting_comes_first() -> None:
    """Training makes way for a stroke, and goes on with it."""
    desk = Desk()
    session = desk.session
    desk.at(3, lambda: session.set_painting(True))
    session.refine()
    assert session.refining is Refining.ON
    session.set_painting(False)
    session.set_live(True)
    session.paint(1, strip(20, LEFT))
    desk.steps.clear()
    session.predict_ahead()  # as the window does when nothing has happened for a while
    assert [e.done for e in desk.steps] == list(range(1, 13)), "the strokes are others"
    assert session.refining is Refining.ON, "live mode waits for more strokes"
    desk.steps.clear()
    session.predict_ahead()
    assert desk.steps == [], "there is nothing new to learn"


def test_live_answers_with_the_network_that_there_is() -> None:
    desk = Desk()
    session = desk.session
    session.refine()
    session.pause()
    session.set_live(True)
    session.paint(3, strip(10, RIGHT))
    assert session.model is not None
    assert engine_of(session.model) == "deep"
    assert [c.id for c in session.model.classes] == [1, 2, 3]
    assert session.result is not None
    labels = session.result.labels(session.keep)
    assert (labels[RIGHT] == 3).mean() > 0.5


def test_anew() -> None:
    desk = Desk()
    desk.pause_at(6)
    desk.session.refine()
    desk.steps.clear()
    desk.session.refine_anew()
    assert [e.done for e in desk.steps] == list(range(1, 13))
    assert desk.losses() == undisturbed()


def test_anew_while_it_runs() -> None:
    owner = Owner()
    desk = Desk(owner.post)
    desk.at(6, desk.session.refine_anew)
    desk.session.refine()
    owner.run_waiting()
    assert desk.losses()[-12:] == undisturbed()


def test_other_settings_begin_anew() -> None:
    desk = Desk()
    desk.pause_at(6)
    desk.session.refine()
    desk.steps.clear()
    desk.session.set_deep(replace(DEEP, width=12))
    desk.session.refine()
    assert desk.steps[0].done == 1


# ---------------------------------------------------------------------- after a crash


def crashed(folder: Path, *, at: int = 6) -> None:
    """Train up to a step, and never again."""
    desk = Desk()
    desk.session.keep_training_in(folder)
    desk.at(at, desk.session.close)
    desk.session.refine()
    assert len(list(folder.glob("*.training"))) == 1


def offering(folder: Path) -> tuple[Desk, list[float | None]]:
    said: list[float | None] = []
    desk = Desk()
    desk.session.kept_changed.connect(said.append)
    desk.session.keep_training_in(folder)
    return desk, said


def test_a_training_is_offered_and_gone_on_with(tmp_path: Path) -> None:
    crashed(tmp_path)
    desk, said = offering(tmp_path)
    (path,) = tmp_path.glob("*.training")
    assert said == [path.stat().st_mtime] == [desk.session.kept_since]
    desk.session.resume_kept()
    assert [e.done for e in desk.steps] == list(range(5, 13))
    assert desk.losses() == undisturbed()[4:]
    assert said[1:] == [None]
    assert desk.session.kept_since is None
    assert not list(tmp_path.iterdir())
    assert desk.said[-1] == ("the network is trained", "info")


def test_other_strokes_and_settings_are_offered_nothing(tmp_path: Path) -> None:
    crashed(tmp_path)
    desk, said = offering(tmp_path)
    before = desk.session.scribbles
    desk.session.paint(1, strip(20, LEFT))
    assert said[1:] == [None]
    desk.session.set_scribbles(before)
    assert said[1:] == [None, said[0]]
    desk.session.set_deep(replace(DEEP, seed=5))
    assert said[3:] == [None]
    desk.session.resume_kept()
    assert desk.session.refining is Refining.OFF
    assert desk.steps == []
    ((text, kind),) = desk.said
    assert kind == "error"
    assert "no training with these strokes" in text


def test_started_over_nothing_is_offered_any_more(tmp_path: Path) -> None:
    crashed(tmp_path)
    desk, said = offering(tmp_path)
    desk.session.refine()
    assert desk.losses() == undisturbed()
    assert said[1:] == [None]
    assert not list(tmp_path.iterdir())


def test_what_comes_between_does_not_lose_it(tmp_path: Path) -> None:
    """A training that makes way before its first step still goes on from there."""
    crashed(tmp_path)
    owner = Owner()
    desk = Desk(owner.post)
    desk.session.keep_training_in(tmp_path)
    owner.run_waiting()
    desk.session._resume = True
    desk.session.set_painting(True)
    desk.session.refine()
    owner.run_waiting()
    desk.session.set_painting(False)
    desk.session.predict_ahead()
    owner.run_waiting()
    assert desk.losses() == undisturbed()[4:]


def test_nothing_painted() -> None:
    desk = Desk()
    desk.session.set_scribbles(type(strokes())(strokes().shape))
    desk.session.refine()
    assert desk.session.refining is Refining.OFF
    (said,) = desk.said
    assert said[1] == "warning"
    assert "scribbles" in said[0]


def test_all_strokes_go_while_it_makes_way() -> None:
    desk = Desk()
    session = desk.session
    desk.at(3, lambda: session.set_painting(True))
    owner_free = type(strokes())(strokes().shape)
    session.refine()
    session.set_painting(False)
    session.set_scribbles(owner_free)
    session.predict_ahead()
    assert session.refining is Refining.OFF
    assert desk.said[-1][1] == "warning"


def test_what_goes_wrong_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")

    desk = Desk()
    monkeypatch.setattr(Refinement, "run", fail)
    desk.session.refine()
    assert desk.session.refining is Refining.OFF
    assert [kind for _, kind in desk.said] == ["error"]
    assert "\n" not in desk.said[0][0]
    monkeypatch.undo()
    desk.session.refine()
    assert desk.losses() == undisturbed()


def test_another_image_is_chosen_meanwhile() -> None:
    desk = Desk()
    session = desk.session
    other = ImageSource.from_array(three_textures(seed=1), axes="YXC", rgb=True)
    desk.at(3, lambda: session.set_image(other))
    session.refine()
    assert session.refining is Refining.ON
    desk.steps.clear()
    session.predict_ahead()
    assert desk.steps, "strokes of the first image are still learned from"
    assert session.result is not None
    labels = session.result.labels(session.keep)
    assert labels.shape == (64, 96)
    assert (labels[RIGHT] == UNKNOWN).mean() > 0.5
    assert np.isin(labels[LEFT], (1, UNKNOWN)).mean() > 0.9


def test_memory_is_given_back_and_what_is_shown_stays() -> None:
    desk = Desk()
    session = desk.session
    session.refine()
    model, result = session.model, session.result
    session.release_memory()
    assert session._workshop._stores() == {}
    assert session._workshop._refinement is None
    assert session.model is model
    assert session.result is result
    desk.steps.clear()
    session.refine()
    assert desk.steps[0].done == 1


def test_it_goes_on_after_a_step_to_another_plane() -> None:
    """Nobody waits for the plane, so nobody tells that it is done."""
    desk = Desk()
    session = desk.session
    stack = ImageSource.from_array(
        np.stack([three_textures(), three_textures(seed=1)]), axes="TYXC", rgb=True
    )
    session.set_image(stack)
    for stroke in strokes().strokes:
        session.paint(stroke.class_id, stroke.coords)
    session.train()
    desk.at(3, lambda: session.set_plane((1,)))
    session.refine()
    assert [e.done for e in desk.steps][-1] == 12
    assert session.refining is Refining.OFF
    assert session.result is not None
    assert (session.result.classes != 0).all()

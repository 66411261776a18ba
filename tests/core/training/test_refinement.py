from __future__ import annotations

from dataclasses import replace
from itertools import islice

import pytest
import torch

from napari_ood_seg.core.config import DeepConfig, FilterConfig, InstantConfig
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import ScribbleError
from napari_ood_seg.core.training.deep import DeepTrainer
from napari_ood_seg.core.training.instant import Scribbled
from napari_ood_seg.core.training.refinement import Refinement
from tests.contracts.scenes import (
    CPU,
    LEFT,
    RIGHT,
    strip,
    strokes,
    three_textures,
)

INSTANT = InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0)), tile=32)
CONFIG = DeepConfig(
    width=8, steps=12, patch=32, batch=4, check_every=4, seconds=1e6, heads=INSTANT
)


def image() -> Scribbled:
    source = ImageSource.from_array(three_textures(), axes="YXC", name="it")
    return Scribbled(source, strokes())


def refinement(config: DeepConfig = CONFIG) -> Refinement:
    return Refinement(config, device=CPU)


def weights(found: Refinement) -> dict[str, torch.Tensor]:
    return dict(found.heads().network.weights)


def test_a_pause_changes_nothing() -> None:
    it = image()
    whole, paused = refinement(), refinement()
    list(whole.run([it]))
    for n in (1, 4, 2):  # at a check, and between two
        list(islice(paused.run([it]), n))
        assert paused.step == len(paused.history)
    list(paused.run([it]))
    assert [e.loss for e in paused.history] == [e.loss for e in whole.history]
    one, two = weights(whole), weights(paused)
    assert [k for k in one if not torch.equal(one[k], two[k])] == []


def test_more_strokes_go_on_from_the_weights_that_there_are() -> None:
    it = image()
    more = it._replace(scribbles=it.scribbles.add(1, strip(20, LEFT)))
    found = refinement()
    list(found.run([it]))
    before = found.history[0].loss, found.history[-1].loss
    first = next(iter(found.run([more])))
    assert first.done == 1
    cold = next(iter(DeepTrainer(CONFIG, device=CPU).prepare([more]).run()))
    assert before[0] > first.loss
    assert cold.loss > first.loss
    assert found.history == [first]


def test_another_class_begins_anew() -> None:
    it = image()
    other = it._replace(scribbles=it.scribbles.add(3, strip(20, RIGHT)))
    found = refinement()
    list(found.run([it]))
    first = next(iter(found.run([other])))
    cold = next(iter(DeepTrainer(CONFIG, device=CPU).prepare([other]).run()))
    assert first.loss == cold.loss


def test_trials_come_twice_as_late_each_time() -> None:
    found = refinement(replace(CONFIG, steps=40, patience=99))
    due = [event.done for event in found.run([image()]) if found.is_due()]
    assert due == [4, 8, 16, 32]


def test_nothing_painted() -> None:
    it = image()
    bare = it._replace(scribbles=type(it.scribbles)(it.scribbles.shape))
    with pytest.raises(ScribbleError):
        next(iter(refinement().run([bare])))
    with pytest.raises(RuntimeError):
        refinement().heads()

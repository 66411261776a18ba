from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from napari_ood_seg.core.config import DeepConfig, FilterConfig, InstantConfig
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import ScribbleError
from napari_ood_seg.core.training.deep import DeepTrainer
from napari_ood_seg.core.training.instant import Scribbled
from napari_ood_seg.core.training.refinement import Refinement
from napari_ood_seg.core.types import Learning
from tests.contracts.scenes import (
    CPU,
    LEFT,
    RIGHT,
    strip,
    strokes,
    three_textures,
)

if TYPE_CHECKING:
    from collections.abc import Iterable

    import torch

INSTANT = InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0)), tile=32)
CONFIG = DeepConfig(
    width=8,
    steps=12,
    warm_steps=12,
    patch=32,
    batch=4,
    check_every=4,
    seconds=1e6,
    heads=INSTANT,
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
    assert [k for k in one if not one[k].equal(two[k])] == []


def first_loss(events: Iterable[object]) -> float:
    event = next(iter(events))
    assert isinstance(event, Learning)
    assert event.done == 1
    return event.loss


def cold_loss(image: Scribbled) -> float:
    """Return the loss of a training that begins with nothing."""
    prepared = DeepTrainer(CONFIG, device=CPU).prepare([image])
    return first_loss(prepared.training.run())


def test_more_strokes_go_on_from_the_weights_that_there_are() -> None:
    it = image()
    more = it._replace(scribbles=it.scribbles.add(1, strip(20, LEFT)))
    found = refinement()
    list(found.run([it]))
    warm = first_loss(found.run([more]))
    assert warm < 0.7 * cold_loss(more)
    assert [e.loss for e in found.history] == [warm]


def test_another_class_is_learned_beside_the_others() -> None:
    it = image()
    other = it._replace(scribbles=it.scribbles.add(3, strip(20, RIGHT)))
    found = refinement()
    list(found.run([it]))
    before = weights(found)
    list(islice(found.run([other]), 1))
    assert len(weights(found)["head.weight"]) == 3
    assert len(before["head.weight"]) == 2


def test_another_image_begins_anew() -> None:
    other = Scribbled(
        ImageSource.from_array(three_textures(seed=1), axes="YXC", name="other"),
        strokes(),
    )
    found = refinement()
    list(found.run([image()]))
    assert first_loss(found.run([other])) == cold_loss(other)


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

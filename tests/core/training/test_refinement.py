from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import pytest

from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import ScribbleError
from napari_ood_seg.core.training.deep import DeepTrainer
from napari_ood_seg.core.training.instant import Scribbled
from napari_ood_seg.core.training.refinement import Refinement
from napari_ood_seg.core.types import Learning
from tests.contracts.networks import SMALL
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

    from napari_ood_seg.core.config import DeepConfig
    from napari_ood_seg.core.types import Progress


def image() -> Scribbled:
    source = ImageSource.from_array(three_textures(), axes="YXC", name="it")
    return Scribbled(source, strokes())


def refinement(config: DeepConfig = SMALL) -> Refinement:
    return Refinement(config, device=CPU)


def weights(found: Refinement) -> dict[str, torch.Tensor]:
    return dict(found.heads().network.weights)


def test_a_pause_changes_nothing() -> None:
    it = image()
    whole, paused, told = refinement(), refinement(), []
    for n in (1, 4, 2):  # at a check, and between two
        told += list(islice(paused.run([it]), n))
        assert paused.step == len(told)
    told += list(paused.run([it]))
    assert losses(told) == losses(whole.run([it]))
    one, two = weights(whole), weights(paused)
    assert [k for k in one if not one[k].equal(two[k])] == []


def losses(events: Iterable[Progress]) -> list[float]:
    return [e.loss for e in events if isinstance(e, Learning)]


def first_loss(events: Iterable[object]) -> float:
    event = next(iter(events))
    assert isinstance(event, Learning)
    assert event.done == 1
    return event.loss


def cold_loss(image: Scribbled) -> float:
    """Return the loss of a training that begins with nothing."""
    prepared = DeepTrainer(SMALL, device=CPU).prepare([image])
    return first_loss(prepared.training.run())


def test_more_strokes_go_on_from_the_weights_that_there_are() -> None:
    it = image()
    more = it._replace(scribbles=it.scribbles.add(1, strip(20, LEFT)))
    found = refinement()
    list(found.run([it]))
    assert first_loss(found.run([more])) < 0.7 * cold_loss(more)
    assert found.step == 1


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
    found = refinement(replace(SMALL, steps=40, patience=99))
    due = [event.done for event in found.run([image()]) if found.is_due()]
    assert due == [4, 8, 16, 32]


def test_nothing_painted() -> None:
    it = image()
    bare = it._replace(scribbles=type(it.scribbles)(it.scribbles.shape))
    with pytest.raises(ScribbleError):
        next(iter(refinement().run([bare])))
    with pytest.raises(RuntimeError):
        refinement().heads()

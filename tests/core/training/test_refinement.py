from __future__ import annotations

from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import FileFormatError, ScribbleError
from napari_ood_seg.core.training.deep import DeepTrainer
from napari_ood_seg.core.training.instant import Scribbled
from napari_ood_seg.core.training.kept import file_of
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
    from pathlib import Path

    import torch

    from napari_ood_seg.core.config import DeepConfig
    from napari_ood_seg.core.types import Progress


def image() -> Scribbled:
    source = ImageSource.from_array(three_textures(), axes="YXC", name="it")
    return Scribbled(source, strokes())


def refinement(config: DeepConfig = SMALL, *, folder: Path | None = None) -> Refinement:
    return Refinement(config, device=CPU, folder=folder)


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


# ---------------------------------------------------------------------- after a crash


def stored(folder: Path) -> list[Path]:
    return list(folder.glob("*.training"))


def test_after_a_crash_it_goes_on_from_the_last_check(tmp_path: Path) -> None:
    """The same weights as if nothing had happened."""
    it = image()
    undisturbed, crashed, again = (
        refinement(),
        refinement(folder=tmp_path),
        refinement(folder=tmp_path),
    )
    whole = losses(undisturbed.run([it]))
    list(islice(crashed.run([it]), 6))
    assert len(stored(tmp_path)) == 1
    told = list(again.run([image()], resume=True))
    assert losses(told) == whole[4:], "checked after each fourth step"
    one, two = weights(undisturbed), weights(again)
    assert [k for k in one if not one[k].equal(two[k])] == []
    assert stored(tmp_path) == [], "it came to its end"


def test_what_more_strokes_went_on_from_is_known_after_a_crash(tmp_path: Path) -> None:
    """What the network had learned from before is not held out."""
    it = image()
    more = it._replace(scribbles=it.scribbles.add(1, strip(20, LEFT)))
    crashed = refinement(folder=tmp_path)
    list(islice(crashed.run([it]), 6))
    list(islice(crashed.run([more]), 6))
    (path,) = stored(tmp_path)
    assert path == file_of(tmp_path, [more], SMALL), "that of fewer strokes is gone"
    again = refinement(folder=tmp_path)
    later = losses(again.run([more], resume=True))
    assert later[2:] == losses(crashed.run([more])), "from the check before that"
    assert again._prepared is not None
    assert crashed._prepared is not None
    (mine,), (theirs,) = again._prepared.seen.values(), crashed._prepared.seen.values()
    np.testing.assert_array_equal(mine, theirs)


def test_a_pause_does_not_go_back_to_what_was_kept(tmp_path: Path) -> None:
    it, paused = image(), refinement(folder=tmp_path)
    told = list(islice(paused.run([it]), 6))
    told += list(paused.run([it]))
    assert losses(told) == losses(refinement().run([it]))


def test_started_over_what_was_kept_is_forgotten(tmp_path: Path) -> None:
    list(islice(refinement(folder=tmp_path).run([image()]), 6))
    assert len(stored(tmp_path)) == 1
    list(islice(refinement(folder=tmp_path).run([image()]), 1))
    assert stored(tmp_path) == []


def test_other_strokes_or_settings_are_refused(tmp_path: Path) -> None:
    it = image()
    list(islice(refinement(folder=tmp_path).run([it]), 6))
    more = it._replace(scribbles=it.scribbles.add(1, strip(20, LEFT)))
    others = refinement(replace(SMALL, seed=1), folder=tmp_path)
    for found, images in ((refinement(folder=tmp_path), more), (others, it)):
        with pytest.raises(FileFormatError, match="no training with these strokes"):
            next(iter(found.run([images], resume=True)))
    assert len(stored(tmp_path)) == 1, "it is not theirs to remove"
    with pytest.raises(FileFormatError, match="no training is kept here"):
        next(iter(refinement().run([it], resume=True)))


@pytest.mark.parametrize("cut", [0, 100, -100])
def test_a_damaged_one_is_refused_and_removed(tmp_path: Path, cut: int) -> None:
    list(islice(refinement(folder=tmp_path).run([image()]), 6))
    (path,) = stored(tmp_path)
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(FileFormatError, match="is damaged") as caught:
        next(iter(refinement(folder=tmp_path).run([image()], resume=True)))
    assert "\n" not in str(caught.value)
    assert stored(tmp_path) == []


def test_nothing_painted() -> None:
    it = image()
    bare = it._replace(scribbles=type(it.scribbles)(it.scribbles.shape))
    with pytest.raises(ScribbleError):
        next(iter(refinement().run([bare])))
    with pytest.raises(RuntimeError):
        refinement().heads()

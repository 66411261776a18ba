from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.models.network import Network, build
from napari_ood_seg.core.models.spectral import SpectralNet
from napari_ood_seg.core.models.unet import initialise
from napari_ood_seg.core.training.instant import Scribbled
from napari_ood_seg.core.training.warm import Start, cut, may_go_on, take_over
from napari_ood_seg.core.types import Learning
from tests.contracts.networks import KINDS, Kind
from tests.contracts.scenes import LEFT, MIDDLE, RIGHT, drive, strip
from tests.core.training.test_deep import SMALL, images, trainer


def net(n_classes: int = 2, *, seed: int = 0, kind: Kind = KINDS["small"]) -> Network:
    made = kind.build(3, n_classes)
    initialise(made, torch.Generator().manual_seed(seed))
    return Network.of(made, name="it")


def with_stroke(image: Scribbled, class_id: int, row: int) -> Scribbled:
    where = {1: LEFT, 2: MIDDLE, 3: RIGHT}[class_id]
    return Scribbled(image.source, image.scribbles.add(class_id, strip(row, where)))


# ------------------------------------------------------------------------- the weights


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS.keys())
def test_rows_of_the_head_follow_their_classes(kind: Kind) -> None:
    """Class 7 is gone, 9 is still there, 8 is new."""
    old = net(2, seed=1, kind=kind)
    start = Start(network=old, class_ids=(7, 9), seen={})
    made = kind.build()
    initialise(made, torch.Generator().manual_seed(0))
    fresh = {k: v.clone() for k, v in made.state_dict().items()}
    assert take_over(made, start, (8, 9))
    for key, value in made.state_dict().items():
        if key.startswith("head."):
            assert torch.equal(value[0], fresh[key][0])
            assert torch.equal(value[1], old.weights[key][1])
        else:
            assert torch.equal(value, old.weights[key])


def test_what_the_channels_are_is_not_taken_over() -> None:
    """The spectra are the same ones, by other axes."""
    kind = KINDS["spectral"]
    made = kind.build()
    assert isinstance(made, SpectralNet)
    made.adopt(torch.ones(50, 3))
    start = Start(network=net(kind=kind), class_ids=(1, 2), seen={})
    assert take_over(made, start, (1, 2))
    assert torch.equal(made.decoder, torch.ones(50, 3))


@pytest.mark.parametrize("sizes", [(4, 2, 8), (3, 2, 16), (3, 2, 8, 6)])
def test_a_network_of_other_sizes_is_left_alone(sizes: tuple[int, ...]) -> None:
    made = build("small", sizes)
    initialise(made, torch.Generator().manual_seed(0))
    fresh = {k: v.clone() for k, v in made.state_dict().items()}
    start = Start(network=net(), class_ids=(1, 2), seen={})
    assert not take_over(made, start, (1, 2))
    assert all(torch.equal(v, fresh[k]) for k, v in made.state_dict().items())


# ------------------------------------------------------------------------- the promise


def test_what_was_learned_from_is_never_held_out() -> None:
    """Whatever strokes come and go, one at a time, for a while."""
    rng = np.random.default_rng(0)
    (image,) = images()
    seen = cut([image], 4, seen={}).seen([image], {})
    ever: set[int] = set()
    for _ in range(20):
        if rng.random() < 0.4 and len(image.scribbles.strokes) > 2:
            gone = int(rng.integers(len(image.scribbles.strokes)))
            left = Scribbles(image.scribbles.shape)
            for i, stroke in enumerate(image.scribbles.strokes):
                left = left if i == gone else left.add(stroke.class_id, stroke.coords)
            image = Scribbled(image.source, left)
        else:
            row = int(rng.integers(8, 53))
            image = with_stroke(image, int(rng.integers(1, 4)), row)
        (ever_now,) = seen.values()
        ever |= set(ever_now.tolist())
        cuts = cut([image], 4, seen=seen)
        held = {
            int(r) * image.source.width + int(c)
            for p in cuts(image.scribbles)
            if p.fold == 0
            for r, c in p.coords
        }
        assert not held & ever
        seen = cuts.seen([image], seen)


def test_a_class_whose_only_held_out_part_was_learned_starts_anew() -> None:
    """One stroke was cut in half; with a second one it is whole, and half known."""
    (image,) = images()
    one = Scribbled(image.source, Scribbles(image.scribbles.shape))
    one = with_stroke(with_stroke(one, 1, 10), 2, 10)
    seen = cut([one], 4, seen={}).seen([one], {})
    start = Start(network=net(), class_ids=(1, 2), seen=seen)
    assert may_go_on(start, [one], 4)
    assert not may_go_on(start, [with_stroke(one, 1, 30)], 4)


def test_more_strokes_and_it_goes_on() -> None:
    (image,) = images()
    seen = cut([image], 4, seen={}).seen([image], {})
    start = Start(network=net(), class_ids=(1, 2), seen=seen)
    assert may_go_on(start, [with_stroke(image, 1, 37)], 4)
    assert may_go_on(start, [with_stroke(image, 3, 37)], 4)


# ------------------------------------------------------------------------ the training


def test_it_begins_where_the_last_one_ended() -> None:
    """With a new class and no step, all but the new logit is as it was."""
    deep = trainer(replace(SMALL, warm_steps=5))
    (image,) = images()
    drive(deep.fit([image], ()))
    last = deep.last
    assert last is not None
    more = with_stroke(with_stroke(image, 3, 10), 3, 30)
    training = deep.prepare([more], start=last).training
    for key, value in training.net.state_dict().items():
        known = value[:2] if key.startswith("head.") else value
        assert torch.equal(known, last.network.weights[key]), key
    told = [e for e in deep.fit([more], (), start=last) if isinstance(e, Learning)]
    assert [e.total for e in told] == [5] * 5
    assert deep.last is not None
    assert deep.last.class_ids == (1, 2, 3)


def test_it_is_better_from_the_first_check_on() -> None:
    deep = trainer(replace(SMALL, warm_steps=10))
    (image,) = images()
    cold = [e for e in deep.fit([image], ()) if isinstance(e, Learning)]
    more = with_stroke(image, 1, 37)
    warm = [e for e in deep.fit([more], (), start=deep.last) if isinstance(e, Learning)]
    assert warm[0].loss < 0.5 * cold[0].loss
    assert warm[9].held_out < cold[9].held_out


def test_it_is_never_worse_than_where_it_began() -> None:
    """Steps that only spoil it leave the last network in place."""
    deep = trainer(replace(SMALL, steps=60))
    (image,) = images()
    drive(deep.fit_network([image]))
    last = deep.last
    assert last is not None
    spoiling = trainer(replace(SMALL, learning_rate=3.0, weight_decay=0.3))
    found = drive(spoiling.fit_network([with_stroke(image, 1, 37)], start=last))
    for key, value in last.network.weights.items():
        assert torch.equal(found.weights[key], value), key


def test_other_settings_start_anew() -> None:
    deep = trainer()
    (image,) = images()
    drive(deep.fit_network([image]))
    wider = trainer(replace(SMALL, width=16))
    prepared = wider.prepare([image], start=deep.last)
    assert prepared.training.steps == SMALL.steps
    cold = wider.prepare([image]).training
    for key, value in prepared.training.net.state_dict().items():
        assert torch.equal(value, cold.net.state_dict()[key]), key

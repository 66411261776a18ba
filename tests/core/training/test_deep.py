from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_ood_seg.core.config import DeepConfig, FilterConfig, InstantConfig
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.errors import FileFormatError, ScribbleError
from napari_ood_seg.core.inference.predict import open_features, predict
from napari_ood_seg.core.models.unet import Network
from napari_ood_seg.core.training.bundle import describe, load_model, save_model
from napari_ood_seg.core.training.deep import (
    DeepTrainer,
    Training,
    partial_cross_entropy,
)
from napari_ood_seg.core.training.folds import deal
from napari_ood_seg.core.training.instant import Scribbled
from napari_ood_seg.core.training.patches import IGNORED
from napari_ood_seg.core.types import UNKNOWN, Learning
from tests.contracts.scenes import (
    CPU,
    LEFT,
    MIDDLE,
    RIGHT,
    drive,
    strokes,
    three_textures,
)

if TYPE_CHECKING:
    from pathlib import Path

    from napari_ood_seg.core.models.instant import InstantModel

INSTANT = InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0)), tile=32)
SMALL = DeepConfig(
    width=8,
    steps=30,
    patch=32,
    batch=4,
    check_every=10,
    heads=INSTANT,
    evidence="both",
)


def images(*, seed: int = 0) -> list[Scribbled]:
    source = ImageSource.from_array(three_textures(seed=seed), axes="YXC", name="it")
    return [Scribbled(source, strokes())]


def trainer(
    config: DeepConfig = SMALL, *, checkpoint: Path | None = None
) -> DeepTrainer:
    return DeepTrainer(config, device=CPU, checkpoint=checkpoint)


def weights(model: InstantModel) -> dict[str, torch.Tensor]:
    network = model.descriptor.encoder
    assert isinstance(network, Network)
    return dict(network.weights)


def assert_same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    assert [k for k in a if not torch.equal(a[k], b[k])] == []


# ------------------------------------------------------------------------------ loss


def test_partial_cross_entropy_weighs_classes_alike() -> None:
    """Against a loop in plain numpy."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 3, 5, 7, generator=generator)
    labels = torch.randint(-1, 3, (2, 5, 7), generator=generator)
    z, y = logits.double().numpy(), labels.numpy()
    by_class: list[list[float]] = [[], [], []]
    for b, i, j in np.ndindex(*y.shape):
        if y[b, i, j] != IGNORED:
            at = z[b, :, i, j]
            loss = np.log(np.exp(at).sum()) - at[y[b, i, j]]
            by_class[y[b, i, j]].append(loss)
    expected = np.mean([np.mean(own) for own in by_class])
    assert float(partial_cross_entropy(logits, labels)) == pytest.approx(expected, 1e-5)


def test_without_paint_there_is_nothing_to_learn() -> None:
    logits = torch.randn(1, 2, 4, 4, requires_grad=True)
    loss = partial_cross_entropy(logits, torch.full((1, 4, 4), IGNORED))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert not logits.grad.any()


# -------------------------------------------------------------------------- training


def test_classes_and_the_unknown() -> None:
    (image,) = images()
    model = drive(trainer(replace(SMALL, steps=60)).fit([image], ()))
    found = predict(model, open_features(model, image.source, device=CPU))
    labels = found.labels()
    assert (labels[LEFT] == 1).mean() > 0.95
    assert (labels[MIDDLE] == 2).mean() > 0.95
    assert (labels[RIGHT] == UNKNOWN).mean() > 0.95


def test_it_tells_how_it_goes() -> None:
    told = [e for e in trainer().fit(images(), ()) if isinstance(e, Learning)]
    assert [e.done for e in told] == list(range(1, 31))
    assert {e.total for e in told} == {30}
    assert told[-1].loss < 0.6 * told[0].loss
    assert np.isnan(told[8].held_out)
    assert told[9].held_out == told[18].held_out, "it is checked every ten steps"
    assert np.isfinite(told[9].held_out)


def test_the_same_seed_gives_the_same_model() -> None:
    first, second = (weights(drive(trainer().fit(images(), ()))) for _ in range(2))
    assert_same(first, second)
    other = weights(drive(trainer(replace(SMALL, seed=1)).fit(images(), ())))
    assert not torch.equal(first["head.weight"], other["head.weight"])


def test_held_out_strokes_are_never_learned_from() -> None:
    """Painting nonsense on them changes nothing but the promise and the check."""
    (image,) = images()
    deep = trainer()
    held = [p for p in deal(image.scribbles, 8) if p.fold in {0, 4}]
    assert {p.class_id for p in held} == set(image.scribbles.class_ids)
    training = deep.prepare([image])
    learned = {
        tuple(at) for _, p in training._learned.pieces for at in p.coords.tolist()
    }
    assert not learned & {tuple(at) for p in held for at in p.coords.tolist()}
    batch = training._learned.draw(50, torch.Generator().manual_seed(0), augment=False)
    n_painted = sum(len(p.coords) for _, p in training._learned.pieces)
    assert int((batch.y >= 0).flatten(1).sum(1).max()) <= n_painted


def test_the_promise_is_made_on_held_out_strokes_alone() -> None:
    (image,) = images()
    deep = trainer()
    model = drive(deep.fit([image], ()))
    held = [p for p in deal(image.scribbles, 8) if p.fold in {0, 4}]
    assert model.calibration.n_strokes == len(held)


def test_one_stroke_of_a_class_is_not_held_out() -> None:
    image = images()[0]
    few = Scribbles(image.scribbles.shape).add(1, [[9, k] for k in range(9, 15)])
    model = drive(trainer().fit([Scribbled(image.source, few)], ()))
    assert model.calibration.n_strokes == 0
    assert [c.id for c in model.classes] == [1]


def test_it_stops_when_the_held_out_strokes_get_no_better() -> None:
    config = replace(SMALL, steps=400, check_every=1, patience=2, learning_rate=0.3)
    told = [e for e in trainer(config).fit(images(), ()) if isinstance(e, Learning)]
    assert len(told) < 400
    least = min(range(len(told)), key=lambda i: told[i].held_out)
    assert len(told) - 1 - least == 2


def test_the_best_weights_are_kept() -> None:
    training = trainer(replace(SMALL, check_every=1)).prepare(images())
    best, kept = float("inf"), {}
    for event in training.run():
        assert isinstance(event, Learning)
        if event.held_out < best:
            best, kept = event.held_out, training._average.state_dict()
            kept = {k: v.clone() for k, v in kept.items()}
    assert_same(dict(training.best.state_dict()), kept)


def test_time_is_limited() -> None:
    config = replace(SMALL, steps=100_000, patience=100_000, seconds=0.2)
    told = [e for e in trainer(config).fit(images(), ()) if isinstance(e, Learning)]
    assert len(told) < 1_000


def test_nothing_painted() -> None:
    image = images()[0]
    bare = Scribbled(image.source, Scribbles(image.scribbles.shape))
    with pytest.raises(ScribbleError):
        drive(trainer().fit([bare], ()))


def test_spectra() -> None:
    source = ImageSource.from_array(three_textures(30), axes="YXC")
    model = drive(trainer().fit([Scribbled(source, strokes())], ()))
    assert model.n_channels == 30
    found = predict(model, open_features(model, source, device=CPU))
    assert (found.classes[LEFT] == 1).mean() > 0.95


# ------------------------------------------------------------------------ checkpoints


def run(training: Training, path: Path | None, *, until: int = 10_000) -> None:
    steps = training.run(path)
    for event in steps:
        if event.done >= until:
            break


@pytest.mark.parametrize("stopped_at", [10, 17, 20])
def test_after_a_crash_it_comes_to_the_same_weights(
    tmp_path: Path, stopped_at: int
) -> None:
    undisturbed = trainer().prepare(images())
    run(undisturbed, None)
    path = tmp_path / "training.pt"
    run(trainer().prepare(images()), path, until=stopped_at)
    resumed = trainer().prepare(images())
    run(resumed, path)
    assert resumed.step == 30
    for name in ("unet", "best"):
        wanted, found = (getattr(t, name).state_dict() for t in (undisturbed, resumed))
        assert_same(dict(wanted), dict(found))


@pytest.mark.parametrize("kind", ["empty", "cut", "other", "text"])
def test_a_checkpoint_of_something_else(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "training.pt"
    if kind == "other":
        run(trainer(replace(SMALL, width=16)).prepare(images()), path)
    elif kind == "cut":
        run(trainer().prepare(images()), path)
        path.write_bytes(path.read_bytes()[:2_000])
    else:
        path.write_text("" if kind == "empty" else "not a checkpoint")
    with pytest.raises(FileFormatError, match=r"'training\.pt' is damaged, or of"):
        run(trainer().prepare(images()), path)


def test_a_pause_changes_nothing() -> None:
    paused, undisturbed = (trainer().prepare(images()) for _ in range(2))
    steps = paused.run()
    for _ in range(13):
        next(steps)
    torch.rand(100)  # somebody else draws meanwhile
    for _ in steps:
        pass
    run(undisturbed, None)
    assert_same(dict(paused.best.state_dict()), dict(undisturbed.best.state_dict()))


# -------------------------------------------------------------------------- the model


def test_a_saved_model_predicts_the_same_bits(tmp_path: Path) -> None:
    (image,) = images()
    model = drive(trainer().fit([image], ()))
    assert describe(model)["engine"] == "deep"
    path = tmp_path / "deep.oodseg"
    save_model(path, model)
    again = load_model(path)
    assert_same(weights(model), weights(again))
    first, second = (
        predict(m, open_features(m, image.source, device=CPU)) for m in (model, again)
    )
    np.testing.assert_array_equal(first.score, second.score)
    np.testing.assert_array_equal(first.classes, second.classes)


def test_another_image_is_predicted() -> None:
    model = drive(trainer(replace(SMALL, steps=60)).fit(images(), ()))
    other = ImageSource.from_array(three_textures(seed=5), axes="YXC")
    found = predict(model, open_features(model, other, device=CPU))
    assert (found.classes[LEFT] == 1).mean() > 0.9
    assert (found.classes[MIDDLE] == 2).mean() > 0.9

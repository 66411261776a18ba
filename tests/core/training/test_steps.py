from __future__ import annotations

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_ood_seg.core.errors import DeviceError, FileFormatError
from napari_ood_seg.core.interrupt import Interrupted, asking
from napari_ood_seg.core.training.instant import Scribbled
from napari_ood_seg.core.training.memory import Size
from napari_ood_seg.core.training.steps import Lessened, Training
from napari_ood_seg.core.types import Learning
from tests.contracts.scenes import MIDDLE, strip
from tests.core.training.test_deep import SMALL, assert_same, images, trainer

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_ood_seg.core.config import DeepConfig
    from napari_ood_seg.core.types import Progress


def training(config: DeepConfig = SMALL) -> Training:
    return trainer(config).prepare(images()).training


def test_it_tells_how_it_goes() -> None:
    told = [e for e in training().run() if isinstance(e, Learning)]
    assert [e.done for e in told] == list(range(1, 31))
    assert {e.total for e in told} == {30}
    assert told[-1].loss < 0.6 * told[0].loss
    assert np.isnan(told[8].held_out)
    assert told[9].held_out == told[18].held_out, "it is checked every ten steps"
    assert np.isfinite(told[9].held_out)


def test_it_stops_when_the_held_out_strokes_get_no_better() -> None:
    config = replace(SMALL, steps=400, check_every=1, patience=2, learning_rate=0.3)
    told = [e for e in training(config).run() if isinstance(e, Learning)]
    assert len(told) < 400
    least = min(range(len(told)), key=lambda i: told[i].held_out)
    assert len(told) - 1 - least == 2


def test_the_best_weights_are_kept() -> None:
    it = training(replace(SMALL, check_every=1))
    best, kept = float("inf"), {}
    for event in it.run():
        assert isinstance(event, Learning)
        if event.held_out < best:
            best, kept = event.held_out, it._average.state_dict()
            kept = {k: v.clone() for k, v in kept.items()}
    assert_same(dict(it.best.state_dict()), kept)


def test_time_is_limited() -> None:
    config = replace(SMALL, steps=100_000, patience=100_000, seconds=0.2)
    told = [e for e in training(config).run() if isinstance(e, Learning)]
    assert len(told) < 1_000


def test_pixels_from_anywhere_are_learned_from_as_well() -> None:
    """The risk is part of what is told, and the painted classes are still learned."""
    plain, other = (
        [e for e in training(c).run() if isinstance(e, Learning)]
        for c in (SMALL, replace(SMALL, objective="nnpu"))
    )
    assert other[0].loss > plain[0].loss
    assert other[-1].held_out < 0.5 * np.log(2)


# ------------------------------------------------------------------------ checkpoints


def run(of: Training, path: Path | None, *, until: int = 10_000) -> None:
    steps = of.run(path)
    for event in steps:
        if event.done >= until:
            break
    steps.close()


@pytest.fixture(scope="module")
def undisturbed() -> Training:
    made = training()
    run(made, None)
    return made


@pytest.mark.parametrize("stopped_at", [10, 17, 20])
def test_after_a_crash_it_comes_to_the_same_weights(
    tmp_path: Path, undisturbed: Training, stopped_at: int
) -> None:
    path = tmp_path / "training.pt"
    run(training(), path, until=stopped_at)
    resumed = training()
    run(resumed, path)
    assert_same_training(resumed, undisturbed)


def assert_same_training(found: Training, wanted: Training) -> None:
    assert found.step == wanted.step == 30
    for name in ("net", "best"):
        a, b = (getattr(t, name).state_dict() for t in (found, wanted))
        assert_same(dict(a), dict(b))


@pytest.mark.parametrize("kind", ["empty", "cut", "other", "text", "strokes"])
def test_a_checkpoint_of_something_else(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "training.pt"
    if kind == "other":
        run(training(replace(SMALL, width=16)), path)
    elif kind == "strokes":  # what it has learned from would be held out
        (image,) = images()
        fewer = image.scribbles.without_class(2).add(2, strip(20, MIDDLE))
        made = trainer().prepare([Scribbled(image.source, fewer)]).training
        run(made, path)
    elif kind == "cut":
        run(training(), path)
        path.write_bytes(path.read_bytes()[:2_000])
    else:
        path.write_text("" if kind == "empty" else "not a checkpoint")
    with pytest.raises(FileFormatError, match=r"'training\.pt' is damaged, or of"):
        run(training(), path)


def test_a_pause_changes_nothing() -> None:
    paused, undisturbed = (training() for _ in range(2))
    steps = paused.run()
    for _ in range(13):
        next(steps)
    torch.rand(100)  # somebody else draws meanwhile
    for _ in steps:
        pass
    run(undisturbed, None)
    assert_same(dict(paused.best.state_dict()), dict(undisturbed.best.state_dict()))


CHILD = """
import os, signal, sys
from pathlib import Path
from tests.core.training.test_steps import training

path, when = Path(sys.argv[1]), sys.argv[2]
if when == "writing":
    replace, n = Path.replace, 0

    def killed(self, target):
        global n
        n += 1
        if n == 2:  # the temporary file is whole, the old one is there
            os.kill(os.getpid(), signal.SIGKILL)
        return replace(self, target)

    Path.replace = killed
for event in training().run(path):
    print(event.done, flush=True)
    if when == "waiting" and event.done == 10:
        sys.stdin.read()  # never ends: the parent kills us right after a checkpoint
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
@pytest.mark.parametrize("when", ["waiting", "writing"])
def test_killed_it_comes_to_the_same_weights(
    tmp_path: Path, undisturbed: Training, when: str
) -> None:
    """A real process that gets a real SIGKILL; the rest is done by this one."""
    path = tmp_path / "training.pt"
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(path), when],
        env={**os.environ, "OMP_NUM_THREADS": str(torch.get_num_threads())},
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            if when == "waiting" and line == "10\n":
                os.kill(child.pid, signal.SIGKILL)
                break
    assert child.returncode == -signal.SIGKILL
    kept = torch.load(path, weights_only=True)
    assert kept["numbers"][0] == 10
    resumed = training()
    run(resumed, path)
    assert_same_training(resumed, undisturbed)


# ----------------------------------------------------------------------------- memory


def fill(
    of: Training, n_pixels: int, error: Callable[[str], Exception]
) -> list[tuple[int, ...]]:
    """Make a network run out of memory, half-way, for more pixels at a time.

    Returns the shapes of what it was shown.
    """
    shown: list[tuple[int, ...]] = []

    def look(module: torch.nn.Module, arguments: tuple[torch.Tensor]) -> None:
        (x,) = arguments
        shown.append(tuple(x.shape))

    def refuse(
        module: torch.nn.Module, arguments: tuple[torch.Tensor], out: torch.Tensor
    ) -> None:
        (x,) = arguments
        if x.shape[0] * x.shape[2] * x.shape[3] > n_pixels:
            raise error("CUDA out of memory. Tried to allocate 2.00 GiB")

    of.net.register_forward_pre_hook(look)
    of.net.up[2].register_forward_hook(refuse)  # type: ignore[index, union-attr]
    return shown


@pytest.mark.parametrize("error", [torch.OutOfMemoryError, RuntimeError, MemoryError])
def test_out_of_memory_it_goes_on_with_half(error: Callable[[str], Exception]) -> None:
    it = training()
    # the block that is out of memory works at a quarter of the resolution
    shown = fill(it, 2 * 8 * 8, error)
    told: list[Progress] = list(it.run())
    assert isinstance(told[0], Lessened)
    sentence = "memory ran out: going on with 2 patches of 32 pixels at a time"
    assert told[0].stage == told[0].message == sentence
    assert [e.done for e in told[1:]] == list(range(1, 31))
    assert {s[0] for s in shown[1:]} == {2}
    assert it.size == Size(2, 32)


def test_afterwards_it_is_as_if_it_had_always_been_half() -> None:
    """Nothing of the step that failed is left: no draw, no running mean."""
    full, half = training(), training(replace(SMALL, batch=2))
    fill(full, 2 * 8 * 8, torch.OutOfMemoryError)
    run(full, None)
    run(half, None)
    assert_same(dict(full.net.state_dict()), dict(half.net.state_dict()))
    assert_same(dict(full.best.state_dict()), dict(half.best.state_dict()))


def test_then_patches_get_smaller_then_it_says_so() -> None:
    it = training()
    shown = fill(it, 0, torch.OutOfMemoryError)
    told: list[Progress] = []
    with pytest.raises(
        DeviceError, match="does not hold one patch of 16 pixels: close"
    ):
        told.extend(it.run())
    assert [s[0::2] for s in shown] == [(4, 32), (2, 32), (1, 32), (1, 16)]
    assert all(isinstance(e, Lessened) for e in told)


def test_less_at_a_time_is_kept_in_the_checkpoint(tmp_path: Path) -> None:
    path = tmp_path / "training.pt"
    full, again = training(), training()
    fill(full, 2 * 8 * 8, torch.OutOfMemoryError)
    run(full, path, until=12)
    run(again, path)
    assert again.size == Size(2, 32)
    half = training(replace(SMALL, batch=2))
    run(half, None)
    assert_same(dict(again.net.state_dict()), dict(half.net.state_dict()))


def test_other_errors_are_not_taken_for_it() -> None:
    it = training()
    fill(it, 0, lambda _: RuntimeError("sizes must match"))
    with pytest.raises(RuntimeError, match="sizes must match"):
        next(it.run())


# --------------------------------------------------------------------------- stopping


def test_stopped_within_a_step_or_a_check_it_goes_on_as_if_not() -> None:
    """At every 311th question, which is more than a step has."""
    whole, stopped = training(), training()
    run(whole, None)
    questions, times = 0, 0

    def is_stopped() -> bool:
        nonlocal questions
        questions += 1
        return questions % 311 == 0

    while True:
        try:
            with asking(is_stopped):
                run(stopped, None)
        except Interrupted:
            times += 1
        else:
            break
    assert times >= 3
    assert stopped.step == whole.step == 30
    assert_same_training(stopped, whole)


def test_it_asks_within_the_backward_pass_as_well() -> None:
    it, questions = training(), 0

    def count() -> bool:
        nonlocal questions
        questions += 1
        return False

    with asking(count):
        loss = it._learn()
    assert questions > 1.5 * len(list(it.net.modules()))
    assert loss > 0

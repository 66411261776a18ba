from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import torch

from napari_ood_seg.core.errors import DependencyError, DeviceError
from napari_ood_seg.core.models.efficient import Squeeze
from napari_ood_seg.core.training.deep import DeepTrainer
from napari_ood_seg.core.training.distributed import (
    Alone,
    launch,
    leave,
    share_norms,
    sum_across,
)
from napari_ood_seg.core.types import Learning
from tests.contracts.scenes import CPU
from tests.core.training.test_deep import SMALL, images

if TYPE_CHECKING:
    from napari_ood_seg.core.config import DeepConfig
    from napari_ood_seg.core.models.staged import StagedNet
    from napari_ood_seg.core.training.warm import Start

ROOT = Path(__file__).parents[3]
TEN = replace(SMALL, steps=10)
TEN = replace(SMALL, steps=10)
CONFIGS = {
    "partial cross-entropy": TEN,
    "nnpu": replace(TEN, objective="nnpu"),
    "spectral": replace(TEN, network="spectral"),
    "single precision": replace(TEN, steps=3),
}
"""In double precision but for the last.

The first steps of Adam take the sign of each gradient, however small: where one should
be zero, what single precision rounds differently moves a weight by a whole step.
"""

SCRIPT = """
import json, sys, warnings
from tests.core.training.test_distributed import CONFIGS, curve
from napari_ood_seg.core.training.distributed import launch, leave
from pathlib import Path

together = launch("cpu")
assert together.size == 2
folder = Path(sys.argv[1])
found = {k: curve(c, together, folder / f"{k}.pt") for k, c in CONFIGS.items()}
(folder / f"{together.rank}.json").write_text(json.dumps(found))
leave()
"""


class Precise(DeepTrainer):
    """Trains in double precision."""

    def _network(self, *arguments: Any) -> tuple[StagedNet, Start | None]:
        net, start = super()._network(*arguments)
        net.double().register_forward_pre_hook(lambda _, x: (x[0].double(),))
        return net, start


def curve(
    config: DeepConfig, together: Alone, path: Path | None = None
) -> dict[str, list[float]]:
    """Return the losses of each step, and a sum of the weights at its end."""
    kind = DeepTrainer if config == CONFIGS["single precision"] else Precise
    deep = kind(config, device=CPU, together=together)
    training = deep.prepare(images()).training
    told = [e for e in training.run(path) if isinstance(e, Learning)]
    weights = [float(w.detach().double().sum()) for w in training.net.parameters()]
    running = [float(b.double().sum()) for b in training.net.buffers()]
    return {
        "loss": [e.loss for e in told],
        "held out": [told[-1].held_out],
        "weights": weights,
        "running": running,
    }


def torchrun(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run with two processes on this machine."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run"),
            *("--standalone", "--nproc-per-node", "2", *arguments),
        ],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what each of two processes found, and checkpoints."""
    folder = tmp_path_factory.mktemp("two")
    script = folder / "script.py"
    script.write_text(SCRIPT)
    done = torchrun(str(script), str(folder))
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("which", CONFIGS)
def test_two_processes_learn_as_one(two: Path, which: str) -> None:
    """The same batches, the same losses to 1e-5 for ten steps."""
    found = json.loads((two / "0.json").read_text())[which]
    wanted = curve(CONFIGS[which], Alone(CPU))
    assert len(found["loss"]) == CONFIGS[which].steps
    assert found["loss"] == pytest.approx(wanted["loss"], abs=1e-5)
    assert wanted["loss"][-1] != pytest.approx(wanted["loss"][0], abs=1e-3)
    assert found["weights"] == pytest.approx(wanted["weights"], rel=1e-3, abs=1e-2)
    assert found["held out"] == pytest.approx(wanted["held out"], abs=1e-4, nan_ok=True)
    assert found["running"] == pytest.approx(wanted["running"], rel=1e-3, abs=1e-3)


def test_shares_are_squeezed_as_one_batch() -> None:
    """With unequal shares; the sum over both is what the other one would add."""
    whole = torch.randn(5, 3, 4, 4, generator=torch.Generator().manual_seed(0))
    squeeze = Squeeze(3)
    share_norms(torch.nn.Sequential(squeeze))
    assert squeeze.total is sum_across
    sums = torch.cat([whole.sum((0, 2, 3)), torch.tensor([5.0 * 16])])
    squeeze.total = lambda _: sums
    wanted = whole.mean((0, 2, 3), keepdim=True)
    torch.testing.assert_close(squeeze(whole[:2]), wanted)
    torch.testing.assert_close(squeeze.eval()(whole[:2]), 0.1 * wanted)


def test_both_come_to_the_same_bits(two: Path) -> None:
    first, second = (json.loads((two / f"{i}.json").read_text()) for i in (0, 1))
    assert first == second


def test_one_goes_on_from_the_checkpoint_of_two(two: Path) -> None:
    """Norms that saw all shares have the names of those that see one."""
    which = "partial cross-entropy"
    longer = replace(CONFIGS[which], steps=13)
    wanted = curve(longer, Alone(CPU))["loss"]
    path = two / f"{which}.pt"
    assert path.is_file()
    found = curve(longer, Alone(CPU), path)["loss"]
    assert found == pytest.approx(wanted[10:], abs=1e-6)


def test_alone_there_is_nothing_to_share() -> None:
    alone = launch("cpu", environ={})
    assert (alone.rank, alone.size, alone.device) == (0, 1, CPU)
    assert list(range(10))[alone.share(7)] == [0, 1, 2, 3, 4, 5, 6]
    assert alone.agreed(0.5, 2.0) == (0.5, 2.0)
    leave()  # nobody to leave


def test_without_fabric_there_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lightning_fabric", None)
    with pytest.raises(DependencyError, match=r'pip install "napari-ood-seg\[deep\]"'):
        launch("cpu", environ={"WORLD_SIZE": "2"})


def test_more_processes_than_cards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(
        "napari_ood_seg.core.training.distributed.pick_device",
        lambda _: torch.device("cuda:0"),
    )
    environ = {"WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "2"}
    with pytest.raises(DeviceError, match=r"2 processes need .* each, there are 1: "):
        launch(environ=environ)

"""Training of one network, step by step, with checkpoints."""

from __future__ import annotations

import copy
import io
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import torch

from napari_ood_seg.core import interrupt
from napari_ood_seg.core.device import release_memory
from napari_ood_seg.core.errors import DeviceError, FileFormatError
from napari_ood_seg.core.features import weights
from napari_ood_seg.core.features.between_layers import ask_between_layers
from napari_ood_seg.core.interrupt import Interrupted
from napari_ood_seg.core.io.files import write_bytes
from napari_ood_seg.core.training.distributed import Alone, at_least_single
from napari_ood_seg.core.training.memory import Size, is_full, told
from napari_ood_seg.core.training.objective import known_risk, partial_cross_entropy
from napari_ood_seg.core.types import Learning, Progress

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

    from torch import nn

    from napari_ood_seg.core.config import DeepConfig
    from napari_ood_seg.core.models.staged import StagedNet
    from napari_ood_seg.core.training.patches import Batch, Patches

    Steps = Generator[Progress, None, None]

_MOST_CHECKED: Final = 24
"""Held-out pieces that are looked at in each check."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lessened(Progress):
    """Memory ran out, and training goes on with less at a time.

    Attributes
    ----------
    message
        One sentence for a person.
    """

    message: str


class Training:
    """Training of one network; the same seed gives the same weights.

    Parameters
    ----------
    net
        Untrained, or what to go on from.
    learned, held
        Patches to learn from, and patches to check on.
    warm
        Whether the network is one to go on from: fewer steps are taken, and it stays
        the best one unless what is held out gets better.
    together
        The processes that share out each batch; the only one if not given.

    Attributes
    ----------
    best
        The averaged weights that were best on what is held out.
    about
        What else is written to checkpoints: numbers, lists and tensors by name.
    """

    def __init__(
        self,
        net: StagedNet,
        learned: Patches,
        held: Patches,
        *,
        config: DeepConfig,
        warm: bool = False,
        together: Alone | None = None,
    ) -> None:
        self.net, self.config = net, config
        self.best = copy.deepcopy(net)
        self.about: dict[str, Any] = {}
        self.step, self.steps = 0, config.steps
        if warm:
            self.steps = min(config.steps, config.warm_steps)
        self.size = Size(config.batch, config.edge)
        self._average = copy.deepcopy(net)
        ask_between_layers(net)
        self._learned, self._held = learned, held
        device = next(net.parameters()).device
        self._together = Alone(device) if together is None else together
        on_cuda = device.type == "cuda"
        self._half = partial(
            torch.autocast, "cuda", dtype=torch.bfloat16, enabled=on_cuda
        )
        if on_cuda:
            net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._run = self._together.joined(net)
        self._optimizer = torch.optim.AdamW(
            net.groups(config.learning_rate, config.encoder_rate),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=on_cuda,
        )
        self._generator = torch.Generator().manual_seed(config.seed)
        self._least, self._since, self._spent = float("inf"), 0, 0.0
        self._warm, self._unchecked = warm, False

    def run(self, checkpoint: Path | None = None, *, resume: bool = True) -> Steps:
        """Train until the steps, the seconds or the patience are used up.

        Parameters
        ----------
        checkpoint
            File that is written at each check.
        resume
            Whether to go on from that file, if it is there.

        Raises
        ------
        FileFormatError
            If the checkpoint is damaged or of another training.
        DeviceError
            If memory does not hold a single small patch.
        """
        if resume and checkpoint is not None and checkpoint.is_file():
            self.restore(checkpoint)
        first = self._warm and self.step == 0
        held_out = self._check() if first or self._unchecked else float("nan")
        while not self._is_over():
            begin = time.perf_counter()
            loss = self._advance()
            if loss is None:
                yield self._lessen()
                continue
            spent = time.perf_counter() - begin
            loss, spent = self._together.agreed(loss, spent)
            self._spent += spent
            if self.step % self.config.check_every == 0 or self._is_over():
                self._unchecked = True  # so that who stops it here can go on
                held_out = self._check()
                if checkpoint is not None and self._together.rank == 0:
                    self._save(checkpoint)
            yield Learning(
                done=self.step,
                total=self.steps,
                stage="training the network",
                loss=loss,
                held_out=held_out,
            )

    def _is_over(self) -> bool:
        """Whether the steps, the seconds or the patience are used up."""
        return (
            self.step >= self.steps
            or self._spent > self.config.seconds
            or self._since >= self.config.patience
        )

    def _advance(self) -> float | None:
        """Take one step, and return the loss before it; `None` if memory ran out.

        Then everything is as it was before.
        """
        drawn = self._generator.get_state()
        statistics = [b.clone() for b in self.net.buffers()]

        def undo() -> None:
            self._generator.set_state(drawn)
            for now, before in zip(self.net.buffers(), statistics, strict=True):
                now.data.copy_(before)

        try:
            loss = self._learn()
        except Interrupted:
            undo()
            raise
        except (RuntimeError, MemoryError) as error:
            if not is_full(error):
                raise
            if self._together.size > 1:  # the others wait for our share
                raise DeviceError(
                    f"the memory of a device does not hold its share of {self.size}: "
                    "choose smaller patches, or start more processes"
                ) from error
            undo()
            return None
        with told("taking a step"):
            self._optimizer.step()
        self.step += 1
        # the average starts as the weights do, and forgets that soon
        memory = min(self.config.ema, self.step / (self.step + 10))
        _average(self._average, self.net, memory)
        return loss

    def _learn(self) -> float:
        """Compute the gradients of one batch, and return its loss."""
        config, total = self.config, self._together.total
        batch = self._drawn(self._learned.draw)
        x = batch.x
        if config.objective == "nnpu":
            x = torch.cat([x, self._drawn(self._learned.draw_anywhere).x])
        self.net.train()
        self._optimizer.zero_grad(set_to_none=True)
        with self._half():
            logits = self._run(x)
        logits, unlabelled = at_least_single(logits).tensor_split([len(batch.y)])
        loss = partial_cross_entropy(logits, batch.y, total=total)
        if config.objective == "nnpu":
            prior = config.heads.pu.prior
            loss = loss + known_risk(
                logits, batch.y, unlabelled, prior=prior, total=total
            )
        self._together.descend(loss)
        return float(total(loss.detach()))

    def _drawn(self, draw: Callable[..., Batch]) -> Batch:
        return draw(
            self.size.batch,
            self._generator,
            augment=self.config.augment,
            share=self._together.share(self.size.batch),
            size=self.size.patch,
        )

    def _lessen(self) -> Lessened:
        """Halve what is taken at a time; raises `DeviceError` if nothing is left."""
        self._optimizer.zero_grad(set_to_none=True)
        release_memory(self._together.device)
        self.size = self.size.halved(self.net.stride)
        message = f"memory ran out: going on with {self.size} at a time"
        return Lessened(
            done=self.step, total=self.steps, stage=message, message=message
        )

    @torch.inference_mode()
    def _check(self) -> float:
        """Return the loss on held-out pieces; the best weights are kept.

        If it is stopped, nothing has changed, and it comes first when it goes on.
        """
        pieces = self._held.pieces[:_MOST_CHECKED]
        if not pieces:  # nothing could be held out: the last weights are as good
            self.best.load_state_dict(self._average.state_dict())
            self._least, self._unchecked = 0.0, False
            return float("nan")
        self._average.eval()
        losses = []
        with told("checking"):
            for image, piece in pieces:
                interrupt.checkpoint()
                x, y = self._held.around(image, piece)
                losses.append(partial_cross_entropy(self._average(x), y))
        mean = float(torch.stack(losses).mean())
        (mean,) = self._together.agreed(mean)
        self._unchecked = False
        if mean < self._least:
            self._least, self._since = mean, 0
            self.best.load_state_dict(self._average.state_dict())
        else:
            self._since += 1
        return mean

    def _save(self, path: Path) -> None:
        data = io.BytesIO()
        torch.save(self._state(), data)
        write_bytes(path, data.getvalue())  # the old one stays until this is written

    def _state(self) -> dict[str, Any]:
        return {
            "unet": self.net.state_dict(),
            "average": self._average.state_dict(),
            "best": self.best.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "generator": self._generator.get_state(),
            "numbers": [self.step, self._since, self._least, self._spent],
            "size": list(self.size),
            "pieces": self._pieces,
            "about": self.about,
        }

    def restore(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises
        ------
        FileFormatError
            If it is damaged, or of other scribbles, channels or settings.
        """
        try:
            self._restore(weights.load(path))
        except (KeyError, RuntimeError, ValueError) as error:
            raise FileFormatError(
                f"the checkpoint {path.name!r} is damaged, or of a training with other "
                "scribbles, channels or settings: delete it, or choose another name"
            ) from error

    @property
    def _pieces(self) -> list[int]:
        return [self._learned.fingerprint, self._held.fingerprint]

    def _restore(self, state: dict[str, Any]) -> None:
        if state["pieces"] != self._pieces:  # what is held out now may be known to it
            raise ValueError("other scribbles")
        self.net.load_state_dict(state["unet"])
        self._average.load_state_dict(state["average"])
        self.best.load_state_dict(state["best"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._generator.set_state(state["generator"])
        step, since, self._least, self._spent = state["numbers"]
        self.step, self._since = int(step), int(since)
        self.size = Size(*state["size"])


@torch.no_grad()
def _average(average: nn.Module, now: nn.Module, memory: float) -> None:
    """Move an average of weights and statistics towards those of now."""
    own = average.state_dict()
    for name, value in now.state_dict().items():
        if value.is_floating_point():
            own[name].lerp_(value, 1 - memory)
        else:
            own[name].copy_(value)

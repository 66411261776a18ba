"""Fit the deep engine: a network trained on the scribbles, then closed-form heads."""

from __future__ import annotations

import copy
import io
import time
from dataclasses import replace
from functools import partial
from pickle import UnpicklingError
from typing import TYPE_CHECKING, Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

from napari_ood_seg.core.errors import FileFormatError
from napari_ood_seg.core.features.channels import fit_channels
from napari_ood_seg.core.features.store import sample_regions
from napari_ood_seg.core.io.files import write_bytes
from napari_ood_seg.core.models.unet import Network, UNet, initialise
from napari_ood_seg.core.training.heads import Heads, Seen, to_learn
from napari_ood_seg.core.training.instant import InstantTrainer, check, painted_plane
from napari_ood_seg.core.training.patches import IGNORED, Painted, Patches, only
from napari_ood_seg.core.types import Learning, Progress

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence
    from pathlib import Path

    from torch import Tensor

    from napari_ood_seg.core.config import DeepConfig
    from napari_ood_seg.core.models.instant import InstantModel
    from napari_ood_seg.core.training.instant import Scribbled
    from napari_ood_seg.core.types import ClassInfo


_MOST_CHECKED: Final = 24
"""Held-out pieces that are looked at in each check."""


class DeepTrainer:
    """Trains a U-Net on scribbled pixels, then detectors on filters and its decoder.

    Some strokes are held out of training: they say when to stop, and whether the
    network tells the classes apart better than filters do. What is unknown is the
    filters' business unless the settings say otherwise.

    Parameters
    ----------
    config
        Settings.
    device
        Where everything is computed.
    checkpoint
        File that training is written to at each check, and goes on from.
    """

    def __init__(
        self,
        config: DeepConfig,
        *,
        device: torch.device,
        checkpoint: Path | None = None,
    ) -> None:
        self.config = config
        self.device = device
        self.checkpoint = checkpoint

    def fit(
        self, images: Sequence[Scribbled], classes: Sequence[ClassInfo]
    ) -> Generator[Progress, None, InstantModel]:
        """Fit to all scribbles on all images; raises what `InstantTrainer.fit` does.

        Raises
        ------
        FileFormatError
            If the checkpoint is damaged or of another training.
        """
        yield Progress(done=0, total=0, stage="measuring the image")
        training = self.prepare(images)
        yield from training.run(self.checkpoint)
        heads = self.heads(training)
        model = yield from heads.fit(images, classes)
        if heads.is_used:
            return model
        model = yield from InstantTrainer(self.config.heads, device=self.device).fit(
            images, classes
        )
        return replace(model, remarks=(*model.remarks, heads.verdict))

    def heads(self, training: Training) -> Heads:
        """Return what fits detectors beside the network that there is now."""
        name = f"U-Net, {training.step} steps"
        network = Network.of(training.best, name=name)
        return Heads(network, training.seen, self.config, device=self.device)

    def prepare(
        self, images: Sequence[Scribbled], before: Training | None = None
    ) -> Training:
        """Return the training of a network, before its first step.

        Parameters
        ----------
        before
            Training on the same images and classes; its best weights are the first.

        Raises
        ------
        ScribbleError, ImageError, ModelMismatchError
            As `InstantTrainer.fit`.
        """
        check(images)
        regions = [
            sample_regions(i.source, device=self.device, plane=painted_plane(i))
            for i in images
        ]
        channels = fit_channels(
            self.config.heads.filters, (x for own in regions for x in own())
        )
        ids = sorted({i for _, s in images for i in s.class_ids})
        seen = Seen() if before is None else before.seen
        learned, held = [], []
        for image in images:
            learn, check_on = to_learn(image, self.config, seen)
            seen = seen.with_(image.source, learn)
            learned.append(Painted(image.source, only(image.scribbles, learn), learn))
            held.append(
                Painted(image.source, only(image.scribbles, check_on), check_on)
            )
        sets = [
            Patches(painted, ids, channels, size=self.config.patch, device=self.device)
            for painted in (learned, held)
        ]
        generator = torch.Generator().manual_seed(self.config.seed)
        unet = UNet(channels.n_out, len(ids), self.config.width)
        initialise(unet, generator)
        if before is not None:
            unet.load_state_dict(before.best.state_dict())
        return Training(unet.to(self.device), *sets, seen=seen, config=self.config)


class Training:
    """Training of one network, step by step; the same seed gives the same weights.

    Parameters
    ----------
    unet
        Untrained.
    learned, held
        Patches to learn from, and patches to check on.
    seen
        The pixels that are learned from, now or before.
    """

    def __init__(
        self,
        unet: UNet,
        learned: Patches,
        held: Patches,
        *,
        seen: Seen,
        config: DeepConfig,
    ) -> None:
        self.unet, self.seen, self.config = unet, seen, config
        self.best = copy.deepcopy(unet)
        self.step = 0
        self._average = copy.deepcopy(unet)
        self._learned, self._held = learned, held
        on_cuda = next(unet.parameters()).is_cuda
        self._half = partial(
            torch.autocast, "cuda", dtype=torch.bfloat16, enabled=on_cuda
        )
        if on_cuda:
            unet.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._optimizer = torch.optim.AdamW(
            unet.parameters(),
            lr=config.learning_rate,
            weight_decay=config.weight_decay,
            fused=on_cuda,
        )
        self._generator = torch.Generator().manual_seed(config.seed)
        self._least, self._since, self._spent = float("inf"), 0, 0.0

    def run(self, checkpoint: Path | None = None) -> Iterator[Learning]:
        """Train until the steps, the seconds or the patience are used up.

        Raises
        ------
        FileFormatError
            If the checkpoint is damaged or of another training.
        """
        config = self.config
        if checkpoint is not None and checkpoint.is_file():
            self._resume(checkpoint)
        loss = held_out = float("nan")
        while not self._is_over():
            begin = time.perf_counter()
            loss = self._advance()
            self._spent += time.perf_counter() - begin
            if self.step % config.check_every == 0 or self._is_over():
                held_out = self._check()
                if checkpoint is not None:
                    self._save(checkpoint)
            yield Learning(
                done=self.step,
                total=config.steps,
                stage="training the network",
                loss=loss,
                held_out=held_out,
            )

    def _is_over(self) -> bool:
        """Whether the steps, the seconds or the patience are used up."""
        config = self.config
        return (
            self.step >= config.steps
            or self._spent > config.seconds
            or self._since >= config.patience
        )

    def _advance(self) -> float:
        """Take one step, and return the loss before it."""
        config = self.config
        batch = self._learned.draw(
            config.batch, self._generator, augment=config.augment
        )
        self.unet.train()
        with self._half():
            logits = self.unet(batch.x)
        loss = partial_cross_entropy(logits.float(), batch.y)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self._optimizer.step()
        self.step += 1
        # the average starts as the weights do, and forgets that soon
        memory = min(config.ema, self.step / (self.step + 10))
        _average(self._average, self.unet, memory)
        return float(loss.detach())

    @torch.inference_mode()
    def _check(self) -> float:
        """Return the loss on held-out pieces; the best weights are kept."""
        pieces = self._held.pieces[:_MOST_CHECKED]
        if not pieces:  # nothing could be held out: the last weights are as good
            self.best.load_state_dict(self._average.state_dict())
            self._least = 0.0
            return float("nan")
        self._average.eval()
        losses = []
        for image, piece in pieces:
            x, y = self._held.around(image, piece)
            losses.append(partial_cross_entropy(self._average(x), y))
        mean = float(torch.stack(losses).mean())
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
            "unet": self.unet.state_dict(),
            "average": self._average.state_dict(),
            "best": self.best.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "generator": self._generator.get_state(),
            "numbers": [self.step, self._since, self._least, self._spent],
        }

    def _resume(self, path: Path) -> None:
        """Go on from a checkpoint.

        Raises
        ------
        FileFormatError
            If it is damaged, or of other classes, channels or settings.
        """
        try:
            self._restore(torch.load(path, map_location="cpu", weights_only=True))
        except (KeyError, RuntimeError, ValueError, EOFError, UnpicklingError) as error:
            raise FileFormatError(
                f"the checkpoint {path.name!r} is damaged, or of a training with other "
                "classes, channels or settings: delete it, or choose another name"
            ) from error

    def _restore(self, state: dict[str, Any]) -> None:
        self.unet.load_state_dict(state["unet"])
        self._average.load_state_dict(state["average"])
        self.best.load_state_dict(state["best"])
        self._optimizer.load_state_dict(state["optimizer"])
        self._generator.set_state(state["generator"])
        step, since, self._least, self._spent = state["numbers"]
        self.step, self._since = int(step), int(since)


def partial_cross_entropy(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the cross-entropy of the painted pixels, every class alike.

    Parameters
    ----------
    logits
        `(b, k, h, w)`.
    labels
        `(b, h, w)` class indices; `IGNORED` where nothing is painted.

    References
    ----------
    Tang et al., Normalized Cut Loss for Weakly-supervised CNN Segmentation, CVPR 2018,
    for partial cross-entropy.

    Examples
    --------
    Two pixels of class 0, one right and one undecided, and a sure one of class 1: the
    mean of log(2) / 2 and 0.

    >>> z = torch.tensor([[[[99.0, 0.0, 0.0, 5.0]], [[0.0, 0.0, 99.0, 5.0]]]])
    >>> y = torch.tensor([[[0, 0, 1, IGNORED]]])
    >>> round(float(partial_cross_entropy(z, y)), 4)
    0.1733
    """
    each = F.cross_entropy(logits, labels, ignore_index=IGNORED, reduction="none")
    means = [each[labels == i].mean() for i in labels.unique().tolist() if i >= 0]
    if not means:
        return logits.sum() * 0.0
    return torch.stack(means).mean()


@torch.no_grad()
def _average(average: UNet, now: UNet, memory: float) -> None:
    """Move an average of weights and statistics towards those of now."""
    own = average.state_dict()
    for name, value in now.state_dict().items():
        if value.is_floating_point():
            own[name].lerp_(value, 1 - memory)
        else:
            own[name].copy_(value)

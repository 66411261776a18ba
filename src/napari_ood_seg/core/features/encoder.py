"""Frozen pretrained encoders from a local state dict, as feature stages.

SqueezeNet- and VGG-style names are understood: those of torchvision
(``features.0.weight``) and plain sequential ones (``0.weight``). No torchvision is
needed. Borders are reflected, and strides keep the grid of `FilterBank`: a stage of
factor `f` has one value per `f` x `f` block of pixels.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

from napari_ood_seg.core.errors import FileFormatError
from napari_ood_seg.core.features.filters import reflect_index
from napari_ood_seg.core.features.weights import read_state
from napari_ood_seg.core.interrupt import checkpoint

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

_MEAN: Final = (0.485, 0.456, 0.406)
_STD: Final = (0.229, 0.224, 0.225)
"""Of ImageNet, which all such encoders expect."""


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of an encoder.

    Attributes
    ----------
    kind
        ``conv`` (with ReLU), ``colour`` (a 1 x 1 convolution without), ``fire`` or
        ``pool``.
    name
        Prefix of its weights; empty for ``pool``.
    size
        Edge of the kernel.
    stride, left
        Step width, and pixels of padding on the left and top.
    stage
        Whether its output is a stage.
    """

    kind: str
    name: str = ""
    size: int = 3
    stride: int = 1
    left: int = 1
    stage: bool = False


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Encoder:
    """A convolutional encoder with frozen weights.

    Attributes
    ----------
    name
        For people: the name of the file.
    steps
        In order.
    weights
        float32, by full name.
    """

    name: str
    steps: tuple[Step, ...]
    weights: Mapping[str, Tensor] = field(repr=False)

    @classmethod
    def from_weights(cls, weights: Mapping[str, Tensor], *, name: str) -> Self:
        """Return the encoder that a state dict belongs to.

        Raises
        ------
        FileFormatError
            If the names or shapes are of no architecture that is known here.
        """
        plain = {k.removeprefix("features."): v for k, v in weights.items()}
        plain = {k: v.float() for k, v in plain.items() if not k.startswith("cl")}
        steps = _squeezenet(plain) if "3.squeeze.weight" in plain else _vgg(plain)
        used = {s.name for s in steps}
        missing = [
            s.name for s in steps if s.kind == "conv" and _w(s.name) not in plain
        ]
        if not steps or missing:
            raise FileFormatError(
                f"the weights {name!r} are of no known architecture: use SqueezeNet "
                "1.0 or VGG weights with torchvision's names"
            )
        kept = {k: v for k, v in plain.items() if k.split(".")[0] in used}
        return cls(name=name, steps=tuple(steps), weights=kept)

    @property
    def colors(self) -> bool:
        """It wants three colours."""
        return True

    @property
    def factors(self) -> tuple[int, ...]:
        """How many times coarser than the image each stage is."""
        out, factor = [], 1
        for step in self.steps:
            factor *= step.stride
            if step.stage:
                out.append(factor)
        return tuple(out)

    @property
    def halo(self) -> int:
        """Context in pixels beyond which nothing matters; a multiple of the stride."""
        reach, factor = 0, 1
        for step in self.steps:
            reach += max(step.left, step.size - 1 - step.left) * factor
            factor *= step.stride
        return -(-reach // factor) * factor

    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the stages, `(c_i, ceil(h/f), ceil(w/f))`, of colours in [0, 1].

        Parameters
        ----------
        x
            `(3, h, w)` red, green, blue.
        """
        z = x if self.steps[0].kind == "colour" else _normalised(x)
        out = []
        for step in self.steps:
            checkpoint()
            z = self._run(step, z)
            if step.stage:
                out.append(z)
        return tuple(out)

    def _run(self, step: Step, z: Tensor) -> Tensor:
        if step.kind == "fire":
            small = torch.relu(self._conv(f"{step.name}.squeeze", z))
            one = self._conv(f"{step.name}.expand1x1", small)
            three = self._conv(f"{step.name}.expand3x3", _padded(small, step))
            return torch.relu(torch.cat([one, three]))
        padded = _padded(z, step)
        if step.kind == "pool":
            return F.max_pool2d(padded[None], step.size, step.stride)[0]
        convolved = self._conv(step.name, padded, stride=step.stride)
        return convolved if step.kind == "colour" else torch.relu(convolved)

    def _conv(self, name: str, z: Tensor, *, stride: int = 1) -> Tensor:
        weight = self.weights[_w(name)].to(z.device)
        bias = self.weights.get(f"{name}.bias")
        bias = None if bias is None else bias.to(z.device)
        return F.conv2d(z[None], weight, bias, stride=stride)[0]


def load_encoder(path: str | Path) -> Encoder:
    """Return the encoder in a file of weights.

    Parameters
    ----------
    path
        ``.pth`` or ``.pt`` (a state dict; read with ``weights_only``), or
        ``.safetensors``.

    Raises
    ------
    FileFormatError
        If the file is missing, damaged, or of no known architecture.
    """
    path = Path(path)
    return Encoder.from_weights(read_state(path), name=path.name)


def _squeezenet(weights: Mapping[str, Tensor]) -> list[Step]:
    """Return the steps of SqueezeNet 1.0, as far as there are weights."""
    size = int(weights["0.weight"].shape[-1])
    # paddings chosen so that stages stay centred on their blocks, within 3 pixels
    steps = [Step("conv", "0", size, 2, size // 2, stage=True)]
    for pool, fires in ((0, (3, 4, 5)), (1, (7, 8, 9, 10)), (0, (12,))):
        present = [i for i in fires if f"{i}.squeeze.weight" in weights]
        if not present:
            break
        steps.append(Step("pool", size=3, stride=2, left=pool))
        steps += [Step("fire", str(i), stage=i == present[-1]) for i in present]
    return steps


def _vgg(weights: Mapping[str, Tensor]) -> list[Step]:
    """Return the steps of a VGG: convolutions, with a pool wherever numbers jump."""
    found = (re.fullmatch(r"(\d+)\.weight", k) for k in weights)
    numbers = sorted(int(m[1]) for m in found if m)
    numbers = [i for i in numbers if weights[f"{i}.weight"].ndim == 4]
    if not numbers or weights[f"{numbers[0]}.weight"].shape[1] != 3:
        return []
    sizes = {i: int(weights[f"{i}.weight"].shape[-1]) for i in numbers}
    jumps = [b - a for a, b in _pairs([i for i in numbers if sizes[i] > 1])]
    usual = min(jumps, default=0)
    steps: list[Step] = []
    for before, number in _pairs([numbers[0], *numbers]):
        if number - before > usual and sizes[before] > 1:
            steps[-1] = _as_stage(steps[-1])
            steps.append(Step("pool", size=2, stride=2, left=0))
        kind = "conv" if sizes[number] > 1 else "colour"
        steps.append(Step(kind, str(number), sizes[number], 1, sizes[number] // 2))
    steps[-1] = _as_stage(steps[-1])
    return steps


def _pairs(values: Sequence[int]) -> list[tuple[int, int]]:
    return list(pairwise(values))


def _as_stage(step: Step) -> Step:
    return Step(step.kind, step.name, step.size, step.stride, step.left, stage=True)


def _w(name: str) -> str:
    return f"{name}.weight"


def _normalised(x: Tensor) -> Tensor:
    mean = torch.tensor(_MEAN, device=x.device)[:, None, None]
    std = torch.tensor(_STD, device=x.device)[:, None, None]
    return (x - mean) / std


def _padded(z: Tensor, step: Step) -> Tensor:
    """Return `z`, `(c, h, w)`, reflected so that `ceil(h / stride)` rows come out."""
    for axis in (1, 2):
        n = int(z.shape[axis])
        n_out = -(-n // step.stride)
        right = (n_out - 1) * step.stride + step.size - step.left - n
        if step.left or right > 0:
            index = reflect_index(n, step.left, max(right, 0), device=z.device)
            z = z.index_select(axis, index)
    return z

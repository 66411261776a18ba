"""Pretrained encoders as modules whose weights can be trained on."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import nn

from napari_ood_seg.core.config.deep import WINDOW
from napari_ood_seg.core.features.backbone import Backbone
from napari_ood_seg.core.features.backbone_files import rebuilt
from napari_ood_seg.core.features.encoder import Encoder
from napari_ood_seg.core.features.windows import COARSEST

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from napari_ood_seg.core.features.stages import StageEncoder


class Body(nn.Module, ABC):
    """An encoder that can be trained; it draws nothing at random.

    It stays in evaluation mode: what drops parts of it takes numbers from torch's own
    generator, and a training that is taken up again would come to other weights.

    Attributes
    ----------
    factors
        How many times coarser than the image each stage is, ascending.
    stride
        Edges of what it is shown are multiples of it.
    """

    factors: tuple[int, ...]
    stride: int

    @abstractmethod
    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return `(b, c_i, n / f, n / f)` stages of `(b, 3, n, n)` colours in [0, 1].

        Where `stride` is `WINDOW`, that is `n`.
        """

    @abstractmethod
    def adopt(self, weights: Mapping[str, Tensor]) -> None:
        """Take over `StageEncoder.weights` of the encoder that it was made of."""

    def train(self, mode: bool = True) -> Self:  # noqa: ARG002
        """Stay in evaluation mode, see above."""
        return super().train(mode=False)

    def unused(self) -> list[nn.Parameter]:
        """Return the weights that no stage depends on: heads, masks, poolers."""
        own = list(self.parameters())
        kept = [p.requires_grad for p in own]
        self.requires_grad_(requires_grad=True)
        x = torch.zeros(1, 3, WINDOW, WINDOW, device=own[0].device)
        with torch.enable_grad():
            total = torch.stack([z.sum() for z in self(x)]).sum()
            found = torch.autograd.grad(total, own, allow_unused=True)
        for parameter, before in zip(own, kept, strict=True):
            parameter.requires_grad_(before)
        slopes: list[Tensor | None] = list(found)
        return [p for p, slope in zip(own, slopes, strict=True) if slope is None]


class HubBody(Body):
    """A `Backbone` of the transformers library.

    Parameters
    ----------
    backbone
        Its module is used, not copied.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.module = backbone.module
        self.factors, self._backbone = backbone.factors, backbone
        plain = len(set(self.factors)) < len(self.factors)
        self.stride = WINDOW if plain else COARSEST

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the stages, see `Body`."""
        return self._backbone.encode(x)

    def adopt(self, weights: Mapping[str, Tensor]) -> None:
        """Take over weights, see `Body`."""
        self.module.load_state_dict(dict(weights))


class FileBody(Body):
    """An `Encoder` of SqueezeNet or VGG weights.

    Parameters
    ----------
    encoder
        Its weights are copied.
    """

    def __init__(self, encoder: Encoder) -> None:
        super().__init__()
        self._name, self._steps = encoder.name, encoder.steps
        self._names = tuple(encoder.weights)
        self.kept = nn.ParameterList(v.clone() for v in encoder.weights.values())
        self.factors, self.stride = encoder.factors, COARSEST

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the stages, see `Body`."""
        weights = dict(zip(self._names, self.kept, strict=True))
        encoder = Encoder(name=self._name, steps=self._steps, weights=weights)
        each = [encoder(image) for image in x]
        return tuple(torch.stack(stage) for stage in zip(*each, strict=True))

    @torch.no_grad()
    def adopt(self, weights: Mapping[str, Tensor]) -> None:
        """Take over weights, see `Body`."""
        for name, own in zip(self._names, self.kept, strict=True):
            own.copy_(weights[name])


def facts_of(encoder: StageEncoder) -> dict[str, Any]:
    """Return what `body_of` needs to make the same encoder, without its weights.

    Raises
    ------
    TypeError
        If it is none of those that `load_pretrained` gives.
    """
    if isinstance(encoder, Backbone):
        return {**encoder.facts(), "hub": None}  # other weights soon, and held whole
    if isinstance(encoder, Encoder):
        shapes = {k: list(v.shape) for k, v in encoder.weights.items()}
        return {"name": encoder.name, "shapes": shapes}
    raise TypeError(f"{encoder.name} cannot be trained")


def body_of(facts: Mapping[str, Any]) -> Body:
    """Return an encoder with weights that say nothing; torch's generator stays.

    Raises
    ------
    EncoderError
        If it needs transformers, and that is missing or does not know it.
    FileFormatError
        If the shapes are of no known architecture.
    """
    if "shapes" in facts:
        weights = {k: torch.zeros(shape) for k, shape in facts["shapes"].items()}
        return FileBody(Encoder.from_weights(weights, name=str(facts["name"])))
    with torch.random.fork_rng(devices=[]):
        return HubBody(rebuilt(facts))

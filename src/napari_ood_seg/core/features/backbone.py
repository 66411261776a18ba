"""Frozen backbones of the transformers library as feature stages.

Of hierarchical ones (ConvNeXt, Swin, SegFormer) all stages are taken, at factors 4 to
32; of plain transformers (DINOv2, DINOv3, ViT) the layer in the middle and the last.
They are shown windows, see `features.windows`. Where a patch is not 8, 16 or 32 pixels
wide, the image is made smaller so that a patch covers the next such number: those of 14
pixels see it at 14/16 of its size.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

from napari_ood_seg.core.config.deep import WINDOW
from napari_ood_seg.core.features.between_layers import ask_between_layers
from napari_ood_seg.core.features.windows import Windowed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor, nn

    Color = tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Which weights on the hub an encoder has.

    Attributes
    ----------
    name, revision
        On the hub.
    sha256
        Of the weights.
    """

    name: str
    revision: str
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Backbone(Windowed):
    """An encoder of the transformers library with frozen weights.

    Attributes
    ----------
    name
        For people.
    origin
        Where it comes from; `None` if only this machine has it.
    module
        Gives what `layers` are taken from.
    config
        Its JSON settings.
    layers
        Which of its hidden states are stages; empty if it chooses itself.
    edge
        To which edge windows are resized.
    factors
        How many times coarser than the image each stage is.
    mean, std
        Of the colours that it expects.
    """

    name: str
    origin: Origin | None
    module: nn.Module = field(repr=False)
    config: Mapping[str, Any] = field(repr=False)
    layers: tuple[int, ...]
    edge: int
    factors: tuple[int, ...]
    mean: Color
    std: Color

    def __post_init__(self) -> None:
        ask_between_layers(self.module)

    @property
    def weights(self) -> Mapping[str, Tensor]:
        """Of the module, by name."""
        return dict(self.module.state_dict())

    @property
    def colors(self) -> bool:
        """It wants three colours."""
        return True

    @property
    def halo(self) -> int:
        """A window at most."""
        return WINDOW

    def on(self, device: torch.device) -> Callable[[Tensor], tuple[Tensor, ...]]:
        """Return `encode` on a device."""
        self.module.to(device)
        return self.encode

    def encode(self, windows: Tensor) -> tuple[Tensor, ...]:
        """Return `(b, c_i, n / f, n / f)` stages of `(b, 3, n, n)` colours."""
        mean, std = (
            torch.tensor(v, device=windows.device)[:, None, None]
            for v in (self.mean, self.std)
        )
        edge = self.edge * windows.shape[-1] // WINDOW
        return maps_of(self.module, (windows - mean) / std, self.layers, edge)

    def facts(self) -> dict[str, Any]:
        """Return what a model file tells about it, besides its weights."""
        origin = self.origin
        return {
            "name": self.name,
            "config": dict(self.config),
            "mean": list(self.mean),
            "std": list(self.std),
            "hub": None
            if origin is None
            else {"revision": origin.revision, "sha256": origin.sha256},
        }


def maps_of(
    module: nn.Module, x: Tensor, layers: Sequence[int], edge: int
) -> tuple[Tensor, ...]:
    """Return `(b, c, h, w)` stages of `(b, 3, n, n)` normalised windows."""
    if edge != x.shape[-1]:
        x = F.interpolate(
            x, (edge, edge), mode="bilinear", antialias=True, align_corners=False
        )
    if not layers:
        return tuple(module(pixel_values=x).feature_maps)
    found = module(pixel_values=x, output_hidden_states=True)
    hidden = [*found.hidden_states[:-1], found.last_hidden_state]
    return tuple(_as_map(hidden[i]) for i in layers)


def _as_map(z: Tensor) -> Tensor:
    """Return tokens as a square map; those that come before the patches are left."""
    if z.ndim == 4:
        return z
    n = int(z.shape[1] ** 0.5)
    tokens = z[:, z.shape[1] - n * n :].transpose(1, 2)
    return tokens.reshape(*tokens.shape[:2], n, n)

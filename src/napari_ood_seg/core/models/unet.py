"""A small U-Net that is trained from scratch, and what detectors see of it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Self

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

DEPTH: Final = 3
"""How often the image is halved."""

_STRIDE: Final = 2**DEPTH
_STAGES: Final = 3
"""Decoder stages that detectors see: factors 1, 2 and 4."""


class UNet(nn.Module):
    """Encoder and decoder of pairs of convolutions, and one logit map a class.

    Borders are reflected and blocks of pixels averaged, so that a decoder stage of
    factor `f` has one value per `f` x `f` block, as the filters have.

    Parameters
    ----------
    n_in
        Channels of the input.
    n_classes
        Maps of logits.
    width
        Channels of the finest scale; coarser ones have twice and four times as many.

    References
    ----------
    Ronneberger, Fischer and Brox, U-Net, MICCAI 2015.
    """

    def __init__(self, n_in: int, n_classes: int, width: int) -> None:
        super().__init__()
        sizes = [width * min(2**i, 4) for i in range(DEPTH + 1)]
        self.down = nn.ModuleList(
            _block(a, b) for a, b in zip([n_in, *sizes], sizes, strict=False)
        )
        self.up = nn.ModuleList(
            _block(sizes[i] + sizes[i + 1], sizes[i]) for i in range(DEPTH)
        )
        self.head = nn.Conv2d(width, n_classes, 1)

    def stages(self, x: Tensor) -> list[Tensor]:
        """Return `(b, c_i, h / 2**i, w / 2**i)` decoder stages, the finest first.

        Parameters
        ----------
        x
            `(b, n_in, h, w)`; height and width are multiples of 8.
        """
        kept: list[Tensor] = []
        z = x
        for i, block in enumerate(self.down):
            z = block(z if i == 0 else F.avg_pool2d(z, 2))
            kept.append(z)
        out: list[Tensor] = []
        for i in reversed(range(DEPTH)):
            big = F.interpolate(z, scale_factor=2, mode="bilinear", align_corners=False)
            z = self.up[i](torch.cat([kept[i], big], dim=1))
            out.append(z)
        return out[::-1]

    def forward(self, x: Tensor) -> Tensor:
        """Return `(b, n_classes, h, w)` logits."""
        logits: Tensor = self.head(self.stages(x)[0])
        return logits


def initialise(unet: UNet, generator: torch.Generator) -> None:
    """Draw the weights anew; biases are zero.

    References
    ----------
    He et al., Delving Deep into Rectifiers, ICCV 2015.
    """
    for part in unet.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(
                part.weight, nonlinearity="relu", generator=generator
            )
            if part.bias is not None:
                nn.init.zeros_(part.bias)


def _block(n_in: int, n_out: int) -> nn.Sequential:
    parts: list[nn.Module] = []
    for a, b in ((n_in, n_out), (n_out, n_out)):
        parts += [
            nn.Conv2d(a, b, 3, padding=1, padding_mode="reflect", bias=False),
            nn.BatchNorm2d(b),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*parts)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network:
    """A trained `UNet` as further scales of a `Descriptor`; frozen.

    Attributes
    ----------
    name
        For people.
    weights
        By name, of the network in evaluation mode.
    sizes
        `n_in`, `n_classes` and `width`, see `UNet`.
    """

    name: str
    weights: Mapping[str, Tensor] = field(repr=False)
    sizes: tuple[int, int, int]
    _ready: dict[torch.device, UNet] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def of(cls, unet: UNet, *, name: str) -> Self:
        """Return a frozen copy of a network."""
        weights = {k: v.detach().cpu().clone() for k, v in unet.state_dict().items()}
        first = weights["down.0.0.weight"]
        sizes = (first.shape[1], weights["head.weight"].shape[0], first.shape[0])
        return cls(name=name, weights=weights, sizes=sizes)

    @classmethod
    def restored(cls, facts: Mapping[str, Any], weights: Mapping[str, Tensor]) -> Self:
        """Return the network that `facts` and tensors of a model file describe.

        Raises
        ------
        ValueError
            If the tensors are those of another network.
        """
        n_in, n_classes, width = (int(n) for n in facts["sizes"])
        found = cls(
            name=str(facts["name"]), weights=weights, sizes=(n_in, n_classes, width)
        )
        try:
            found._module(torch.device("cpu"))
        except RuntimeError as error:
            raise ValueError(f"its weights do not fit together: {error}") from error
        return found

    @property
    def colors(self) -> bool:
        """It takes all channels."""
        return False

    @property
    def factors(self) -> tuple[int, ...]:
        """How many times coarser than the image each stage is."""
        return tuple(2**i for i in range(_STAGES))

    @property
    def halo(self) -> int:
        """Context in pixels beyond which nothing matters; a multiple of 8.

        Two convolutions a block: four pixels at each scale but the coarsest, which has
        two, and one more where a scale is enlarged.
        """
        reach = sum((4 if i < DEPTH else 2) * 2**i for i in range(DEPTH + 1))
        reach += sum(2 ** (i + 1) for i in range(DEPTH))
        return int(_STRIDE * math.ceil(reach / _STRIDE))

    @torch.inference_mode()
    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the stages, `(c_i, ceil(h/f), ceil(w/f))`, of `(n_in, h, w)`."""
        height, width = x.shape[1:]
        padded = _to_multiple(x)
        stages = self._module(x.device).stages(padded[None])
        return tuple(
            z[0, :, : -(-height // f), : -(-width // f)]
            for z, f in zip(stages, self.factors, strict=True)
        )

    def _module(self, device: torch.device) -> UNet:
        if device not in self._ready:
            unet = UNet(*self.sizes)
            unet.load_state_dict(dict(self.weights))
            self._ready[device] = unet.to(device).eval()
        return self._ready[device]


def _to_multiple(x: Tensor) -> Tensor:
    """Return `(c, h, w)` with its last row and column repeated up to multiples of 8."""
    below, right = (-n % _STRIDE for n in x.shape[1:])
    return F.pad(x[None], (0, right, 0, below), mode="replicate")[0]

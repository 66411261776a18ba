"""A small U-Net that is trained from scratch."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import nn

from napari_ood_seg.core.models.spectral import stem
from napari_ood_seg.core.models.staged import StagedNet

if TYPE_CHECKING:
    from torch import Tensor

DEPTH: Final = 3
"""How often the image is halved."""

_STRIDE: Final = 2**DEPTH
_STAGES: Final = 3
"""Decoder stages that detectors see: factors 1, 2 and 4."""


class UNet(StagedNet):
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
    n_stem
        Channels that the stem for spectra mixes from those of the input; 0: no stem.

    References
    ----------
    Ronneberger, Fischer and Brox, U-Net, MICCAI 2015.
    """

    def __init__(self, n_in: int, n_classes: int, width: int, n_stem: int = 0) -> None:
        super().__init__()
        self.architecture = "small"
        self.sizes = (n_in, n_classes, width, *([n_stem] if n_stem else []))
        self.stride = _STRIDE
        self.factors = tuple(2**i for i in range(_STAGES))
        self.halo = _halo()
        sizes = [width * min(2**i, 4) for i in range(DEPTH + 1)]
        self.stem = stem(n_in, n_stem) if n_stem else nn.Identity()
        self.down = nn.ModuleList(
            _block(a, b) for a, b in zip([n_stem or n_in, *sizes], sizes, strict=False)
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
        z = self.stem(x)
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


def initialise(net: nn.Module, generator: torch.Generator) -> None:
    """Draw the weights anew; biases are zero.

    References
    ----------
    He et al., Delving Deep into Rectifiers, ICCV 2015.
    """
    for part in net.modules():
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


def _halo() -> int:
    """Return the context in pixels beyond which nothing matters; a multiple of 8.

    Two convolutions a block: four pixels at each scale but the coarsest, which has
    two, and one more where a scale is enlarged.
    """
    reach = sum((4 if i < DEPTH else 2) * 2**i for i in range(DEPTH + 1))
    reach += sum(2 ** (i + 1) for i in range(DEPTH))
    return int(_STRIDE * math.ceil(reach / _STRIDE))

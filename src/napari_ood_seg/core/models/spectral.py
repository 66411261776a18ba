"""Networks for spectra: one that sees one pixel at a time, and a stem for others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import nn

from napari_ood_seg.core.models.staged import StagedNet

if TYPE_CHECKING:
    from torch import Tensor

NAME: Final = "spectral"
"""In `config.NETWORKS`."""

DECODER: Final = "decoder"
"""Name of the tensor that says what the channels are; not learned."""

_POSITIONS: Final = 32
"""Positions along the spectrum after the first layer, at most."""

_PIXELS: Final = 2**11
"""Pixels at a time in evaluation: what is made of them stays in the cache."""


class SpectralNet(StagedNet):
    """Convolutions along the bands of each pixel, whatever its neighbours are.

    What comes in are the scores of the components of spectra. A fixed layer,
    `decoder`, makes spectra of them again, without what lies outside the axes, which
    is mostly noise. Three convolutions along the bands follow, and one that covers all
    positions that are left. The latter stands for the usual pooling: a mean over the
    bands would forget where a peak was, which is what tells materials apart.

    The fixed layer and the first convolution are linear, and are one product in
    practice: no spectrum of many bands is ever stored.

    Parameters
    ----------
    n_in
        Channels of the input.
    n_classes
        Maps of logits.
    width
        Filters of the first two convolutions; the third, and the only stage, have
        twice as many.
    n_bands
        Bands of the spectra.

    Attributes
    ----------
    decoder
        `(n_bands, n_in)`, see `ChannelMap.decoder`; zeros until it is `adopt`-ed.

    References
    ----------
    Hu et al., Deep convolutional neural networks for hyperspectral image
    classification, Journal of Sensors 2015: 1-D convolutions of a pixel's spectrum.
    """

    decoder: Tensor

    def __init__(self, n_in: int, n_classes: int, width: int, n_bands: int) -> None:
        super().__init__()
        self.architecture = NAME
        self.sizes = (n_in, n_classes, width, n_bands)
        self.stride, self.factors, self.halo = 1, (1,), 0
        self.register_buffer(DECODER, torch.zeros(n_bands, n_in))
        step = -(-n_bands // _POSITIONS)
        self.first = nn.Conv2d(
            1, width, (2 * step + 3, 1), (step, 1), padding=(step + 1, 0), bias=False
        )
        self.along = nn.Sequential(
            *_activated(width),
            *_layer(width, width, 5),
            *_layer(width, 2 * width, 3),
        )
        left = -(-n_bands // step)
        for _ in range(2):
            left = -(-left // 2)
        self.pool = nn.Sequential(
            nn.Conv2d(2 * width, 2 * width, (left, 1), bias=False),
            *_activated(2 * width),
        )
        self.head = nn.Conv2d(2 * width, n_classes, 1)

    def adopt(self, decoder: Tensor) -> None:
        """Say what the channels of the input are, see `ChannelMap.decoder`."""
        self.decoder.copy_(decoder)

    def spectra(self, x: Tensor) -> Tensor:
        """Return the `(b, n_bands, h, w)` spectra that are seen of `(b, n_in, h, w)`.

        Less their mean, in units of `ChannelMap.decoder`.
        """
        return F.conv2d(x, self.decoder[:, :, None, None])

    def stages(self, x: Tensor) -> list[Tensor]:
        """Return one stage `(b, 2 * width, h, w)` of `(b, n_in, h, w)`."""
        flat = x.flatten(2)
        if self.training:  # norms see all pixels at once
            z = self._features(flat)
        else:
            parts = flat.split(max(1, _PIXELS // len(x)), dim=2)
            z = torch.cat([self._features(part) for part in parts], dim=2)
        return [z.unflatten(2, x.shape[2:])]

    def forward(self, x: Tensor) -> Tensor:
        """Return `(b, n_classes, h, w)` logits."""
        logits: Tensor = self.head(self.stages(x)[0])
        return logits

    def _features(self, x: Tensor) -> Tensor:
        """Return `(b, 2 * width, p)` features of `p` pixels, `(b, n_in, p)`."""
        seen = self.first(self.decoder.T[:, None, :, None])  # of each axis, for itself
        weight = seen.flatten(1).T[:, :, None]
        z = F.conv1d(x, weight).unflatten(1, seen.shape[1:3])
        out: Tensor = self.pool(self.along(z))
        return out[:, :, 0]


def stem(n_in: int, n_out: int) -> nn.Sequential:
    """Return two layers that mix the channels of each pixel.

    Parameters
    ----------
    n_in, n_out
        Channels before, and after each of the layers.

    Examples
    --------
    >>> stem(8, 24)(torch.zeros(2, 8, 5, 7)).shape
    torch.Size([2, 24, 5, 7])
    """
    parts: list[nn.Module] = []
    for a, b in ((n_in, n_out), (n_out, n_out)):
        parts += [nn.Conv2d(a, b, 1, bias=False), *_activated(b)]
    return nn.Sequential(*parts)


def _layer(n_in: int, n_out: int, size: int) -> list[nn.Module]:
    """Return a convolution along the bands that halves them."""
    conv = nn.Conv2d(n_in, n_out, (size, 1), (2, 1), padding=(size // 2, 0), bias=False)
    return [conv, *_activated(n_out)]


def _activated(n: int) -> list[nn.Module]:
    return [nn.BatchNorm2d(n), nn.ReLU(inplace=True)]

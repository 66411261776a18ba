"""Random changes of a patch that its classes survive, by the kind of image."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

from napari_ood_seg.core.config import SPECTRAL_FROM

if TYPE_CHECKING:
    from torch import Tensor

ZOOM: Final = 1.25
"""Patches are enlarged or reduced by at most this factor."""

_JITTER: Final = 0.1
"""Spread of random gains, offsets and densities."""

_WAVES: Final = 4
"""A spectral gain is made of a constant and so many half waves, less one."""

_DARKEST: Final = 0.02
"""Least light, of the brightest, that has a density of its own."""


def draw_zoom(generator: torch.Generator) -> float:
    """Return a factor of size between `1 / ZOOM` and `ZOOM`, even in its logarithm."""
    half = float(torch.rand((), generator=generator)) * 2 - 1
    return math.exp(half * math.log(ZOOM))


def resized(x: Tensor, y: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Return a patch at another size: pixels are interpolated, labels are not.

    Parameters
    ----------
    x, y
        `(c, h, h)` pixels and `(h, h)` labels.
    """
    if y.shape == (size, size):
        return x, y
    pixels = F.interpolate(x[None], (size, size), mode="bilinear", align_corners=False)
    at = ((torch.arange(size, device=y.device) + 0.5) * len(y) / size).long()
    return pixels[0], y[at][:, at]


def turned(x: Tensor, y: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return a patch in one of its eight orientations."""
    turns = int(torch.randint(4, (), generator=generator))
    mirrored = bool(torch.randint(2, (), generator=generator))
    x, y = torch.rot90(x, turns, (1, 2)), torch.rot90(y, turns, (0, 1))
    return (x.flip(2), y.flip(1)) if mirrored else (x, y)


def recoloured(x: Tensor, generator: torch.Generator) -> Tensor:
    """Return pixels as another stain, light or sensor may have shown them.

    Three channels are taken for colours, `SPECTRAL_FROM` and more for a spectrum,
    any other number for channels that have nothing to do with each other.

    Parameters
    ----------
    x
        `(c, h, w)` pixels of the image itself, not decorrelated.
    """
    n = len(x)
    if n == 3:
        mix = torch.eye(3) + _JITTER * torch.randn(3, 3, generator=generator)
        return stained(x, mix.to(x))
    if n >= SPECTRAL_FROM:
        waves = _JITTER * torch.randn(_WAVES, generator=generator)
        return x * smooth_gain(waves, n).to(x)[:, None, None]
    noise = _JITTER * torch.randn(2, n, 1, 1, generator=generator).to(x)
    mean = x.mean((1, 2), keepdim=True)
    spread = x.std((1, 2), keepdim=True)
    return mean + (x - mean) * (1 + noise[0]) + spread * noise[1]


def stained(x: Tensor, mix: Tensor) -> Tensor:
    """Return `(3, h, w)` colours whose optical densities are mixed anew.

    The light of the brightest pixels stays. Where nothing is mixed, nothing changes,
    also where values are below zero or light is too faint to have a density.

    Parameters
    ----------
    mix
        `(3, 3)`; what a stain adds to a channel is on the diagonal.

    References
    ----------
    Tellez et al., Whole-Slide Mitosis Detection in H&E Breast Histology Using PHH3 as
    a Reference, IEEE TMI 2018, for stain augmentation; here stains need not be known.

    Examples
    --------
    Twice the density of the first channel: a quarter of the light becomes a sixteenth.

    >>> x = torch.tensor([[[0.25, 1.0]], [[0.5, 1.0]], [[0.5, 1.0]]])
    >>> y = stained(x, torch.diag(torch.tensor([2.0, 1.0, 1.0])))
    >>> [round(v, 4) for v in y[:, 0, 0].tolist()]
    [0.0625, 0.5, 0.5]
    """
    white = x.amax().clamp_min(1e-6)
    light = (x / white).clamp(_DARKEST, 1.0)
    density = torch.einsum("ij,jhw->ihw", mix, light.log())
    return x + white * (density.clamp_max(0).exp() - light)


def smooth_gain(waves: Tensor, n: int) -> Tensor:
    """Return `(n,)` gains of bands: `exp` of a sum of cosines along the spectrum.

    Parameters
    ----------
    waves
        `(m,)` amplitudes of the constant and of half waves 1 to `m - 1`.

    Examples
    --------
    >>> smooth_gain(torch.tensor([0.0, 0.0]), 3).tolist()
    [1.0, 1.0, 1.0]
    """
    at = (torch.arange(n) + 0.5) / n
    cosines = torch.cos(math.pi * torch.arange(len(waves))[:, None] * at)
    return torch.exp(waves @ cosines)

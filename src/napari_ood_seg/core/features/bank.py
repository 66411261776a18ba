"""A multi-scale bank of colour, edge and texture filters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from napari_ood_seg.core.features import filters
from napari_ood_seg.core.parallel import spread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor

    from napari_ood_seg.core.config import FilterConfig

    Span = tuple[int, int]

_FLOOR = 0.01
"""Added before the logarithm of an energy, in units of the image's spread."""


@dataclass(frozen=True, slots=True)
class Scale:
    """One scale: a blur by `sigma` pixels of the level that is `factor` times down."""

    sigma: float
    factor: int


def scales(sigmas: tuple[float, ...], halve_from: float) -> tuple[Scale, ...]:
    """Return where on the pyramid each scale is computed.

    Parameters
    ----------
    halve_from
        A scale of at least so many pixels of its level is computed one level up.

    Examples
    --------
    >>> [(s.sigma, s.factor) for s in scales((0.7, 3.0, 12.0), 3.0)]
    [(0.7, 1), (1.5, 2), (1.5, 8)]
    """
    out = []
    factor = 1
    for sigma in sigmas:
        while sigma / factor >= halve_from:
            factor *= 2
        out.append(Scale(sigma / factor, factor))
    return tuple(out)


class FilterBank:
    """Maps decorrelated channels to raw features, scale by scale.

    Per scale: the blurred channels (``colour``), and of the first channel the
    gradient magnitude (``gradient``), the eigenvalues of the Hessian (``hessian``)
    and of the structure tensor (``structure``); the local standard deviation of
    all channels (``deviation``). Energies are compressed by a logarithm,
    curvatures by a signed square root, so that their distributions are near
    Gaussian. Scales from `FilterConfig.halving` pixels up are computed on block
    means, and stay there.

    The scale-space features are those of Lindeberg (1994), gamma-normalised.

    Parameters
    ----------
    config
        Scales and kinds.
    n_channels
        Channels of the images that it will be given.
    n_bands
        Of the image that the channels were made of, if they are fewer.
    """

    def __init__(
        self, config: FilterConfig, n_channels: int, *, n_bands: int = 0
    ) -> None:
        self.config = config
        self.n_channels = n_channels
        self._scales = scales(config.sigmas, config.halving(n_bands or n_channels))

    @property
    def factors(self) -> tuple[int, ...]:
        """How many times coarser than the image each scale's features are."""
        return tuple(s.factor for s in self._scales)

    @property
    def stride(self) -> int:
        """Coarsest factor; regions must start at multiples of it."""
        return self._scales[-1].factor

    @property
    def halo(self) -> int:
        """Context in pixels beyond which nothing matters; a multiple of `stride`."""
        reach = [_reach(s.sigma) * s.factor for s in self._scales]
        return -(-max(reach) // self.stride) * self.stride

    @property
    def n_features(self) -> int:
        """Number of raw features of one scale."""
        size = {"colour": self.n_channels, "deviation": self.n_channels}
        size |= {"gradient": 1, "hessian": 2, "structure": 2}
        return sum(size[k] for k in self.config.kinds)

    def __call__(
        self, x: Tensor, spans: Sequence[Span] | None = None
    ) -> tuple[Tensor, ...]:
        """Return per scale `(n_features, ceil(h/f), ceil(w/f))` features.

        Parameters
        ----------
        x
            `(n_channels, h, w)`; `f` is the scale's factor.
        spans
            First and last-plus-one row and column that are wanted, multiples of the
            `stride` or the image's end; what is around them is only used as context,
            by each scale as far as it reaches.
        """
        spans = spans or [(0, n) for n in x.shape[1:]]
        level, factor, todo = x, 1, []
        for scale in self._scales:
            while factor < scale.factor:
                level, factor = filters.halve(level), factor * 2
            wanted = [(a // factor, -(-b // factor)) for a, b in spans]
            todo.append((level, scale.sigma, wanted))
        return tuple(spread(lambda each: self._within(*each), todo, on=x.device))

    def _within(self, level: Tensor, sigma: float, wanted: Sequence[Span]) -> Tensor:
        """Return the features of a part of a level, the same as cut from the whole."""
        reach = _reach(sigma)
        around = [
            (max(a - reach, 0), min(b + reach, n))
            for (a, b), n in zip(wanted, level.shape[1:], strict=True)
        ]
        (top, bottom), (left, right) = around
        features = self._one_scale(level[:, top:bottom, left:right], sigma)
        (first, last), (begin, end) = wanted
        return features[:, first - top : last - top, begin - left : end - left]

    def _one_scale(self, x: Tensor, sigma: float) -> Tensor:
        kinds = self.config.kinds
        blurred = filters.gaussian_blur(x, sigma)
        first = blurred[:1]
        out = []
        if "colour" in kinds:
            out.append(blurred)
        dy, dx = filters.gradient(first)
        if "gradient" in kinds:
            out.append(_compress(torch.sqrt(dy**2 + dx**2) * sigma))
        if "hessian" in kinds:
            curvatures = filters.symmetric_eigenvalues(*filters.hessian(first))
            out += [_signed_sqrt(c * sigma**2) for c in curvatures]
        if "structure" in kinds:
            tensor = filters.gaussian_blur(torch.cat([dy**2, dy * dx, dx**2]), sigma)
            energies = filters.symmetric_eigenvalues(*tensor[:, None])
            out += [_compress(e.clamp_min(0).sqrt() * sigma) for e in energies]
        if "deviation" in kinds:
            square = filters.gaussian_blur(x**2, sigma)
            out.append(_compress((square - blurred**2).clamp_min(0).sqrt()))
        return torch.cat(out)


def _reach(sigma: float) -> int:
    """Return how many pixels of its level away something can still matter."""
    return 2 * filters.kernel_radius(sigma) + 2


def _compress(energy: Tensor) -> Tensor:
    return torch.log(energy + _FLOOR)


def _signed_sqrt(x: Tensor) -> Tensor:
    return torch.sign(x) * x.abs().sqrt()

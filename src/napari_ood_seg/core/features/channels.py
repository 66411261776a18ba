"""How the channels of an image are taken: decorrelated, or shown as colours."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Self

import numpy as np
import torch

from napari_ood_seg.core.config import SPECTRAL_FROM
from napari_ood_seg.core.data import colours
from napari_ood_seg.core.data.false_colours import least_noisy
from napari_ood_seg.core.errors import ImageError
from napari_ood_seg.core.features.spectral import NORMALISATIONS
from napari_ood_seg.core.moments import Moments

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from torch import Tensor

    from napari_ood_seg.core.config import FilterConfig

_SPECTRA: Final = 4_000
"""Pixels per region that enter the statistics of the channels."""

_BY_MEAN: Final = {"l1", "none"}
"""Normalisations that need nothing of a spectrum but the mean of its bands."""

_GAMMA: Final = 2.2
"""About that of sRGB."""

_LIMITS: Final = torch.tensor([0.005, 0.995])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChannelMap:
    """Decorrelates the channels of an image.

    Attributes
    ----------
    light
        How bright a spectrum is, so that it can be divided by that; `None` where
        channels are taken as they are, as for images with few of them.
    mean
        `(c,)` mean of the channels, after the normalisation.
    basis
        `(c, k)` axes in columns: orthonormal principal ones, the largest variance
        first, or those of
        `false_colours.least_noisy`, the least noise first.
    scale
        Spread along the first axis; what comes out has spread 1 there.
    normalisation
        Of spectra, see `spectral.NORMALISATIONS`.
    brightness
        Whether the log brightness of a spectrum is a channel, too: the first one.
    """

    light: Light | None
    mean: Tensor = field(repr=False)
    basis: Tensor = field(repr=False)
    scale: float
    normalisation: str = "l1"
    brightness: bool = False

    @property
    def n_out(self) -> int:
        """Number of channels that come out."""
        return int(self.basis.shape[1]) + (self._bright is not None)

    @property
    def decoder(self) -> Tensor:
        """`(c, n_out)` back from channels to spectra, without their mean.

        Up to a factor these are the normalised spectra less `mean`, projected to the
        axes: a band's spread along the first of them is about 1, in whatever unit. The
        brightness, if it is a channel, comes back as an offset of all bands.
        """
        back: Tensor = torch.linalg.pinv(self.basis.double()).T.float()
        axes = back.mul(len(self.basis) ** 0.5 / back[:, 0].norm())
        if self._bright is None:
            return axes
        return torch.cat([torch.ones_like(axes[:, :1]), axes], dim=1)

    @property
    def _bright(self) -> Light | None:
        return self.light if self.brightness else None

    def __call__(self, x: Tensor) -> Tensor:
        """Return `(n_out, h, w)` channels of `x`, `(c, h, w)`; see `see`."""
        return self.see(x)[0]

    def see(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return channels of `x`, `(c, h, w)`, and where all its bands are finite.

        `(n_out, h, w)` and `(h, w)` bool. With `brightness`, its standardised logarithm
        comes first. A value that is not finite becomes that of the average pixel.

        All bands are gone through once, as they lie in memory: their mean is found
        beside the projections, and is finite where all of them are.
        """
        axes = self.basis.T.to(x.device).contiguous() / self.scale  # always alike
        offset = (axes @ self.mean.to(x.device))[:, None, None]
        each = x.new_full((1, len(x)), 1 / len(x))
        if self.light is None or self.normalisation in _BY_MEAN:
            *_, mean = found = mixed(torch.cat([axes, each]), x)
            out = found[:-1]
            if self.light is not None and self.normalisation != "none":
                out = out / mean.clamp_min(self.light.floor)
            out = out - offset
        else:
            mean = x.mean(0)
            out = mixed(axes, self.light.shape(x, self.normalisation)) - offset
        finite = torch.isfinite(mean)
        if not bool(finite.all()):
            finite = torch.isfinite(x).all(0)
            out = mixed(axes, _finite(self._shape(x)))
        if self._bright is not None:
            out = torch.cat([_finite(self._bright.logarithm(mean))[None], out])
        return out, finite

    def _shape(self, x: Tensor) -> Tensor:
        """Return what is projected, less its mean."""
        shape = x if self.light is None else self.light.shape(x, self.normalisation)
        return shape - self.mean.to(x.device)[:, None, None]


def mixed(weights: Tensor, x: Tensor) -> Tensor:
    """Return `(k, h, w)` sums of the channels of `(c, h, w)` by `(k, c)` weights.

    Whether channels or pixels come first in memory, nothing is rearranged.
    """
    if x.stride(0) == 1 < len(x):
        flat = x.permute(1, 2, 0).reshape(-1, len(x)) @ weights.T
        return flat.T.contiguous().view(-1, *x.shape[1:])
    return (weights @ x.reshape(len(x), -1)).view(-1, *x.shape[1:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Light:
    """Splits a spectrum into its shape and its brightness, the mean of its bands.

    Attributes
    ----------
    floor
        Least brightness that is divided by.
    mean, scale
        Of the logarithm of the brightness over the image.
    """

    floor: float
    mean: float
    scale: float

    @classmethod
    def fit(cls, rows: Tensor) -> Self:
        """Estimate from `(n, c)` spectra."""
        brightness = rows.mean(1).double()
        floor = 1e-3 * max(float(brightness.abs().mean()), 1e-12)
        logs = brightness.clamp_min(floor).log()
        scale = float(logs.std()) if len(logs) > 1 else 1.0
        return cls(floor=floor, mean=float(logs.mean()), scale=max(scale, 1e-6))

    def shape(self, x: Tensor, normalisation: str = "l1") -> Tensor:
        """Return `x`, `(c, ...)`, normalised so that illumination cancels."""
        return NORMALISATIONS[normalisation](x, self.floor)

    def logarithm(self, brightness: Tensor) -> Tensor:
        """Return the standardised logarithm of the mean of the bands, `(...)`."""
        return (brightness.clamp_min(self.floor).log() - self.mean) / self.scale


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ColorMap:
    """Shows an image with any channels to an encoder that wants colours.

    Three channels are taken as they are, one three times, others by their first
    three principal components, or as `repeated` has them; spectra whose wavelengths
    are known, and cover enough of the visible, as the eye would see them in daylight.
    One stretch for all three brings the 0.5th to the 99.5th percentile of the image to
    0 to 1.

    Attributes
    ----------
    basis
        `(c, 3)`.
    low, high
        What becomes 0 and 1.
    gamma
        Stretched values are raised to one over this power; above 1 for light, which
        pictures are not linear in.
    """

    basis: Tensor = field(repr=False)
    low: float
    high: float
    gamma: float = 1.0

    @classmethod
    def fit(
        cls,
        regions: Iterable[Tensor],
        *,
        adapt: bool = False,
        wavelengths: Sequence[float] | None = None,
    ) -> Self:
        """Estimate from `(c, h, w)` sample regions.

        Parameters
        ----------
        adapt
            Give each channel to one of the colours rather than project them.
        wavelengths
            Of the channels, in nm, if they are known.
        """
        rows = torch.cat([subsample(x, _SPECTRA) for x in regions]).cpu()
        rows = rows[torch.isfinite(rows).all(1)]
        c = rows.shape[1]
        lit = not adapt and c >= SPECTRAL_FROM and _has_colours(wavelengths)
        if adapt or c in (1, 3):
            basis = repeated(c)
        elif lit and wavelengths is not None:
            seen = colours.linear_rgb(colours.xyz(np.eye(c), wavelengths))
            basis = torch.from_numpy(seen.T).float()
        else:
            _, axes = torch.linalg.eigh(Moments.of(rows).covariance)
            top = signed(axes.flip(1)[:, :3]).float()
            basis = torch.cat([top, top[:, -1:].expand(-1, 3 - top.shape[1])], dim=1)
        values = (rows @ basis).flatten()
        limits = torch.quantile(values[:: max(1, len(values) // 100_000)], _LIMITS)
        low, high = (float(v) for v in limits)
        return cls(
            basis=basis,
            low=low,
            high=max(high, low + 1e-6),
            gamma=_GAMMA if lit else 1.0,
        )

    def __call__(self, x: Tensor) -> Tensor:
        """Return `(3, h, w)` colours of `x`, `(c, h, w)`, about 0 to 1."""
        found = mixed(self.basis.T.to(x.device), x)
        if not bool(torch.isfinite(found).all()):
            found = mixed(self.basis.T.to(x.device), _finite(x))
        scaled = (found - self.low) / (self.high - self.low)
        if self.gamma == 1:
            return scaled.clamp(-0.5, 1.5)
        return scaled.clamp(0, 1.5) ** (1 / self.gamma)


def _has_colours(wavelengths: Sequence[float] | None) -> bool:
    return wavelengths is not None and colours.cover(wavelengths) >= colours.LEAST_COVER


def repeated(n: int) -> Tensor:
    """Return the `(n, 3)` mix of colours in which channels take turns.

    Channel `i` is seen by what sees colour `i` modulo 3, channels of a colour on
    average; fewer than three are repeated. For the first layer of an encoder this is
    the same as to repeat its weights over the channels, each divided by how often it
    occurs. The columns sum to 1, so a grey image is answered as it would be in colour.

    Examples
    --------
    >>> repeated(4).tolist()
    [[0.5, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.5, 0.0, 0.0]]
    >>> repeated(2).tolist()
    [[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]
    """
    channel, color = torch.arange(n)[:, None], torch.arange(3)[None]
    turn = (channel % 3 == color) | (color % n == channel)
    return turn / turn.sum(0)


def fit_channels(config: FilterConfig, regions: Iterable[Tensor]) -> ChannelMap:
    """Estimate the decorrelation of the channels from `(c, h, w)` sample regions.

    Raises
    ------
    ImageError
        If the image is constant or has no finite pixel.
    """
    pairs = torch.cat([_beside(x, _SPECTRA) for x in regions], dim=1).cpu()
    rows, right = pairs[:, torch.isfinite(pairs[0]).all(1)]
    if len(rows) == 0:
        raise ImageError("the image has no finite pixel: nothing can be learnt from it")
    kind = normalisation_of(config, rows.shape[1])
    light = None if kind == "none" else Light.fit(rows)
    shapes = rows if light is None else light.shape(rows.T, kind).T
    moments = Moments.of(shapes)
    if light is not None and _is_constant(moments):  # grey: only brightness differs
        light, shapes, moments = None, rows, Moments.of(rows)
    if _is_constant(moments):
        raise ImageError("the image is constant: there is nothing to tell classes by")
    values, axes = torch.linalg.eigh(moments.covariance)
    if config.components == "mnf" and rows.shape[1] >= SPECTRAL_FROM:
        beside = right if light is None else light.shape(right.T, kind).T
        both = torch.isfinite(beside).all(1)
        steps = Moments.of((beside - shapes)[both])
        found = least_noisy(moments.covariance.numpy(), steps.covariance.numpy() / 2)
        values, axes = (torch.from_numpy(v) for v in found)
    k = min(config.max_components, len(values))
    return ChannelMap(
        light=light,
        mean=moments.mean.float(),
        basis=signed(axes.flip(1)[:, :k]).float(),
        scale=float(values[-1].sqrt()),
        normalisation="none" if light is None else kind,
        brightness=light is not None and config.brightness,
    )


def _beside(x: Tensor, n: int) -> Tensor:
    """Return about `n` pixels of `x`, `(c, h, w)`, and their right neighbours.

    `(2, n, c)`; the last pixel of a row is its own neighbour.
    """
    h, w = x.shape[1:]
    at = torch.arange(0, h * w, max(1, h * w // n), device=x.device)
    row, column = at // w, at % w
    flat = x.permute(1, 2, 0)
    return torch.stack([flat[row, column], flat[row, (column + 1).clamp_max(w - 1)]])


def _is_constant(moments: Moments) -> bool:
    size = moments.outer.diagonal().sum() / moments.n
    return bool(moments.covariance.diagonal().sum() <= 1e-10 * size)


def normalisation_of(config: FilterConfig, n_channels: int) -> str:
    """Return the name of the normalisation of images with so many channels.

    Examples
    --------
    >>> from napari_ood_seg.core.config import FilterConfig
    >>> [normalisation_of(FilterConfig(), n) for n in (3, 60)]
    ['none', 'l1']
    >>> [normalisation_of(FilterConfig(spectral="snv"), n) for n in (1, 3)]
    ['none', 'snv']
    """
    if config.spectral == "auto":
        return "l1" if n_channels >= SPECTRAL_FROM else "none"
    return config.spectral if n_channels > 1 else "none"


def _finite(x: Tensor) -> Tensor:
    return torch.nan_to_num(x, nan=0.0, posinf=0.0, neginf=0.0)


def subsample(x: Tensor, n: int) -> Tensor:
    """Return about `n` evenly spaced pixels of `x` as `(n, c)` rows."""
    h, w = x.shape[1:]
    at = torch.arange(0, h * w, max(1, h * w // n), device=x.device)
    return x.permute(1, 2, 0)[at // w, at % w]


def signed(basis: Tensor) -> Tensor:
    """Return `basis` with each column's largest entry positive: no arbitrary signs."""
    top = basis.abs().argmax(0)
    return basis * torch.sign(basis[top, torch.arange(basis.shape[1])])

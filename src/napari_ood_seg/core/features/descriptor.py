"""`Descriptor`: what turns a region of an image into a few features per pixel."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Self

import torch

from napari_ood_seg.core.features.bank import FilterBank
from napari_ood_seg.core.features.channels import (
    ChannelMap,
    ColorMap,
    fit_channels,
    signed,
    subsample,
)
from napari_ood_seg.core.features.exposure import Exposure
from napari_ood_seg.core.features.seen import Look, Seen
from napari_ood_seg.core.features.stages import PlacedEncoder
from napari_ood_seg.core.moments import Moments
from napari_ood_seg.core.parallel import all_cores, spread

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from torch import Tensor

    from napari_ood_seg.core.config import FilterConfig
    from napari_ood_seg.core.features.stages import StageEncoder

    Regions = Callable[[], Iterable[Tensor]]

_VALUES: Final = 2**20
"""Values of an image at a time: some megabytes."""

_PIXELS: Final = 20_000
"""Pixels per region that enter the statistics of the features."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Reduction:
    """Standardises raw features and projects them to fewer.

    Attributes
    ----------
    mean, scale
        `(r,)` of the raw features over all pixels of the image.
    basis
        `(r, d)` principal axes of the standardised features, divided by a power
        of their spread (partial whitening).
    """

    mean: Tensor = field(repr=False)
    scale: Tensor = field(repr=False)
    basis: Tensor = field(repr=False)

    @classmethod
    def fit(cls, moments: Moments, config: FilterConfig) -> Self:
        """Return the reduction for features with these `moments`."""
        covariance = moments.covariance
        scale = covariance.diagonal().clamp_min(0).sqrt()
        alive = scale > 1e-6 * scale.max().clamp_min(1e-12)
        scale = torch.where(alive, scale, torch.ones_like(scale))
        correlation = covariance / torch.outer(scale, scale)
        values, axes = torch.linalg.eigh(correlation)
        values, axes = values.flip(0).clamp_min(0), axes.flip(1)
        d = min(config.n_features, len(values))
        gain = (values[:d] + 1e-3 * values[0]).clamp_min(1e-12)
        basis = axes[:, :d] * gain ** (-config.whitening / 2)
        return cls(
            mean=moments.mean.float(), scale=scale.float(), basis=signed(basis).float()
        )

    def __call__(self, raw: Tensor) -> Tensor:
        """Return `(d, h, w)` features of `raw`, `(r, h, w)`."""
        weight = (self.basis / self.scale[:, None]).T.contiguous()
        offset = weight @ self.mean
        flat = weight.to(raw.device) @ raw.flatten(1)
        flat -= offset.to(raw.device)[:, None]
        return flat.view(-1, *raw.shape[1:])


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Descriptor:
    """Channels, filters and reduction, with the statistics of one image.

    Attributes
    ----------
    n_channels
        Channels of the images that it takes.
    reductions
        One per scale of the filters, then one per stage of the encoder, then of the
        network.
    encoder
        Pretrained stages beside the filters, if any.
    colors
        What the encoder is shown: colours, or `None` for all channels as the filters
        see them.
    network
        Stages that were trained on the scribbles, if any; it is shown all channels as
        the filters see them.
    exposure
        Tells pixels of the image at hand that are to be left out, if any are.
    """

    config: FilterConfig
    n_channels: int
    channels: ChannelMap
    reductions: tuple[Reduction, ...]
    encoder: StageEncoder | None = None
    colors: ColorMap | None = None
    network: StageEncoder | None = None
    exposure: Exposure | None = None

    @classmethod
    def fit(
        cls,
        config: FilterConfig,
        regions: Regions,
        *,
        encoder: StageEncoder | None = None,
        adapt: bool = False,
        wavelengths: Sequence[float] | None = None,
        network: StageEncoder | None = None,
    ) -> Self:
        """Estimate the statistics from sample regions of an image.

        Parameters
        ----------
        config
            Settings of the filters.
        regions
            Gives `(c, h, w)` regions, the same ones each time it is called.
        encoder, network
            Add their stages as further scales.
        adapt, wavelengths
            How channels become the colours that the encoder wants, see `ColorMap`.

        Raises
        ------
        ImageError
            If the image is constant or has no finite pixel.
        """
        channels = fit_channels(config, regions())
        bare = cls(
            config=config,
            n_channels=len(channels.mean),
            channels=channels,
            reductions=(),
            encoder=encoder,
            colors=ColorMap.fit(regions(), adapt=adapt, wavelengths=wavelengths)
            if encoder and encoder.colors
            else None,
            network=network,
            exposure=_exposure(config, channels, regions),
        )
        moments = bare.raw_moments(regions)
        return replace(
            bare, reductions=tuple(Reduction.fit(m, config) for m in moments)
        )

    def adapted(self, regions: Regions, look: Look | None = None) -> Self:
        """Return the descriptor with scale statistics of another image.

        The axes stay, so that features keep their meaning; mean and spread of
        the raw features become those of the new image.

        Parameters
        ----------
        regions
            As for `fit`.
        look
            At the only region, if there was one.

        Raises
        ------
        ImageError
            If the image is constant or has no finite pixel.
        """
        fit_channels(self.config, regions())  # raises for an unusable image
        moments = self.raw_moments(regions) if look is None else _moments(look.raw)
        fresh = [Reduction.fit(m, self.config) for m in moments]
        reductions = tuple(
            replace(old, mean=new.mean, scale=new.scale)
            for old, new in zip(self.reductions, fresh, strict=True)
        )
        exposure = _exposure(self.config, self.channels, regions)
        return replace(self, reductions=reductions, exposure=exposure)

    def see(self, x: Tensor) -> Seen:
        """Return what there is to see of a `(n_channels, h, w)` region.

        Some rows at a time, so that what is made of many bands stays in the
        processor's cache.
        """
        rows = x.shape[1]
        if x.device.type == "cpu":
            rows = max(1, _VALUES // (len(x) * x.shape[2]))
        parts = spread(self._see, x.split(rows, dim=1), on=x.device)
        return parts[0] if len(parts) == 1 else Seen.joined(parts)

    def _see(self, x: Tensor) -> Seen:
        channels, finite = self.channels.see(x)
        unusable = ~finite
        if self.exposure is not None:
            unusable |= self.exposure.unusable(x)
        colors = None if self.colors is None else self.colors(x)
        return Seen(channels, colors, unusable)

    def look(self, x: Tensor) -> Look:
        """Return what does not depend on the statistics of an image: see `Look`."""
        seen = self.see(x)
        return Look(seen, self.raw(seen))

    def raw(
        self,
        seen: Seen,
        spans: Sequence[tuple[int, int]] | None = None,
        *,
        origin: tuple[int, int] = (0, 0),
    ) -> tuple[Tensor, ...]:
        """Return per scale the features of what is seen of a region, unreduced.

        Parameters
        ----------
        spans
            The rows and columns that are wanted; see `FilterBank`.
        origin
            Row and column of the region's first pixel in the image.
        """
        channels, colors, _ = seen
        out = self.bank(channels, spans)
        if self.encoder is not None:
            shown = channels if colors is None else colors
            out = (*out, *_stages(self.encoder, shown, spans, origin))
        if self.network is not None:
            out = (*out, *_stages(self.network, channels, spans, origin))
        return out

    def raw_moments(self, regions: Regions) -> list[Moments]:
        """Return the moments of the raw features of each scale."""

        def of(x: Tensor) -> list[Moments]:
            return _moments(self.look(x).raw)

        shown = list(regions())
        parts = spread(of, shown, on=shown[0].device)
        return [
            Moments.sum(level, len(level[0].total))
            for level in zip(*parts, strict=True)
        ]

    @property
    def factors(self) -> tuple[int, ...]:
        """How many times coarser than the image each scale is."""
        extra = (e for e in (self.encoder, self.network) if e is not None)
        return (*self.bank.factors, *(f for e in extra for f in e.factors))

    def like(self, other: Descriptor) -> bool:
        """Whether two differ in the statistics of an image only, see `adapted`."""
        mine, theirs = self.reductions, other.reductions
        return self.channels is other.channels and all(
            a.basis is b.basis for a, b in zip(mine, theirs, strict=True)
        )

    @property
    def mean_size(self) -> float:
        """Mean number of features of a scale."""
        sizes = [int(r.basis.shape[1]) for r in self.reductions]
        return sum(sizes) / len(sizes)

    @property
    def stride(self) -> int:
        """Regions must start at multiples of it."""
        return max(self.factors)

    @property
    def halo(self) -> int:
        """Context in pixels beyond which nothing matters; a multiple of `stride`."""
        extra = (e for e in (self.encoder, self.network) if e is not None)
        reach = max(self.bank.halo, *(e.halo for e in extra), 0)
        return -(-reach // self.stride) * self.stride

    @property
    def bank(self) -> FilterBank:
        """The filters."""
        return FilterBank(self.config, self.channels.n_out, n_bands=self.n_channels)

    def __call__(
        self,
        x: Tensor | Seen,
        spans: Sequence[tuple[int, int]] | None = None,
        *,
        origin: tuple[int, int] = (0, 0),
    ) -> tuple[Tensor, ...]:
        """Return per scale `(d, ceil(h/f), ceil(w/f))` features of `x`.

        Parameters
        ----------
        x
            `(n_channels, h, w)`, or what was seen of it; `f` is the scale's factor.
        spans
            The rows and columns that are wanted; see `FilterBank`.
        origin
            Row and column of the region's first pixel in the image.
        """
        seen = x if isinstance(x, Seen) else self.see(x)
        raw = self.raw(seen, spans, origin=origin)
        return self.reduced(raw)

    def reduced(
        self, raw: Sequence[Tensor], spans: Sequence[tuple[int, int]] | None = None
    ) -> tuple[Tensor, ...]:
        """Return the features that `raw` ones become, or of the `spans` of a region."""
        if spans is not None:
            pairs = zip(raw, self.factors, strict=True)
            raw = [_cut(z, f, spans) for z, f in pairs]
        return tuple(reduce(z) for reduce, z in zip(self.reductions, raw, strict=True))


def _moments(raw: Sequence[Tensor]) -> list[Moments]:
    return [Moments.of(subsample(z, _PIXELS)) for z in raw]


def _stages(
    encoder: StageEncoder,
    shown: Tensor,
    spans: Sequence[tuple[int, int]] | None,
    origin: tuple[int, int],
) -> tuple[Tensor, ...]:
    """Return the stages of the wanted part of a region."""
    with all_cores():
        if isinstance(encoder, PlacedEncoder):
            return encoder.placed(shown, origin=origin, spans=spans)
        stages = encoder(shown)
    if spans is None:
        return stages
    pairs = zip(stages, encoder.factors, strict=True)
    return tuple(_cut(z, f, spans) for z, f in pairs)


def _exposure(
    config: FilterConfig, channels: ChannelMap, regions: Regions
) -> Exposure | None:
    """Return what tells badly exposed pixels, if it is wanted and these are spectra."""
    if not config.exposed_only or channels.light is None:
        return None
    return Exposure.fit(regions())


def _cut(z: Tensor, factor: int, spans: Sequence[tuple[int, int]]) -> Tensor:
    """Return the part of a level's features that covers `spans` of the region."""
    (top, bottom), (left, right) = ((a // factor, -(-b // factor)) for a, b in spans)
    return z[:, top:bottom, left:right]

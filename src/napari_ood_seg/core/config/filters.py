"""Settings of filters, and what is different for spectra."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from napari_ood_seg.core.config.base import require, setting

SPECTRAL_FROM: Final = 9
"""Images with at least this many channels are taken for spectra."""

FILTER_KINDS: Final = ("colour", "gradient", "hessian", "structure", "deviation")
"""Families of filters, see `features.bank`."""

SPECTRAL: Final = ("auto", "l1", "snv", "derivative", "continuum", "none")
"""Normalisations of spectra, see `features.spectral`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterConfig:
    """Which filters describe a pixel.

    Attributes
    ----------
    sigmas
        Scales in pixels, ascending.
    kinds
        Any of `FILTER_KINDS`.
    halve_from
        Scales of at least so many pixels are computed on block means of 2 x 2 pixels,
        those twice as wide on means of those, and so on; `None`: see `halving`.
    """

    sigmas: tuple[float, ...] = (1.0, 2.0, 4.0, 8.0, 16.0)
    halve_from: float | None = None
    kinds: tuple[str, ...] = FILTER_KINDS
    max_components: int = setting(
        8,
        "Channel components",
        "Images with more channels are reduced to this many principal components.",
        min=1,
        max=64,
    )
    n_features: int = setting(
        16,
        "Features per scale",
        "Size of a pixel's description at each scale. More is slower.",
        min=2,
        max=128,
    )
    whitening: float = setting(
        1.0,
        "Whitening",
        "0 keeps the natural variance of the features, 1 gives all the same.",
        min=0.0,
        max=1.0,
    )
    spectral: Literal["auto", "l1", "snv", "derivative", "continuum", "none"] = setting(
        "auto",
        "Spectral normalisation",
        "l1 divides every spectrum by its sum, so that illumination cancels. snv: less "
        "its mean, over its spread. derivative: its slope, after l1. continuum: over "
        "the hull above it, which leaves absorption bands. none: as it is. auto is l1 "
        "for more than 8 channels.",
    )
    components: Literal["pca", "mnf"] = setting(
        "mnf",
        "Components of spectra",
        "Into what more than 8 channels are decorrelated. mnf: those with the least "
        "share of noise, which is told from neighbouring pixels. pca: those with the "
        "most variance.",
    )
    brightness: bool = setting(
        False,
        "Brightness of spectra",
        "Also look at how bright a normalised spectrum was. For classes that differ in "
        "nothing else; uneven light then changes the result.",
    )
    exposed_only: bool = setting(
        False,
        "Leave out highlights",
        "Learn nothing from specular highlights and under-exposed pixels of spectra, "
        "and take them for unknown.",
    )

    def __post_init__(self) -> None:
        require(
            len(self.sigmas) > 0 and all(s > 0 for s in self.sigmas),
            f"filter scales must be positive, got {self.sigmas}",
        )
        require(
            tuple(sorted(self.sigmas)) == self.sigmas,
            f"filter scales must ascend, got {self.sigmas}",
        )
        require(
            self.halve_from is None or self.halve_from > 1,
            f"levels of a pyramid need a scale above 1 pixel, got {self.halve_from}",
        )
        require(len(self.kinds) > 0, "choose at least one kind of filter")
        strange = set(self.kinds) - set(FILTER_KINDS)
        require(not strange, f"unknown filter kinds: {', '.join(sorted(strange))}")
        require(
            self.spectral in SPECTRAL,
            f"unknown spectral normalisation {self.spectral!r}: choose one of "
            + ", ".join(SPECTRAL),
        )
        require(
            self.components in {"pca", "mnf"},
            f"unknown components {self.components!r}: choose pca or mnf",
        )
        require(self.n_features >= 2, "need at least 2 features")
        require(0 <= self.whitening <= 1, "whitening must lie in [0, 1]")

    def halving(self, n_channels: int) -> float:
        """Return from which scale on an image is halved: early if it is spectra.

        Frames of many bands are filtered in half the time, and classes and the unknown
        are told as well either way; but among looks of colour images, the guide finds
        a class that nobody painted less often.

        Examples
        --------
        >>> FilterConfig().halving(3), FilterConfig().halving(100)
        (3.0, 2.0)
        """
        usual = 2.0 if n_channels >= SPECTRAL_FROM else 3.0
        return usual if self.halve_from is None else self.halve_from


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectralConfig:
    """What is different on images with more than 8 channels.

    The spectrum of a pixel says more than what is around it: features of wide
    surroundings blur the borders of what is unknown. Spectra vary along few directions
    within a class, and strokes show little of that: shapes are shrunk more.

    Attributes
    ----------
    sigmas, kinds
        As in `FilterConfig`, whose place they take, see `InstantConfig.suited`.
    """

    like_others: bool = setting(
        False,
        "Like other images",
        "Describe, smooth and shrink as on other images, edges and texture at all "
        "scales included. Slower; for many stains rather than spectra.",
    )
    smoothing: float = setting(
        0.5,
        "Smoothing",
        "Scores of neighbouring pixels are averaged over this many pixels; 0 for "
        "the sharpest result.",
        min=0.0,
        max=10.0,
    )
    shrinkage: float = setting(
        0.5,
        "Shrinkage",
        "How much the shape of the classes is drawn towards a sphere; more for few "
        "scribbles.",
        min=0.001,
        max=1.0,
    )
    distance: float = setting(
        0.5,
        "Distance",
        "Weight of the plain distance to the nearest class beside the OOD scores: what "
        "lies far away is unknown, whatever the direction.",
        min=0.0,
        max=5.0,
    )
    sigmas: tuple[float, ...] = (0.7, 2.0)
    kinds: tuple[str, ...] = ("colour",)

"""Settings of tiles, filters, heads and the instant engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from napari_ood_seg.core.config.base import require, setting

SPECTRAL_FROM: Final = 9
"""Images with at least this many channels are taken for spectra."""

FILTER_KINDS: Final = ("colour", "gradient", "hessian", "structure", "deviation")
"""Families of filters, see `features.bank`."""

SPECTRAL: Final = ("auto", "l1", "snv", "derivative", "continuum", "none")
"""Normalisations of spectra, see `features.spectral`."""

DETECTORS: Final = (
    "mahalanobis",
    "mahalanobis++",
    "relative mahalanobis",
    "relative mahalanobis++",
    "nearest neighbour",
    "dnp",
    "cdnp",
    "nnguide",
    "gaussian mixture",
    "msp",
    "temperature",
    "max logit",
    "standardised max logit",
    "energy",
    "entropy",
    "gen",
    "doctor",
    "kl matching",
    "odin",
    "residual",
    "vim",
    "neco",
    "react",
    "ash-p",
    "ash-b",
    "ash-s",
    "scale",
    "fdbd",
    "she",
    "nci",
    "nnpu",
    "one-vs-rest",
    "augmented",
    "t-honecls",
)
"""Names of the OOD scores, see `ood.registry`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TileConfig:
    """Size of a tile and of the context around it, in pixels.

    Attributes
    ----------
    size
        Edge of the part of a tile that is kept.
    halo
        Context added on every side, then thrown away.
    """

    size: int = 512
    halo: int = 64

    def __post_init__(self) -> None:
        require(
            self.size > 0 and self.halo >= 0,
            f"need size > 0 and halo >= 0, got {self.size} and {self.halo}",
        )


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
class PUConfig:
    """The head that learns scribbled against unlabelled pixels."""

    objective: Literal["nnpu", "one-vs-rest", "augmented", "t-honecls"] = setting(
        "nnpu",
        "Objective",
        "nnpu: known against unknown. one-vs-rest: each class against all else. "
        "augmented: all classes and the unknown at once. t-honecls: known against "
        "unknown, with no known share to give.",
    )
    prior_from: Literal["typed", "bbe", "ted"] = setting(
        "typed",
        "Known share from",
        "typed takes the number below; bbe estimates the share of each class from "
        "held-out scribbles and the unlabelled pixels; ted estimates the share of all "
        "classes together, leaving the surely known out of training, round by round.",
    )
    prior: float = setting(
        0.5,
        "Known share",
        "Share of the unlabelled pixels that is taken to be of the scribbled classes.",
        min=0.05,
        max=0.95,
    )
    steps: int = setting(200, "Steps", "Training steps of the head.", min=1, max=5000)
    hidden: int = 48
    members: int = 2
    learning_rate: float = 1e-2
    n_pixels: int = 2500
    seed: int = 0

    def __post_init__(self) -> None:
        require(0 < self.prior < 1, f"the known share lies in (0, 1), got {self.prior}")
        require(self.steps > 0, f"need at least 1 step, got {self.steps}")
        require(
            self.objective in {"nnpu", "one-vs-rest", "augmented", "t-honecls"},
            f"unknown PU objective: {self.objective}",
        )
        require(
            self.prior_from in {"typed", "bbe", "ted"},
            f"the known share is typed or from bbe or ted, got {self.prior_from}",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class InstantConfig:
    """Settings of the instant engine."""

    detectors: tuple[str, ...] = setting(
        ("mahalanobis++",),
        "OOD scores",
        "Detectors whose scores are averaged. What each needs and costs: see the "
        "documentation.",
        choices=DETECTORS,
    )
    ambiguity: float = setting(
        0.15,
        "Ambiguity",
        "Weight of how close the second best class comes, beside the OOD scores.",
        min=0.0,
        max=5.0,
    )
    distance: float = setting(
        0.0,
        "Distance",
        "Weight of the plain distance to the nearest class beside the OOD scores.",
        min=0.0,
        max=5.0,
    )
    by_classes: bool = setting(
        True,
        "Weigh by own classes",
        "With three classes or more, leave each out in turn and let that change these "
        "weights where it clearly helps.",
    )
    calibration: Literal["strokes", "pixels"] = setting(
        "strokes",
        "Threshold from",
        "strokes: every stroke stands for others to come, right with few strokes. "
        "pixels: held-out pixels are counted, for very many strokes.",
    )
    per_class: bool = setting(
        False,
        "Threshold per class",
        "Keep the same share of every class; needs several strokes of each.",
    )
    smoothing: float = setting(
        1.0,
        "Smoothing",
        "Scores of neighbouring pixels are averaged over this many pixels; 0 for "
        "the sharpest result.",
        min=0.0,
        max=10.0,
    )
    edge_aware: bool = setting(
        False,
        "Edge-aware",
        "Smooth along edges of the image but not across them. Sharper borders; scores "
        "of thin unknown structures may follow their surroundings.",
    )
    shrinkage: float = setting(
        0.02,
        "Shrinkage",
        "How much the shape of the classes is drawn towards a sphere; more for few "
        "scribbles.",
        min=0.001,
        max=1.0,
    )
    own_shape: float = setting(
        0.5,
        "Own shape",
        "0 gives all classes the same spread of features, 1 each its own.",
        min=0.0,
        max=1.0,
    )
    encoder: str = setting(
        "",
        "Encoder",
        "Pretrained encoder that is used beside the filters on images with up to 8 "
        "channels: a file of SqueezeNet 1.0 or VGG weights, a folder or the name of a "
        "model of Hugging Face; empty for none.",
        elsewhere=True,
    )
    encoder_channels: Literal["project", "adapt"] = setting(
        "project",
        "Encoder sees",
        "How other than one or three channels are shown to an encoder of colour "
        "images. project: their first three principal components. adapt: the channels "
        "take turns as red, green and blue, each with its weights.",
    )
    encoder_on_spectra: bool = setting(
        False,
        "Encoder on spectra",
        "Also use the encoder on images with more than 8 channels, beside the spectral "
        "features. It sees the colours of daylight if the wavelengths cover the "
        "visible, else principal components.",
    )
    filters: FilterConfig = field(
        default_factory=FilterConfig, metadata={"label": "Filters"}
    )
    pu: PUConfig = field(
        default_factory=PUConfig, metadata={"label": "Scores that learn (nnpu ...)"}
    )
    tile: int = 512
    n_unlabelled: int = 12_000
    n_per_stroke: int = 1_000
    n_probes: int = 64
    folds: int = 8
    seed: int = 0

    def __post_init__(self) -> None:
        require(0 < self.shrinkage <= 1, "shrinkage must lie in (0, 1]")
        require(0 <= self.own_shape <= 1, "own shape must lie in [0, 1]")
        require(0 <= self.smoothing <= 10, "smoothing must lie in [0, 10]")
        require(self.tile > 0, f"tiles need a size above 0, got {self.tile}")
        require(
            min(self.n_per_stroke, self.n_probes, self.n_unlabelled) > 0,
            "need at least 1 pixel per stroke, probe and image",
        )
        require(len(self.detectors) > 0, "choose at least one OOD score")
        strange = set(self.detectors) - set(DETECTORS)
        require(not strange, f"unknown OOD scores: {', '.join(sorted(strange))}")
        require(min(self.distance, self.ambiguity) >= 0, "weights must not be negative")
        require(
            self.calibration in {"strokes", "pixels"},
            f"the threshold is from strokes or pixels, not {self.calibration}",
        )
        require(self.folds >= 2, "need at least 2 folds")

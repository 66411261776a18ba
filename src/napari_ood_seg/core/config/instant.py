"""Settings of tiles, heads and the instant engine."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final, Literal

from napari_ood_seg.core.config.base import require, setting
from napari_ood_seg.core.config.filters import (
    SPECTRAL_FROM,
    FilterConfig,
    SpectralConfig,
)

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
    spectra: SpectralConfig = field(
        default_factory=SpectralConfig,
        metadata={
            "label": "More than 8 channels",
            "tooltip": "On such images these hold, not those of the same names above.",
        },
    )
    pu: PUConfig = field(
        default_factory=PUConfig, metadata={"label": "Scores that learn (nnpu ...)"}
    )
    tile: int = 512
    n_unlabelled: int = 12_000
    n_per_stroke: int = 1_000
    n_probes: int = 32
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
        self.suited(SPECTRAL_FROM)  # which refuses what does not go together

    def suited(self, n_channels: int) -> InstantConfig:
        """Return the settings that hold for images with so many channels.

        Examples
        --------
        >>> config = InstantConfig()
        >>> config.suited(3) is config, config.suited(100).filters.sigmas
        (True, (0.7, 2.0))
        """
        own = self.spectra
        if n_channels < SPECTRAL_FROM or own.like_others:
            return self
        return replace(
            self,
            filters=replace(self.filters, sigmas=own.sigmas, kinds=own.kinds),
            smoothing=own.smoothing,
            shrinkage=own.shrinkage,
            distance=own.distance,
            spectra=replace(own, like_others=True),  # they are what holds now
        )

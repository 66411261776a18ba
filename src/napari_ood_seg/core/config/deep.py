"""Settings of the deep engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from napari_ood_seg.core.config.base import require, setting
from napari_ood_seg.core.config.instant import InstantConfig

NETWORKS: Final = (
    "small",
    "spectral",
    "backbone",
    *(f"efficientnet-b{i}" for i in range(8)),
)
"""Names of the networks, see `models.network`."""

WINDOW: Final = 224
"""Edge in pixels of what pretrained encoders are shown: most were trained on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeepConfig:
    """Settings of the deep engine: its network, its training, and what follows.

    Attributes
    ----------
    heads
        Of all that comes after the network.
    """

    network: Literal[
        "small",
        "spectral",
        "backbone",
        "efficientnet-b0",
        "efficientnet-b1",
        "efficientnet-b2",
        "efficientnet-b3",
        "efficientnet-b4",
        "efficientnet-b5",
        "efficientnet-b6",
        "efficientnet-b7",
    ] = setting(
        "small",
        "Network",
        "small: a U-Net from scratch. spectral: the spectrum of each pixel, for "
        "itself. efficientnet: larger encoders from MONAI, slower; they need "
        'pip install "napari-ood-seg[deep]". backbone: a pretrained encoder, which is '
        "trained on with a light decoder; name its weights below. Those of Hugging "
        'Face need pip install "napari-ood-seg[encoders]".',
    )
    evidence: Literal["filters", "both", "network"] = setting(
        "filters",
        "Unknown by",
        "What says that a pixel is unknown: the filters, the network, or both. A "
        "network that learned to tell classes apart sees the unknown as one of them; "
        "the classes themselves are told by both, as held-out strokes say.",
    )
    width: int = setting(
        24,
        "Width",
        "Channels of the finest scale (small network), or of all of them (backbone); "
        "bands are filtered by as many.",
        min=8,
        max=128,
    )
    stem: bool = setting(
        True,
        "Mix spectra first",
        "Two layers in front of a U-Net mix the channels of each pixel; only for "
        "spectra, and not before pretrained weights.",
    )
    pretrained: str = setting(
        "",
        "Pretrained weights",
        "File with weights of the chosen EfficientNet; empty to start from scratch. "
        "For backbone a folder, a file, or owner/name of an encoder on this machine.",
    )
    encoder_rate: float = setting(
        0.1,
        "Pretrained rate",
        "How fast a pretrained encoder learns, as a share of what the rest does; 0 "
        "keeps it as it is (backbone).",
        min=0.0,
        max=1.0,
        step=0.05,
    )
    steps: int = setting(300, "Steps", "Training steps at most.", min=1, max=1_000_000)
    warm_steps: int = setting(
        100,
        "Steps after more strokes",
        "Training steps at most when it goes on from the last network.",
        min=1,
        max=1_000_000,
    )
    objective: Literal["partial cross-entropy", "nnpu"] = setting(
        "partial cross-entropy",
        "Objective",
        "partial cross-entropy: scribbled pixels only. nnpu: known against unlabelled "
        "pixels as well, with the typed known share; twice as slow.",
    )
    seconds: float = setting(
        60.0, "Seconds", "Training time at most.", min=1.0, max=1e6
    )
    learning_rate: float = 3e-3
    weight_decay: float = 1e-3
    batch: int = 8
    patch: int = 96
    ema: float = 0.95
    patience: int = 6
    check_every: int = 20
    hold_one_in: int = 4
    augment: bool = True
    seed: int = 0
    heads: InstantConfig = field(
        default_factory=InstantConfig, metadata={"elsewhere": True}
    )

    @property
    def edge(self) -> int:
        """Edge in pixels of what a network is shown.

        One of pixels needs no context; a pretrained encoder is shown whole windows.
        """
        if self.network == "backbone":
            return WINDOW
        return min(self.patch, 32) if self.network == "spectral" else self.patch

    def __post_init__(self) -> None:
        require(self.width >= 4, f"the network needs a width of 4, got {self.width}")
        require(
            min(self.steps, self.warm_steps, self.batch, self.patience) > 0
            and self.check_every > 0,
            "need at least 1 step, patch and check",
        )
        require(self.network in NETWORKS, f"unknown network: {self.network}")
        own = self.network in {"small", "spectral"}
        require(
            not self.network.startswith("efficientnet")
            or (self.patch >= 64 and self.patch % 32 == 0),
            f"for {self.network}, patches are 64, 96 ... pixels wide: {self.patch}",
        )
        require(
            self.patch >= 16 and self.patch % 8 == 0,
            f"patches are 16, 24, 32 ... pixels wide, got {self.patch}",
        )
        require(
            not (own and self.pretrained),
            f"the {self.network} network has no pretrained weights: choose an "
            "efficientnet",
        )
        require(
            self.network != "backbone" or self.pretrained != "",
            "the backbone network needs pretrained weights: name a folder, a file, or "
            "owner/name of an encoder on this machine",
        )
        require(
            0 <= self.encoder_rate <= 1,
            f"a pretrained encoder's rate lies in [0, 1]: {self.encoder_rate}",
        )
        require(
            self.objective in {"partial cross-entropy", "nnpu"},
            f"unknown objective of the network: {self.objective}",
        )
        require(
            self.objective != "nnpu" or self.heads.pu.prior_from == "typed",
            "nnpu of a network needs a typed known share",
        )
        require(self.seconds > 0, "training needs some time")
        require(0 <= self.ema < 1, f"the average's memory lies in [0, 1): {self.ema}")
        require(self.hold_one_in >= 2, "at most every second stroke is held out")
        require(
            self.evidence in {"filters", "both", "network"},
            f"unknown is told by filters, network or both, not {self.evidence}",
        )

"""Networks by name, and what detectors see of a trained one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

from napari_ood_seg.core.features.between_layers import ask_between_layers
from napari_ood_seg.core.features.windows import Windowed
from napari_ood_seg.core.models import backbone, spectral
from napari_ood_seg.core.models.unet import UNet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from torch import Tensor

    from napari_ood_seg.core.models.staged import StagedNet


def build(
    architecture: str,
    sizes: tuple[int, ...],
    about: Mapping[str, Any] | None = None,
) -> StagedNet:
    """Return an untrained network.

    Parameters
    ----------
    architecture
        One of `config.NETWORKS`.
    sizes
        Channels of the input, classes, and the width, which only our own need; then,
        if any, channels of the stem (``spectral``: bands of the spectra).
    about
        Of ``backbone``, its encoder, see `trainable.facts_of`.

    Raises
    ------
    DependencyError
        If MONAI is missing and the network is none of ours.
    EncoderError
        If transformers is missing and the encoder is one of its own.
    """
    n_in, n_classes, width, *more = sizes
    if architecture == "small":
        return UNet(n_in, n_classes, width, *more)
    if architecture == spectral.NAME:
        return spectral.SpectralNet(n_in, n_classes, width, *more)
    if architecture == backbone.NAME:
        return backbone.BackboneNet(n_in, n_classes, width, about or {})
    from napari_ood_seg.core.models.efficient import EfficientUNet  # MONAI is slow

    return EfficientUNet(n_in, n_classes, architecture, *more)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Network:
    """A trained network as further scales of a `Descriptor`; frozen.

    Attributes
    ----------
    name
        For people.
    weights
        By name, of the network in evaluation mode.
    sizes
        `n_in`, `n_classes`, `width` and maybe more, see `build`.
    architecture
        One of `config.NETWORKS`.
    factors
        How many times coarser than the image each stage is.
    halo
        Context in pixels that a tile is given; a multiple of the stride. Beyond that
        of ``small`` nothing matters; for others see `EfficientUNet`.
    about
        See `StagedNet`.
    """

    name: str
    weights: Mapping[str, Tensor] = field(repr=False)
    sizes: tuple[int, ...]
    architecture: str
    factors: tuple[int, ...]
    halo: int
    about: Mapping[str, Any] = field(default_factory=dict, repr=False)
    _ready: dict[torch.device, StagedNet] = field(
        default_factory=dict, repr=False, compare=False
    )

    @classmethod
    def of(cls, net: StagedNet, *, name: str) -> Network:
        """Return a frozen copy of a network."""
        weights = {k: v.detach().cpu().clone() for k, v in net.state_dict().items()}
        return cls._like(net, name, weights)

    @classmethod
    def restored(
        cls, facts: Mapping[str, Any], weights: Mapping[str, Tensor]
    ) -> Network:
        """Return the network that `facts` and tensors of a model file describe.

        Raises
        ------
        ValueError
            If the tensors are those of another network.
        DependencyError
            If it needs MONAI and that is missing.
        EncoderError
            If it needs transformers and that is missing.
        """
        sizes = tuple(int(n) for n in facts["sizes"])
        architecture = str(facts.get("architecture", "small"))  # files of before
        net = build(architecture, sizes, facts.get("encoder"))
        try:
            net.load_state_dict(dict(weights))
        except RuntimeError as error:
            raise ValueError(f"its weights do not fit together: {error}") from error
        return cls._like(net, str(facts["name"]), weights)

    @classmethod
    def _like(cls, net: StagedNet, name: str, weights: Mapping[str, Tensor]) -> Network:
        kind = WindowedNetwork if net.windowed else Network
        return kind(
            name=name,
            weights=weights,
            sizes=net.sizes,
            architecture=net.architecture,
            factors=net.factors,
            halo=net.halo,
            about=dict(net.about),
        )

    @property
    def facts(self) -> dict[str, Any]:
        """What `restored` needs beside the weights."""
        facts = {
            "name": self.name,
            "architecture": self.architecture,
            "sizes": list(self.sizes),
        }
        return {**facts, "encoder": dict(self.about)} if self.about else facts

    @property
    def colors(self) -> bool:
        """It takes all channels."""
        return False

    @torch.inference_mode()
    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the stages, `(c_i, ceil(h/f), ceil(w/f))`, of `(n_in, h, w)`."""
        height, width = x.shape[1:]
        net = self.module(x.device)
        stages = net.stages(_to_multiple(x, net.stride)[None])
        return tuple(
            z[0, :, : -(-height // f), : -(-width // f)]
            for z, f in zip(stages, self.factors, strict=True)
        )

    def module(self, device: torch.device) -> StagedNet:
        """Return the network on a device, in evaluation mode; not to be changed."""
        if device not in self._ready:
            net = build(self.architecture, self.sizes, self.about)
            net.load_state_dict(dict(self.weights))
            ask_between_layers(net)
            self._ready[device] = net.to(device).eval()
        return self._ready[device]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class WindowedNetwork(Windowed, Network):
    """A trained network that is shown windows of an image, see `features.windows`."""

    def on(self, device: torch.device) -> Callable[[Tensor], list[Tensor]]:
        """Return what gives the stages of windows on a device."""
        return self.module(device).stages


def _to_multiple(x: Tensor, stride: int) -> Tensor:
    """Return `(c, h, w)` with its last row and column repeated up to multiples."""
    below, right = (-n % stride for n in x.shape[1:])
    return F.pad(x[None], (0, right, 0, below), mode="replicate")[0]

"""A pretrained encoder and a light decoder, both trained on the scribbles."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import nn

from napari_ood_seg.core.config.deep import WINDOW
from napari_ood_seg.core.features.channels import repeated
from napari_ood_seg.core.features.trainable import body_of
from napari_ood_seg.core.models.staged import StagedNet

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from napari_ood_seg.core.features.channels import ChannelMap, ColorMap

NAME: Final = "backbone"
"""In `config.NETWORKS`."""

FIXED: Final = frozenset({"mix", "shift"})
"""Names of the tensors that say what the channels are; not learned."""

_COARSEST: Final = 16
"""Stages that are coarser than this help the others, but are no scales."""


class BackboneNet(StagedNet):
    """A pyramid of features on the stages of a pretrained encoder.

    Each stage is brought to `width` channels by a 1 x 1 convolution; from the coarsest
    on, each is enlarged, added to the next finer one and smoothed by a 3 x 3
    convolution. The finest one gives the logits, which are enlarged to the image.

    Most such encoders attend to all that they are shown, or count places from where it
    begins. So a trained one is shown windows on a grid that is fixed to the image, see
    `features.windows`, and is trained on patches of that size. Tiles then equal the
    whole to rounding, whatever the encoder is.

    Parameters
    ----------
    n_in
        Channels of the input.
    n_classes
        Maps of logits.
    width
        Channels of each stage.
    about
        The encoder, see `trainable.facts_of`; its weights say nothing until they are
        adopted.

    Raises
    ------
    EncoderError
        If the encoder needs transformers, and that is missing.

    References
    ----------
    Lin et al., Feature pyramid networks for object detection, CVPR 2017.
    """

    mix: Tensor
    shift: Tensor

    def __init__(
        self, n_in: int, n_classes: int, width: int, about: Mapping[str, Any]
    ) -> None:
        super().__init__()
        self.architecture, self.sizes = NAME, (n_in, n_classes, width)
        self.about, self.windowed = dict(about), True
        self.body = body_of(about)
        self.stride, self.halo = self.body.stride, WINDOW
        factors = self.body.factors
        fine = tuple(f for f in factors if f <= _COARSEST)
        self.factors = fine or factors[:1]
        self.register_buffer("mix", repeated(n_in).T / 4)
        self.register_buffer("shift", torch.full((3,), 0.5))
        with torch.no_grad():
            found = self.body(torch.zeros(1, 3, WINDOW, WINDOW))
        self.beside = nn.ModuleList(_narrowed(z.shape[1], width) for z in found)
        self.smooth = nn.ModuleList(_smoothed(width) for _ in found)
        self.head = nn.Conv2d(width, n_classes, 1)

    def adopt(self, mix: Tensor, shift: Tensor) -> None:
        """Say what colours the channels of the input are, see `mixing`."""
        self.mix.copy_(mix)
        self.shift.copy_(shift)

    def teach(self, *, encoder: bool) -> None:
        """Let the encoder learn with the decoder, or keep it as it is.

        What no stage depends on is never trained: weights without a gradient would
        stop several processes from training together.
        """
        self.body.requires_grad_(encoder)
        if encoder:
            for parameter in self.body.unused():
                parameter.requires_grad = False

    def groups(self, rate: float, encoder_rate: float) -> list[dict[str, Any]]:
        """Return what is trained, the encoder at a rate of its own."""
        body = {id(p) for p in self.body.parameters()}
        own = [p for p in self.parameters() if id(p) not in body]
        learned = [p for p in self.body.parameters() if p.requires_grad]
        encoder = {"params": learned, "lr": rate * encoder_rate}
        return [{"params": own, "lr": rate}, *([encoder] if learned else [])]

    def colors(self, x: Tensor) -> Tensor:
        """Return the `(b, 3, h, w)` colours that the encoder sees of channels."""
        return F.conv2d(x, self.mix[:, :, None, None], self.shift).clamp(-0.5, 1.5)

    def stages(self, x: Tensor) -> list[Tensor]:
        """Return `(b, width, h / f, w / f)` stages, the finest first.

        Parameters
        ----------
        x
            `(b, n_in, h, w)`; height and width are multiples of `stride`.
        """
        encoded = self.body(self.colors(x))
        z: Tensor | None = None
        out: list[Tensor] = []
        for i in reversed(range(len(encoded))):
            mine = self.beside[i](encoded[i])
            if z is not None:
                mine = mine + F.interpolate(
                    z, mine.shape[2:], mode="bilinear", align_corners=False
                )
            z = self.smooth[i](mine)
            out.append(z)
        return out[::-1][: len(self.factors)]

    def forward(self, x: Tensor) -> Tensor:
        """Return `(b, n_classes, h, w)` logits."""
        logits = self.head(self.stages(x)[0])
        return F.interpolate(logits, x.shape[2:], mode="bilinear", align_corners=False)


def mixing(channels: ChannelMap, colors: ColorMap) -> tuple[Tensor, Tensor]:
    """Return how colours come from channels, so that a network need not see pixels.

    Parameters
    ----------
    channels
        What the network is shown.
    colors
        Fitted to the image; where `channels` divide spectra by their brightness, which
        cannot be undone, to the channels.

    Returns
    -------
    `(3, n_out)` and `(3,)`: colours are the former times the channels, plus the latter.
    What lies outside the axes of `channels` is lost: nothing of up to as many channels
    as there are axes.
    """
    span = colors.high - colors.low
    basis = colors.basis.T.double()
    if channels.light is not None:
        mix, shift = basis, torch.full((3,), -colors.low, dtype=torch.float64)
    else:
        back = torch.linalg.pinv(channels.basis.double().T)
        mix = basis @ back * channels.scale
        shift = basis @ channels.mean.double() - colors.low
    return (mix / span).float(), (shift / span).float()


def _narrowed(n_in: int, n_out: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(n_in, n_out, 1, bias=False), nn.BatchNorm2d(n_out))


def _smoothed(n: int) -> nn.Sequential:
    conv = nn.Conv2d(n, n, 3, padding=1, padding_mode="replicate", bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(n), nn.ReLU(inplace=True))

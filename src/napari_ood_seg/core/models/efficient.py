"""MONAI's `FlexibleUNet` with an EfficientNet encoder, made fit for tiles."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention
from torch import nn

from napari_ood_seg.core.errors import DependencyError, FileFormatError
from napari_ood_seg.core.features.weights import read_state
from napari_ood_seg.core.models.spectral import stem
from napari_ood_seg.core.models.staged import StagedNet

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Padding = tuple[int, int, int, int]

_STRIDE: Final = 32
_HALO: Final = 320
_MOMENTUM: Final = 0.1
"""Of running means; MONAI's 0.01 in the encoder needs thousands of steps."""

_MISSING: Final = (
    "EfficientNet networks need MONAI, which is not installed here: run "
    'pip install "napari-ood-seg[deep]", or choose the small network'
)


class EfficientUNet(StagedNet):
    """`FlexibleUNet` with an EfficientNet encoder and any number of channels.

    Four things differ from MONAI's:

    - Borders are repeated, as zeros look like something never seen.
    - Squeeze-and-excite sees the mean of the batch, and a running mean once trained
      (`Squeeze`). Pooled image by image, each tile would be scaled in its own way.
    - No connections are dropped: that draws from a generator that is not ours, and
      a training that is taken up again would come to other weights.
    - What only serves classification is left out.

    The encoder of b0 looks some 425 pixels far and that of b7 more than 1,500, but
    next to nothing depends on the far end: a halo of 320 pixels is given, and what
    lies beyond changes no value of a stage by more than a hundredth of its spread
    (b0 and b4 with random weights). Tiles fit together within that, not bit for bit.

    Parameters
    ----------
    n_in
        Channels of the input.
    n_classes
        Maps of logits.
    architecture
        ``efficientnet-b0`` to ``efficientnet-b7``.
    n_stem
        Channels that the stem for spectra mixes from those of the input; 0: no stem.

    Raises
    ------
    DependencyError
        If MONAI is missing.

    References
    ----------
    Tan and Le, EfficientNet, ICML 2019; Cardoso et al., MONAI, 2022.
    """

    def __init__(
        self, n_in: int, n_classes: int, architecture: str, n_stem: int = 0
    ) -> None:
        super().__init__()
        self.architecture = architecture
        self.sizes = (n_in, n_classes, 0, *([n_stem] if n_stem else []))
        self.stride, self.halo = _STRIDE, _HALO
        self.factors = (2, 4, 8, 16)  # the stage at full resolution is too thin
        with torch.random.fork_rng(devices=[]):  # its first weights are not used
            net = _flexible_unet()(n_stem or n_in, n_classes, architecture)
        self.stem = stem(n_in, n_stem) if n_stem else nn.Identity()
        self.encoder, self.decoder = net.encoder, net.decoder
        self.head = net.segmentation_head
        _adapt(self)

    def stages(self, x: Tensor) -> list[Tensor]:
        """Return the decoder's stages at factors 2, 4, 8 and 16, the finest first.

        Parameters
        ----------
        x
            `(b, n_in, h, w)`; height and width are multiples of 32.
        """
        return self._decoded(x)[-2::-1]

    def forward(self, x: Tensor) -> Tensor:
        """Return `(b, n_classes, h, w)` logits."""
        logits: Tensor = self.head(self._decoded(x)[-1])
        return logits

    def _decoded(self, x: Tensor) -> list[Tensor]:
        """Return the output of each block of the decoder, the coarsest first."""
        encoded: list[Tensor | None] = list(self.encoder(self.stem(x)))
        z, skips = encoded[-1], [*encoded[-2::-1], None]
        out: list[Tensor] = []
        for block, skip in zip(self.decoder.blocks, skips, strict=True):
            z = block(z, skip)
            out.append(z)
        return out


class Squeeze(nn.Module):
    """The mean that squeeze-and-excite looks at: of the batch, later a running one.

    Attributes
    ----------
    total
        Sums a tensor across processes; set where several train together.
    """

    mean: Tensor

    def __init__(self, n_channels: int) -> None:
        super().__init__()
        self.total: Callable[[Tensor], Tensor] | None = None
        self.register_buffer("mean", torch.zeros(1, n_channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """Return `(1, c, 1, 1)` means of `x`, `(b, c, h, w)`."""
        if not self.training:
            return self.mean.to(x.dtype)
        sums = x.sum((0, 2, 3), dtype=self.mean.dtype)
        count = sums.new_tensor([x.numel() / x.shape[1]])
        if self.total is not None:
            sums = self.total(torch.cat([sums, count]))
            sums, count = sums[:-1], sums[-1:]
        found = (sums / count).view_as(self.mean)
        self.mean.lerp_(found.detach(), _MOMENTUM)
        return found.to(x.dtype)


class Repeat(nn.Module):
    """Pads by repeating the border.

    Parameters
    ----------
    padding
        Pixels on the left, right, top and bottom.
    """

    def __init__(self, padding: Padding) -> None:
        super().__init__()
        self.padding = padding

    def forward(self, x: Tensor) -> Tensor:
        """Return `x`, `(b, c, h, w)`, padded."""
        return F.pad(x, self.padding, mode="replicate")


def load_pretrained(
    net: EfficientUNet, path: str | Path, *, basis: Tensor | None = None
) -> None:
    """Give the encoder the weights in a file.

    The network is shown decorrelated channels, the weights were trained on red, green
    and blue of spread 1. With the axes of the former, the first layer is turned to
    them, up to their scale and a constant, which batch normalisation takes out.
    Without, all channels are taken for grey.

    Parameters
    ----------
    path
        A state dict, ``.safetensors`` or ``.pth`` (read with ``weights_only``), with
        the names of MONAI or of efficientnet-pytorch.
    basis
        `(3, n_in)` orthonormal axes of colours, see `ChannelMap`.

    Raises
    ------
    FileFormatError
        If the file is missing, damaged or of another network.
    """
    path = Path(path)
    found = {
        re.sub(r"^(module\.)?(encoder\.)?", "", k): v.float()
        for k, v in read_state(path).items()
    }
    own = net.encoder.state_dict()
    chosen = {k: found.get(k, found.get(_flat(k))) for k in own}
    stem = chosen["_conv_stem.weight"]
    if stem is not None:
        chosen["_conv_stem.weight"] = adapt_stem(stem, own["_conv_stem.weight"], basis)
    usable = {
        k: v for k, v in chosen.items() if v is not None and v.shape == own[k].shape
    }
    lacking = [k for k in own if k not in usable and not _is_ours(k)]
    if lacking:
        raise FileFormatError(
            f"the weights {path.name!r} are not those of {net.architecture}: "
            f"{len(lacking)} of {len(own)} tensors are missing or of another shape, "
            f"for example {lacking[0]!r}; choose the network that they belong to"
        )
    net.encoder.load_state_dict({**own, **usable})


def adapt_stem(weight: Tensor, own: Tensor, basis: Tensor | None) -> Tensor:
    """Return the first layer of a network on colours for other channels.

    Parameters
    ----------
    weight
        `(o, 3, k, k)`, for channels of spread 1.
    own
        `(o, n_in, k, k)`, for its shape.
    basis
        `(3, n_in)` axes of channels whose first has spread 1; `None` for unknown ones.

    Examples
    --------
    An edge between red and green, seen along the axis on which these differ:

    >>> w = torch.tensor([1.0, -1.0, 0.0]).view(1, 3, 1, 1)
    >>> axis = torch.tensor([[1.0], [-1.0], [0.0]]) / 2**0.5
    >>> round(float(adapt_stem(w, torch.zeros(1, 1, 1, 1), axis)), 4)  # sqrt(2 * 3)
    2.4495
    >>> grey = adapt_stem(w, torch.zeros(1, 5, 1, 1), None)
    >>> grey.flatten().tolist()
    [0.0, 0.0, 0.0, 0.0, 0.0]
    """
    n_in = own.shape[1]
    if basis is None or basis.shape != (weight.shape[1], n_in):
        return weight.sum(1, keepdim=True).expand(-1, n_in, -1, -1) / n_in
    return torch.einsum("ocij,cn->onij", weight, basis) * 3**0.5


def _flexible_unet() -> Callable[[int, int, str], Any]:
    try:
        from monai.networks.nets.flexible_unet import FlexibleUNet
    except ImportError as error:
        raise DependencyError(_MISSING) from error
    make: Callable[[int, int, str], Any] = FlexibleUNet
    return make


def _adapt(net: nn.Module) -> None:
    """Replace padding, pooling and norms, and take out what draws or is not used."""
    for name, part in list(net.named_modules()):
        if name.endswith(("_conv_head", "_bn1", "_fc")) and name.count(".") == 1:
            _replace(net, name, nn.Identity())
        elif isinstance(part, nn.AdaptiveAvgPool2d):
            squeezed = net.get_submodule(name.replace("_se_adaptpool", "_se_reduce"))
            if isinstance(squeezed, nn.Conv2d):
                _replace(net, name, Squeeze(squeezed.in_channels))
        elif isinstance(part, nn.ConstantPad2d):
            conv = net.get_submodule(name.removesuffix("_padding"))
            _replace(net, name, Repeat(_around(conv)))
        elif isinstance(part, nn.Conv2d) and part.padding != (0, 0):
            part.padding_mode = "replicate"
        elif isinstance(part, nn.BatchNorm2d):
            part.momentum = _MOMENTUM
        elif hasattr(part, "drop_connect_rate"):
            setattr(part, "drop_connect_rate", 0.0)  # noqa: B010 - no tensor, for mypy


def _around(conv: nn.Module) -> Padding:
    """Return the padding that gives each block of pixels one value."""
    assert isinstance(conv, nn.Conv2d)
    missing = conv.kernel_size[0] - conv.stride[0]
    return (missing // 2, missing - missing // 2) * 2


def _replace(net: nn.Module, name: str, part: nn.Module) -> None:
    parent, _, own = name.rpartition(".")
    setattr(net.get_submodule(parent), own, part)


def _flat(name: str) -> str:
    """Return a name as efficientnet-pytorch has it: blocks without their stack.

    Examples
    --------
    >>> _flat("_blocks.3.7._bn0.weight"), _flat("_conv_stem.weight")
    ('_blocks.7._bn0.weight', '_conv_stem.weight')
    """
    return re.sub(r"^_blocks\.\d+\.", "_blocks.", name)


def _is_ours(name: str) -> bool:
    """Whether no other implementation has such a tensor, or need not."""
    return name.endswith(("_se_adaptpool.mean", "num_batches_tracked"))

"""Networks that can be stopped between two of their layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari_ood_seg.core.interrupt import checkpoint

if TYPE_CHECKING:
    from torch import nn


def ask_between_layers(net: nn.Module) -> None:
    """Make each layer of a network ask at `checkpoint`, forwards and backwards.

    A large network takes seconds on a processor. Nothing that is computed changes. On
    graphics cards it is asked forwards only.
    """

    def ask(_: nn.Module, inputs: tuple[Any, ...]) -> None:
        checkpoint()
        for x in inputs:
            if getattr(x, "requires_grad", False):
                x.register_hook(_asked)

    for part in net.modules():
        part.register_forward_pre_hook(ask)


def _asked(_: object) -> None:
    checkpoint()

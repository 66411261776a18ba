"""Every kind of network, and settings with which one is trained in a moment."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_ood_seg.core.config import DeepConfig, FilterConfig, InstantConfig
from napari_ood_seg.core.models.backbone import BackboneNet
from napari_ood_seg.core.models.network import build

if TYPE_CHECKING:
    from collections.abc import Mapping

    from napari_ood_seg.core.models.staged import StagedNet


class Kind(NamedTuple):
    """What `build` needs; three channels and two classes unless said otherwise."""

    architecture: str
    width: int
    more: tuple[int, ...] = ()
    about: Mapping[str, Any] = MappingProxyType({})

    def sizes(self, n_in: int = 3, n_classes: int = 2) -> tuple[int, ...]:
        return (n_in, n_classes, self.width, *self.more)

    def build(self, n_in: int = 3, n_classes: int = 2) -> StagedNet:
        """Return an untrained network, all of which is trained."""
        net = build(self.architecture, self.sizes(n_in, n_classes), self.about)
        if isinstance(net, BackboneNet):
            net.teach(encoder=True)
        return net


CONVNEXT = {
    "name": "tiny",
    "config": {
        "model_type": "convnext",
        "depths": [1, 1, 1, 1],
        "hidden_sizes": [8, 8, 12, 16],
    },
    "mean": [0.5, 0.5, 0.5],
    "std": [0.2, 0.2, 0.2],
    "hub": None,
}
"""What a model file tells of a tiny encoder of transformers."""


KINDS = {
    "small": Kind("small", 8),
    "small with a stem": Kind("small", 8, (6,)),
    "spectral": Kind("spectral", 8, (50,)),
    "backbone": Kind("backbone", 8, (), CONVNEXT),
    "efficientnet-b0": Kind("efficientnet-b0", 0),
    "efficientnet-b0 with a stem": Kind("efficientnet-b0", 0, (6,)),
}
"""By name, for people."""

INSTANT = InstantConfig(filters=FilterConfig(sigmas=(1.0, 2.0)), tile=32)
SMALL = DeepConfig(
    width=8,
    steps=12,
    warm_steps=12,
    patch=32,
    batch=4,
    check_every=4,
    patience=99,
    seconds=1e6,
    heads=INSTANT,
)

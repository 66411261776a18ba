"""Every kind of network, and settings with which one is trained in a moment."""

from __future__ import annotations

from typing import NamedTuple

from napari_ood_seg.core.config import DeepConfig, FilterConfig, InstantConfig


class Kind(NamedTuple):
    """What `build` needs; three channels and two classes unless said otherwise."""

    architecture: str
    width: int
    more: tuple[int, ...] = ()

    def sizes(self, n_in: int = 3, n_classes: int = 2) -> tuple[int, ...]:
        return (n_in, n_classes, self.width, *self.more)


KINDS = {
    "small": Kind("small", 8),
    "small with a stem": Kind("small", 8, (6,)),
    "spectral": Kind("spectral", 8, (50,)),
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

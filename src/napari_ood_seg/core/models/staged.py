"""The base of networks whose decoder stages become scales of a `Descriptor`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

from torch import nn

if TYPE_CHECKING:
    from torch import Tensor


class StagedNet(nn.Module, ABC):
    """A network with logits at full resolution and decoder stages below.

    Attributes
    ----------
    architecture
        One of `config.NETWORKS`.
    sizes
        Channels of the input, classes, and width (0 where there is none to choose);
        then, if any, channels of the stem (bands of the spectra for ``spectral``).
    stride
        Height and width of the input are multiples of it.
    factors
        How many times coarser than the image each stage is, ascending.
    halo
        Context in pixels that a tile is given; a multiple of the stride.
    """

    architecture: str
    sizes: tuple[int, ...]
    stride: int
    factors: tuple[int, ...]
    halo: int

    @abstractmethod
    def stages(self, x: Tensor) -> list[Tensor]:
        """Return `(b, c_i, h / f, w / f)` stages of `(b, c, h, w)`, finest first."""

"""The base of networks whose decoder stages become scales of a `Descriptor`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from torch import nn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})


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
    about
        What else it is made of, as JSON; empty for most.
    windowed
        Whether a trained one is shown windows, see `features.windows`.
    """

    architecture: str
    sizes: tuple[int, ...]
    stride: int
    factors: tuple[int, ...]
    halo: int
    about: Mapping[str, Any] = _NOTHING
    windowed: bool = False

    @abstractmethod
    def stages(self, x: Tensor) -> list[Tensor]:
        """Return `(b, c_i, h / f, w / f)` stages of `(b, c, h, w)`, finest first."""

    def groups(
        self,
        rate: float,
        encoder_rate: float,  # noqa: ARG002 - for networks with two rates
    ) -> list[dict[str, Any]]:
        """Return the groups of weights that an optimiser trains.

        Parameters
        ----------
        rate
            At which most are trained.
        encoder_rate
            As a share of `rate`, for those of a pretrained encoder.
        """
        return [{"params": list(self.parameters()), "lr": rate}]

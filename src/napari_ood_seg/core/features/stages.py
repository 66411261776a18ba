"""The protocol of what adds scales to a descriptor: encoders and trained networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor


class StageEncoder(Protocol):
    """Maps an image to stages, each with one value per block of pixels."""

    @property
    def name(self) -> str:
        """For people."""
        ...

    @property
    def weights(self) -> Mapping[str, Tensor]:
        """What it consists of, by name."""
        ...

    @property
    def colors(self) -> bool:
        """Whether it wants three colours, rather than all channels."""
        ...

    @property
    def factors(self) -> tuple[int, ...]:
        """How many times coarser than the image each stage is."""
        ...

    @property
    def halo(self) -> int:
        """Context in pixels beyond which nothing matters; a multiple of the stride."""
        ...

    def __call__(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return the stages, `(c_i, ceil(h/f), ceil(w/f))`, of `(c, h, w)`."""
        ...


@runtime_checkable
class PlacedEncoder(StageEncoder, Protocol):
    """A stage encoder that has to know where in the image a region lies."""

    def placed(
        self,
        x: Tensor,
        *,
        origin: tuple[int, int],
        spans: Sequence[tuple[int, int]] | None = None,
    ) -> tuple[Tensor, ...]:
        """Return the stages of `spans` of a region, all of it without.

        Parameters
        ----------
        origin
            Row and column of the region's first pixel in the image.
        """
        ...

"""The DenseModel protocol that both engines keep."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor


@runtime_checkable
class DenseModel(Protocol):
    """Maps an image region to features and class logits; detectors see only those."""

    @property
    def n_channels(self) -> int:
        """Channels of the images that it takes."""
        ...

    @property
    def class_ids(self) -> tuple[int, ...]:
        """Ids of the `k` classes, ascending: the order of the logits."""
        ...

    @property
    def halo(self) -> int:
        """Context in pixels beyond which nothing changes the logits."""
        ...

    def features(self, region: Tensor) -> tuple[Tensor, ...]:
        """Return per scale `(d, h_i, w_i)` features of a `(c, h, w)` region."""
        ...

    def logits(self, features: tuple[Tensor, ...], size: tuple[int, int]) -> Tensor:
        """Return `(k, h, w)` class logits of the features of a region of `size`."""
        ...

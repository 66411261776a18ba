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
        """Context in pixels beyond which nothing changes a feature."""
        ...

    def features(self, region: Tensor) -> Tensor:
        """Return `(d, h, w)` features of a `(c, h, w)` region."""
        ...

    def logits(self, features: Tensor) -> Tensor:
        """Return `(n, k)` class logits of `(n, d)` features."""
        ...

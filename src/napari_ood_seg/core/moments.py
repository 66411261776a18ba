"""Sufficient statistics of a set of feature vectors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import torch

if TYPE_CHECKING:
    from collections.abc import Iterable

    from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Count, sum and sum of outer products, in float64 on the CPU.

    Moments of a union of disjoint pixel sets are the sum of their moments. Keep
    them per stroke and add up those that exist: taking a stroke away then gives
    bit for bit what would have been without it.

    Attributes
    ----------
    n
        Number (or weight) of feature vectors.
    total
        `(d,)` sum of them.
    outer
        `(d, d)` sum of their outer products.
    """

    n: float
    total: Tensor
    outer: Tensor

    @classmethod
    def zeros(cls, d: int) -> Self:
        """Return the moments of no vector of `d` features."""
        return cls(
            0.0,
            torch.zeros(d, dtype=torch.float64),
            torch.zeros(d, d, dtype=torch.float64),
        )

    @classmethod
    def of(cls, z: Tensor) -> Self:
        """Return the moments of the rows of `z`, `(n, d)`.

        Examples
        --------
        >>> m = Moments.of(torch.tensor([[1.0, 2.0], [3.0, 4.0]]))
        >>> m.n, m.total.tolist(), m.outer.tolist()
        (2.0, [4.0, 6.0], [[10.0, 14.0], [14.0, 20.0]])
        """
        z = z.detach().to("cpu", torch.float64)
        return cls(float(len(z)), z.sum(0), z.T @ z)

    @classmethod
    def sum(cls, parts: Iterable[Self], d: int) -> Self:
        """Return the sum of `parts` in their order; zeros of size `d` if none."""
        result = cls.zeros(d)
        for part in parts:
            result = result + part
        return result

    def __add__(self, other: Self) -> Self:
        return type(self)(
            self.n + other.n, self.total + other.total, self.outer + other.outer
        )

    @property
    def mean(self) -> Tensor:
        """`(d,)` mean; zeros where there is nothing."""
        return self.total / max(self.n, 1e-12)

    @property
    def scatter(self) -> Tensor:
        """`(d, d)` sum of squared deviations from the mean."""
        return self.outer - torch.outer(self.mean, self.total)

    @property
    def covariance(self) -> Tensor:
        """`(d, d)` covariance with denominator `n`."""
        return self.scatter / max(self.n, 1e-12)

    def scaled(self, weight: float) -> Self:
        """Return the moments with every vector counted `weight` times."""
        return type(self)(self.n * weight, self.total * weight, self.outer * weight)

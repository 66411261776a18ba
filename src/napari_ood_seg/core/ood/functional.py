"""Score formulas as pure functions of `(n, d)` features; higher is more OOD."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def unit(z: Tensor) -> Tensor:
    """Return the rows of `z`, `(n, d)`, divided by their length; zeros stay.

    Examples
    --------
    >>> unit(torch.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    return z / z.norm(dim=1, keepdim=True).clamp_min(1e-6)


def whitened(z: Tensor, mean: Tensor, whitening: Tensor) -> Tensor:
    """Return `(n, d)` features as `A (z - mean)`, `whitening` being `A`."""
    return (z - mean) @ whitening.T


def squared_mahalanobis(z: Tensor, means: Tensor, whitening: Tensor) -> Tensor:
    """Return `(n, k)` squared Mahalanobis distances to `k` means.

    Parameters
    ----------
    z
        `(n, d)` features.
    means
        `(k, d)` class means.
    whitening
        `(d, d)` matrix `A` with `A^T A` the inverse covariance.

    References
    ----------
    Lee et al., A Simple Unified Framework for Detecting Out-of-Distribution
    Samples and Adversarial Attacks, NeurIPS 2018, equation 2.

    Examples
    --------
    >>> z, zero = torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2)
    >>> squared_mahalanobis(z, zero, torch.eye(2)).tolist()
    [[25.0]]
    """
    white = z @ whitening.T
    centres = means @ whitening.T
    cross = white @ centres.T
    square = (white**2).sum(1, keepdim=True)
    return (square - 2 * cross + (centres**2).sum(1)).clamp_min(0)


def inverse_factor(covariance: Tensor) -> Tensor:
    """Return `A` with `A^T A` the inverse of `covariance`, `(d, d)` float64.

    A covariance that is not positive definite gets the least ridge, in powers of
    ten, that makes it so.
    """
    eye = torch.eye(len(covariance), dtype=covariance.dtype)
    ridge = 1e-12 * float(covariance.diagonal().mean().abs()) + 1e-30
    factor, failed = torch.linalg.cholesky_ex(covariance)
    while failed:
        factor, failed = torch.linalg.cholesky_ex(covariance + ridge * eye)
        ridge *= 10
    return torch.linalg.solve_triangular(factor, eye, upper=False).contiguous()

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
    length: Tensor = torch.linalg.vector_norm(z, dim=1, keepdim=True)
    return z / length.clamp_min(1e-6)


def squared_mahalanobis(z: Tensor, means: Tensor, whitening: Tensor) -> Tensor:
    """Return `(n, k)` squared Mahalanobis distances to `k` classes.

    Parameters
    ----------
    z
        `(n, d)` features.
    means
        `(k, d)` class means.
    whitening
        `(k, d, d)` matrices `A` with `A^T A` the inverse covariance of a class.

    References
    ----------
    Lee et al., A Simple Unified Framework for Detecting Out-of-Distribution
    Samples and Adversarial Attacks, NeurIPS 2018, equation 2.

    Examples
    --------
    >>> z, zero = torch.tensor([[3.0, 4.0]]), torch.zeros(1, 2)
    >>> squared_mahalanobis(z, zero, torch.eye(2)[None]).tolist()
    [[25.0]]
    """
    k, d, _ = whitening.shape
    stacked = whitening.reshape(k * d, d)
    offset = torch.einsum("kij,kj->ki", whitening, means).reshape(k * d)
    white = torch.addmm(-offset, z, stacked.T)
    return white.square_().view(-1, k, d).sum(2)


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
    inverse: Tensor = torch.linalg.solve_triangular(factor, eye, upper=False)
    return inverse.contiguous()

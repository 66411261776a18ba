"""Score formulas as pure functions of `(n, d)` features; higher is more OOD."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import torch

if TYPE_CHECKING:
    from torch import Tensor

_ROWS: Final = 1_024
"""Pixels at a time whose distances to a bank stay in the processor's cache."""


def unit(z: Tensor) -> Tensor:
    """Return the rows of `z`, `(n, d)`, divided by their length; zeros stay.

    Examples
    --------
    >>> unit(torch.tensor([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    # a sum of squares: vector_norm is some thirty times slower along columns
    length: Tensor = z.square().sum(1, keepdim=True).sqrt()
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
        `(k, d, d)` matrices `A` with `A^T A` the inverse covariance of a class, or
        `(1, d, d)` for a covariance that all share: some times faster, as what is
        quadratic in the features is then the same for all classes.

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
    if k == 1:
        return _with_shared_covariance(z, means, whitening[0])
    stacked = whitening.reshape(k * d, d)
    offset = torch.bmm(whitening, means[..., None]).view(k * d, 1)
    white = stacked @ z.T  # pixels last: sums run along them
    white -= offset
    return white.square_().view(k, d, -1).sum(1).T


def _with_shared_covariance(z: Tensor, means: Tensor, whitening: Tensor) -> Tensor:
    """Return `|u|^2 - 2 u.v + |v|^2`, `u` the pixels and `v` the means, whitened."""
    centre = means.mean(0)  # near the pixels, so that little is lost to rounding
    own = (means - centre) @ whitening.T
    white = whitening @ z.T - (whitening @ centre)[:, None]
    squares = (own @ white).mul_(-2.0).add_(own.square().sum(1)[:, None])
    return squares.add_(white.square_().sum(0)).clamp_min_(0.0).T


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


def inverse_factors(covariances: Tensor) -> Tensor:
    """Return `inverse_factor` of `(..., d, d)` covariances, together if it can be."""
    factors, failed = torch.linalg.cholesky_ex(covariances)
    if bool(failed.any()):
        flat = covariances.flatten(0, -3)
        return torch.stack([inverse_factor(c) for c in flat]).view(covariances.shape)
    eye = torch.eye(covariances.shape[-1], dtype=covariances.dtype)
    inverse: Tensor = torch.linalg.solve_triangular(factors, eye, upper=False)
    return inverse.contiguous()


def neighbour_distances(z: Tensor, bank: Tensor, k: int) -> Tensor:
    """Return `(n, k)` distances to the `k` nearest rows of `bank`, ascending.

    Fewer columns if the bank is smaller.

    Examples
    --------
    >>> bank = torch.tensor([[0.0], [2.0], [7.0]])
    >>> neighbour_distances(torch.tensor([[1.5]]), bank, 2).tolist()
    [[0.5, 1.5]]
    """
    k = min(k, len(bank))
    parts = []
    for rows in z.split(_ROWS):
        distances = torch.cdist(rows, bank)
        if k == 1:
            parts.append(distances.amin(1, keepdim=True))
        else:
            parts.append(distances.topk(k, dim=1, largest=False).values)
    return torch.cat(parts)


def guidance(z: Tensor, bank: Tensor, k: int) -> Tensor:
    """Return `(n,)` means of the `k` largest products of unit rows with `bank`.

    Parameters
    ----------
    bank
        `(m, d)` unit rows, each multiplied by its own confidence.

    References
    ----------
    Park et al., Nearest Neighbor Guidance for Out-of-Distribution Detection,
    ICCV 2023, equation 5.

    Examples
    --------
    >>> bank = torch.tensor([[2.0, 0.0], [0.0, 4.0]])
    >>> guidance(torch.tensor([[0.0, 9.0]]), bank, 2).tolist()
    [2.0]
    """
    k = min(k, len(bank))
    parts = [
        (unit(rows) @ bank.T).topk(k, dim=1).values.mean(1) for rows in z.split(_ROWS)
    ]
    return torch.cat(parts)


def residual_norm(z: Tensor, origin: Tensor, null_space: Tensor) -> Tensor:
    """Return `(n,)` lengths of `z - origin` within the `(d, r)` orthonormal columns.

    References
    ----------
    Wang et al., ViM: Out-of-Distribution with Virtual-logit Matching, CVPR 2022,
    equation 3.

    Examples
    --------
    >>> null = torch.tensor([[0.0], [1.0]])
    >>> residual_norm(torch.tensor([[5.0, 3.0]]), torch.zeros(2), null).tolist()
    [3.0]
    """
    norm: Tensor = torch.linalg.vector_norm((z - origin) @ null_space, dim=1)
    return norm


def principal_share(z: Tensor, axes: Tensor) -> Tensor:
    """Return `(n,)` shares of the length of `z` within the `(d, r)` orthonormal axes.

    References
    ----------
    Ben Ammar et al., NECO: Neural Collapse Based Out-of-Distribution Detection,
    ICLR 2024, equation 6.

    Examples
    --------
    >>> axes = torch.tensor([[1.0], [0.0]])
    >>> principal_share(torch.tensor([[3.0, 4.0]]), axes).tolist()
    [0.6000000238418579]
    """
    inside: Tensor = torch.linalg.vector_norm(z @ axes, dim=1)
    whole: Tensor = torch.linalg.vector_norm(z, dim=1)
    return inside / whole.clamp_min(1e-12)


def boundary_distance(logits: Tensor, weight: Tensor) -> Tensor:
    """Return `(n,)` sums of the distances to the boundaries of the predicted class.

    `sum over k != c of |f_c - f_k| / |w_c - w_k|`; classes with the same weights
    have no boundary.

    Parameters
    ----------
    logits
        `(n, k)` of a linear head.
    weight
        `(k, d)` of the head.

    References
    ----------
    Liu and Qin, Fast Decision Boundary based Out-of-Distribution Detector,
    ICML 2024, equation 7.

    Examples
    --------
    >>> f, w = torch.tensor([[4.0, -4.0]]), torch.tensor([[1.0], [-1.0]])
    >>> boundary_distance(f, w).tolist()
    [4.0]
    """
    gaps: Tensor = torch.linalg.vector_norm(weight[:, None] - weight[None], dim=2)
    best, at = logits.max(1, keepdim=True)
    to_class = gaps[at[:, 0]]
    real = to_class > 1e-6 * gaps.amax().clamp_min(1e-30)
    distances = (best - logits) / torch.where(real, to_class, 1.0)
    return torch.where(real, distances, 0.0).sum(1)

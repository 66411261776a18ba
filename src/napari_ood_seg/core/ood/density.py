"""Detectors on the density of the scribbled classes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar, Final, Literal, NamedTuple, Self

import torch

from napari_ood_seg.core.ood.base import DetectorFacts, TrainingPixels, labelled_rows
from napari_ood_seg.core.ood.functional import inverse_factor, squared_mahalanobis
from napari_ood_seg.core.ood.state import FittedTensors

if TYPE_CHECKING:
    from torch import Tensor

Shape = Literal["diagonal", "tied"]

_PIXELS_PER_COMPONENT: Final = 10


class Mixture(NamedTuple):
    """A Gaussian mixture.

    Attributes
    ----------
    log_weights
        `(c,)`.
    means
        `(c, d)`.
    roots
        `(c, d)` inverse standard deviations, or `(c, d, d)` matrices `A` with
        `A^T A` the inverse covariance.
    """

    log_weights: Tensor
    means: Tensor
    roots: Tensor


class GaussianMixture(FittedTensors):
    """Minus the log density of a small Gaussian mixture for each class.

    Classes have equal weight. Expectation-maximisation is seeded, runs in float64
    on the CPU, and uses fewer components for classes with few pixels.

    Parameters
    ----------
    components
        Per class, at most.
    shape
        ``diagonal`` covariances, or one full covariance ``tied`` between the
        components of a class.
    per_class
        Pixels of each class that are used.
    """

    facts: ClassVar = DetectorFacts(
        title="Gaussian mixture",
        needs="features",
        cost="d per component (diagonal), d^2 per component (tied)",
        source="Dempster et al., J. R. Stat. Soc. B 1977",
    )

    def __init__(
        self,
        *,
        components: int = 3,
        shape: Shape = "diagonal",
        per_class: int = 2_000,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.components = components
        self.shape: Shape = shape
        self.per_class = per_class
        self.seed = seed

    def fit(self, pixels: TrainingPixels) -> Self:
        """Fit a mixture to each class."""
        rows = labelled_rows(pixels, self.per_class)
        generator = torch.Generator().manual_seed(self.seed)
        everything = pixels.unlabelled.detach().cpu().double()
        spread = float(everything.var(0, correction=0).mean())
        size = float(rows.features.double().square().mean())
        floor = 1e-3 * max(spread, 1e-6 * size, 1e-12)
        n_classes = len(pixels.class_ids)
        parts = []
        for index in range(n_classes):
            z = rows.features[rows.classes == index].double()
            n = max(1, min(self.components, len(z) // _PIXELS_PER_COMPONENT))
            start = first_shares(z, n, generator)
            part = fit_mixture(z, start, self.shape, floor=floor)
            share = math.log(n_classes)
            parts.append(part._replace(log_weights=part.log_weights - share))
        self._fitted = {
            name: torch.cat([getattr(p, name) for p in parts]).float().contiguous()
            for name in Mixture._fields
        }
        return self

    def score(self, features: Tensor) -> Tensor:
        """Return minus the log density."""
        mixture = Mixture(**self._like(features))
        parts = [-log_density(z, mixture).logsumexp(1) for z in features.split(16_384)]
        return torch.cat(parts)


def log_density(z: Tensor, mixture: Mixture) -> Tensor:
    """Return `(n, c)` log densities of weighted components at `(n, d)` features.

    Examples
    --------
    >>> one = Mixture(torch.zeros(1), torch.zeros(1, 1), torch.ones(1, 1))
    >>> log_density(torch.tensor([[0.0], [2.0]]), one)[:, 0].diff().tolist()
    [-2.0]
    """
    means, roots = mixture.means, mixture.roots
    if roots.ndim == 2:
        columns = [
            ((z - mean) * root).square().sum(1)
            for mean, root in zip(means, roots, strict=True)
        ]
        distances = torch.stack(columns, dim=1)
        log_det = roots.log().sum(1)
    else:
        distances = squared_mahalanobis(z, means, roots)
        log_det = roots.diagonal(dim1=1, dim2=2).log().sum(1)
    constant = 0.5 * z.shape[1] * math.log(2 * math.pi)
    return mixture.log_weights + log_det - constant - 0.5 * distances


def fit_mixture(
    z: Tensor, start: Tensor, shape: Shape, *, floor: float, iterations: int = 100
) -> Mixture:
    """Return a mixture of Gaussians fitted to `(m, d)` rows.

    Parameters
    ----------
    start
        `(m, c)` first shares of the components in the rows.
    floor
        Added to all variances.
    """
    mixture = _maximisation(z, start, shape, floor)
    before = -math.inf
    for _ in range(iterations):
        joint = log_density(z, mixture)
        total = joint.logsumexp(1, keepdim=True)
        mixture = _maximisation(z, (joint - total).exp(), shape, floor)
        now = float(total.mean())
        if now - before < 1e-4:
            break
        before = now
    return mixture


def _maximisation(z: Tensor, shares: Tensor, shape: Shape, floor: float) -> Mixture:
    """Return the mixture for `(m, c)` shares of the components in the pixels."""
    sizes = shares.sum(0) + 1e-9
    means = shares.T @ z / sizes[:, None]
    if shape == "diagonal":
        gaps = (z[:, None] - means).square()
        variances = (shares[..., None] * gaps).sum(0) / sizes[:, None] + floor
        roots = variances.rsqrt()
    else:
        gaps = (z[:, None] - means) * shares[..., None].sqrt()
        flat = gaps.flatten(0, 1)
        covariance = flat.T @ flat / sizes.sum()
        covariance = covariance + floor * torch.eye(z.shape[1], dtype=z.dtype)
        roots = inverse_factor(covariance).expand(len(means), -1, -1)
    return Mixture((sizes / sizes.sum()).log(), means, roots)


def first_shares(z: Tensor, n: int, generator: torch.Generator) -> Tensor:
    """Return `(m, n)` first shares: the nearest of rows drawn far from each other."""
    chosen = z[torch.randint(len(z), (1,), generator=generator)]
    for _ in range(n - 1):
        gaps = torch.cdist(z, chosen).amin(1).square() + 1e-12
        chosen = torch.cat([chosen, z[gaps.multinomial(1, generator=generator)]])
    nearest = torch.cdist(z, chosen).argmin(1)
    shares = torch.zeros(len(z), n, dtype=z.dtype)
    shares[torch.arange(len(z)), nearest] = 1.0
    return shares

"""From scores of held-out scribbles to typicality and a threshold.

A threshold taken from pixels that the model was fitted on is far too tight:
neighbouring pixels are nearly copies. One taken from strokes that were left out is
a little too wide: the models that scored them had seen fewer strokes. `Calibration`
lies between the two, close to the second.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, Self

import numpy as np
import torch
from scipy.special import stdtr, stdtrit

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt
    from torch import Tensor

    Floats = npt.NDArray[np.float64]

    Strokes = Sequence[Tensor]
    """`(n,)` scores of each stroke of a class."""
    Method = Literal["strokes", "pixels"]

HELD_OUT_SHARE: Final = 0.78
"""Weight of held-out scores against those of pixels that were fitted on."""

_N: Final = 1024
_NODES: Final = 2**14
"""Steps of the table by which typicality is looked up."""

_SOME: Final = np.unique(np.r_[0:_N:8, _N - 32 : _N + 1])
"""Of the levels: denser where thresholds lie."""

LEVELS: Final = torch.cat(
    [(torch.arange(_N) + 0.5) / _N, torch.tensor([0.9999])]
).double()
"""`(q,)` shares of known pixels at which the quantiles of their scores are kept."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """Turns OOD scores into typicality.

    Attributes
    ----------
    quantiles
        `(r, q)` scores that a share `LEVELS` of known pixels does not exceed; one
        row for all classes together, or one for each.
    n_strokes
        How many strokes were held out; 0 if there were too few to hold any out,
        so that the scores are those of pixels that the model was fitted on.
    held
        By class, the scores of the strokes when they were held out: how well the
        promise holds can be seen from them. Not in model files.
    """

    quantiles: Tensor = field(repr=False)
    n_strokes: int
    held: Mapping[int, Strokes] = field(default_factory=dict, repr=False)

    @classmethod
    def fit(
        cls,
        held: Mapping[int, Strokes],
        fitted: Mapping[int, Strokes],
        *,
        method: Method = "strokes",
        per_class: bool = False,
    ) -> Self:
        """Calibrate on the scores of strokes; every class weighs the same.

        The quantiles are averages of those of both kinds of scores (Vincent's
        averaging), `HELD_OUT_SHARE` of the held-out ones.

        Parameters
        ----------
        held
            By class, scores of the strokes when they were held out; classes of
            which nothing was held out may be missing.
        fitted
            By class, scores of all strokes by the model that was fitted on them.
        method
            ``strokes``: a stroke stands for others of its class, see
            `stroke_quantiles`. ``pixels``: held-out pixels are counted, see
            `conformal_quantiles`; needs many strokes to be right.
        per_class
            Each class gets its own quantiles, those of all where nothing of it was
            held out.
        """
        held = {i: kept for i, s in held.items() if (kept := _filled(s))}
        fitted = {i: kept for i, s in fitted.items() if (kept := _filled(s))}
        n_strokes = sum(len(strokes) for strokes in held.values())
        quantiles = stroke_quantiles if method == "strokes" else conformal_quantiles

        def row(ids: Sequence[int]) -> Tensor:
            own = quantiles([fitted[i] for i in ids])
            out = [held[i] for i in ids if i in held]
            if not out:
                return own
            return HELD_OUT_SHARE * quantiles(out) + (1 - HELD_OUT_SHARE) * own

        everything = row(sorted(fitted))
        rows = [everything]
        if per_class:
            rows = [row([i]) if i in held else everything for i in sorted(fitted)]
        return cls(quantiles=torch.stack(rows).float(), n_strokes=n_strokes, held=held)

    def typicality(self, scores: Tensor, best: Tensor | None = None) -> Tensor:
        """Return the share of known pixels that score at least as high.

        In [0, 1], the same shape as `scores`; falls as the score rises.

        Parameters
        ----------
        scores
            OOD scores.
        best
            Of the same shape, the index of the best class, ascending by id; needed
            if classes have their own quantiles.

        Examples
        --------
        >>> held = {1: [torch.linspace(0, 1, 1001)]}
        >>> c = Calibration.fit(held, held, method="pixels")
        >>> [round(float(t), 2) for t in c.typicality(torch.tensor([-1.0, 0.25, 2.0]))]
        [1.0, 0.75, 0.0]
        """
        if len(self._falling) == 1 or best is None:
            return self._falling[0](scores)
        out = torch.zeros_like(scores)
        for i, falling in enumerate(self._falling):
            mine = best == i
            out[mine] = falling(scores[mine])
        return out

    @cached_property
    def _falling(self) -> list[Falling]:
        return [Falling(row) for row in self.quantiles]


def stroke_quantiles(classes: Sequence[Strokes]) -> Tensor:
    """Return the quantiles `(q,)` at `LEVELS` of the score of a stroke to come.

    The pixels of a class are taken to be normal around the mean of their stroke, and
    the means of strokes normal around that of the class (a random effect). A pixel
    of one more stroke then has the variance within strokes plus `1 + 1/n` times that
    between the means of `n` strokes, and follows Student's distribution with as many
    degrees of freedom as there are strokes beyond one of each class, at least two.
    All classes together are a mixture of equal shares.

    Few strokes say little about the tail by counting: with eight, the worst stroke
    holds an eighth of the pixels, and "95 %" lies somewhere inside of it.

    Parameters
    ----------
    classes
        For each class the scores of its strokes.

    References
    ----------
    Prediction interval of a one-way random effects model: Searle, Casella and
    McCulloch, Variance Components, 1992.

    Examples
    --------
    Strokes around 0, 1 and 2 with no spread of their own: mean 1, variance 4/3, two
    degrees of freedom, whose 95 % quantile is 2.92.

    >>> q = stroke_quantiles([[torch.full((5,), float(i)) for i in range(3)]])
    >>> at = int((LEVELS - 0.95).abs().argmin())
    >>> round(float((q[at] - 1) / (4 / 3) ** 0.5), 1)
    2.9
    """
    means, variances, freedom = [], [], 0
    for strokes in classes:
        n = len(strokes)
        centres = torch.stack([s.double().cpu().mean() for s in strokes])
        within = torch.stack([s.double().cpu().var(correction=0) for s in strokes])
        between = (1 + 1 / n) * centres.var() if n > 1 else 0.0
        means.append(float(centres.mean()))
        variances.append(float(within.mean() + between))
        freedom += n - 1
    mean, spread = np.array(means), np.sqrt(variances).clip(1e-9)
    return torch.from_numpy(_mixture(mean, spread, max(freedom, 2)))


def _mixture(mean: Floats, spread: Floats, freedom: int) -> Floats:
    """Return the quantiles at `LEVELS` of a mixture of Student's distributions."""
    levels = LEVELS.numpy()
    own = mean[:, None] + spread[:, None] * stdtrit(freedom, levels[_SOME])
    at = np.sort(own, axis=None)
    reached = stdtr(freedom, (at - mean[:, None]) / spread[:, None]).mean(0)
    quantiles: Floats = np.interp(levels, reached, at)
    return quantiles


def conformal_quantiles(classes: Sequence[Strokes]) -> Tensor:
    """Return the quantiles `(q,)` at `LEVELS` by counting pixels.

    Classes weigh the same, and so do strokes of a class. Of `n` pixels the smallest
    one that a share `p (n + 1) / n` does not exceed is taken, so that a further
    pixel of the same kind exceeds it no more often than `1 - p` (split conformal
    prediction). Pixels of a stroke are alike, so that this promises less than it
    seems to with few strokes.

    References
    ----------
    Vovk, Gammerman and Shafer, Algorithmic Learning in a Random World, 2005.
    """
    scores, weights = [], []
    for strokes in classes:
        for stroke in strokes:
            scores.append(stroke.double().cpu())
            share = 1.0 / (len(classes) * len(strokes) * len(stroke))
            weights.append(torch.full((len(stroke),), share, dtype=torch.float64))
    ordered, order = torch.cat(scores).sort()
    n = len(ordered)
    reached = torch.cat(weights)[order].cumsum(0)
    at = torch.searchsorted(reached, LEVELS * (n + 1) / n - 1e-9)
    return ordered[at.clamp_max(n - 1)]


class Falling:
    """1 - the distribution function that goes through quantiles, by looking it up.

    Linear between `_NODES` even steps from the first quantile to the last. Searching
    among the quantiles takes some ten times longer, and says the same to within what
    the function changes over a step.

    Parameters
    ----------
    quantiles
        `(q,)` at `LEVELS`.
    """

    def __init__(self, quantiles: Tensor) -> None:
        knots = quantiles.double().cpu().numpy()
        self._low, self._high = float(knots[0]), float(knots[-1])
        at = np.linspace(self._low, self._high, _NODES + 1)
        self._share = torch.from_numpy(1.0 - np.interp(at, knots, LEVELS.numpy()))
        self._per_unit = _NODES / max(self._high - self._low, 1e-30)

    def __call__(self, scores: Tensor) -> Tensor:
        """Return the share of known pixels that score at least as high."""
        share = self._share.to(scores)
        steps = ((scores - self._low) * self._per_unit).clamp_(0.0, _NODES)
        low = steps.nan_to_num().to(torch.int32).clamp_max_(_NODES - 1)
        above, below = (
            share.index_select(0, (low + i).flatten()).view_as(scores) for i in (0, 1)
        )
        between = torch.lerp(above, below, steps - low)
        # no known pixel scored higher than the last; comparisons with NaN fail
        between = torch.where(scores <= self._high, between, 0.0)
        return torch.where(scores <= self._low, 1.0, between)


def _filled(strokes: Strokes) -> list[Tensor]:
    return [s for s in strokes if len(s)]

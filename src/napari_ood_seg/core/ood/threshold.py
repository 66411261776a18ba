"""From scores of held-out scribbles to typicality and a threshold.

A threshold taken from pixels that the model was fitted on is far too tight:
neighbouring pixels are nearly copies. All scores here come from strokes that
were left out of the fit.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import torch

if TYPE_CHECKING:
    from collections.abc import Sequence

    from torch import Tensor


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Calibration:
    """Turns OOD scores into typicality.

    Attributes
    ----------
    scores
        `(m,)` scores of held-out pixels, ascending.
    weights
        `(m,)` their weights; they sum to 1.
    n_strokes
        How many strokes were held out; 0 if there were too few to hold any out,
        so that the scores are those of pixels that the model was fitted on.
    """

    scores: Tensor = field(repr=False)
    weights: Tensor = field(repr=False)
    n_strokes: int

    @classmethod
    def fit(cls, groups: Sequence[Sequence[Tensor]], *, n_strokes: int) -> Self:
        """Calibrate on held-out scores, every class and every stroke alike.

        Parameters
        ----------
        groups
            For each class, for each of its held-out strokes, the scores of its pixels.
        n_strokes
            As the attribute.
        """
        scores, weights = [], []
        filled = [[s for s in strokes if len(s)] for strokes in groups]
        filled = [strokes for strokes in filled if strokes]
        for strokes in filled:
            for stroke in strokes:
                share = 1.0 / (len(filled) * len(strokes) * len(stroke))
                scores.append(stroke.double().cpu())
                weights.append(torch.full((len(stroke),), share, dtype=torch.float64))
        flat, order = torch.cat(scores).sort()
        return cls(
            scores=flat.float(),
            weights=torch.cat(weights)[order].float(),
            n_strokes=n_strokes,
        )

    def typicality(self, scores: Tensor) -> Tensor:
        """Return the weighted share of held-out scores that are at least as high.

        In [0, 1], the same shape as `scores`; falls as the score rises.

        Examples
        --------
        >>> c = Calibration.fit([[torch.tensor([1.0, 2.0, 3.0, 4.0])]], n_strokes=1)
        >>> c.typicality(torch.tensor([0.0, 2.0, 3.5, 9.0])).tolist()
        [1.0, 0.75, 0.25, 0.0]
        """
        knots = self.scores.to(scores.device)
        below = torch.cat([torch.zeros(1), self.weights.cumsum(0)]).to(scores.device)
        at = torch.searchsorted(knots, scores.contiguous(), side="left")
        return (1.0 - below[at]).clamp(0.0, 1.0)

    def threshold(self, keep: float) -> float:
        """Return the score that a share `keep` of held-out pixels does not exceed."""
        reached = torch.searchsorted(self.weights.cumsum(0), keep - 1e-6)
        return float(self.scores[min(int(reached), len(self.scores) - 1)])

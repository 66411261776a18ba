"""Detectors on all scales as one score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import torch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from torch import Tensor

    from napari_ood_seg.core.ood.base import PixelDetector, TrainingPixels

    Experts = tuple[PixelDetector, ...]


class Ensemble:
    """One or more detectors, each fitted to every scale.

    The score of a detector is the mean over the scales. Several detectors are
    made comparable on held-out scribbles and averaged: distances, densities and
    PU scores fail on different images, and their mean survives one failing.

    Parameters
    ----------
    members
        By name, one fitted detector per scale.
    centre, scale
        `(m,)` per member, see `standardisation`.
    """

    def __init__(
        self,
        members: Mapping[str, Experts],
        centre: Tensor | None = None,
        scale: Tensor | None = None,
    ) -> None:
        self.members = dict(members)
        self.centre = torch.zeros(len(members)) if centre is None else centre
        self.scale = torch.ones(len(members)) if scale is None else scale

    @classmethod
    def fit(
        cls,
        makers: Mapping[str, Callable[[], PixelDetector]],
        levels: Sequence[TrainingPixels],
    ) -> Self:
        """Fit every detector to every scale; the scores are not standardised yet."""
        return cls(
            {
                name: tuple(make().fit(p) for p in levels)
                for name, make in makers.items()
            }
        )

    def score_level(self, level: int, features: Tensor) -> Tensor:
        """Return `(n, m)` scores of `(n, d)` features of one scale."""
        return torch.stack(
            [experts[level].score(features) for experts in self.members.values()], dim=1
        )

    def combine(self, scores: Tensor) -> Tensor:
        """Return the `(...)` standardised mean of `(..., m)` scores of the members."""
        return ((scores - self.centre.to(scores)) / self.scale.to(scores)).mean(-1)

    def tensors(self) -> dict[str, Tensor]:
        """Return what was fitted, for a model file."""
        out = {"centre": self.centre, "scale": self.scale}
        for name, experts in self.members.items():
            for level, expert in enumerate(experts):
                own = expert.tensors().items()
                out |= {f"{name}/{level}/{k}": v for k, v in own}
        return out

    @classmethod
    def restored(
        cls,
        makers: Mapping[str, Callable[[], PixelDetector]],
        n_levels: int,
        tensors: Mapping[str, Tensor],
    ) -> Self:
        """Return the ensemble that `tensors` came from."""
        members = {
            name: tuple(
                make().restore(select(tensors, f"{name}/{level}/"))
                for level in range(n_levels)
            )
            for name, make in makers.items()
        }
        return cls(members, tensors["centre"], tensors["scale"])


def select(tensors: Mapping[str, Tensor], start: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `start`, without it."""
    return {k[len(start) :]: v for k, v in tensors.items() if k.startswith(start)}


def standardisation(groups: Sequence[Sequence[Tensor]]) -> tuple[Tensor, Tensor]:
    """Return centre and spread, `(m,)`, of held-out scores, every class alike.

    Parameters
    ----------
    groups
        For each class, for each held-out stroke, `(n, m)` scores.
    """
    per_class = [torch.cat(list(strokes)).double() for strokes in groups if strokes]
    centre = torch.stack([s.mean(0) for s in per_class]).mean(0)
    spread = torch.stack([((s - centre) ** 2).mean(0) for s in per_class]).mean(0)
    return centre.float(), spread.sqrt().clamp_min(1e-6).float()

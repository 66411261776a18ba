"""Several detectors as one: each standardised on held-out scribbles, then averaged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

import torch

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from torch import Tensor

    from napari_ood_seg.core.ood.base import PixelDetector

    HeldOut = Sequence[tuple[int, int, Tensor]]


class Ensemble:
    """Fitted detectors and the scales that make their scores comparable.

    Distances and PU scores fail on different images; their standardised mean
    survives one of them failing.

    Parameters
    ----------
    members
        Fitted detectors by name.
    centre, scale
        `(m,)` per member, see `standardisation`.
    """

    def __init__(
        self, members: Mapping[str, PixelDetector], centre: Tensor, scale: Tensor
    ) -> None:
        self.members = dict(members)
        self.centre = centre
        self.scale = scale

    def score(self, features: Tensor) -> Tensor:
        """Return `(n,)` scores of `(n, d)` features; higher is more OOD."""
        columns = [m.score(features) for m in self.members.values()]
        return self.combine(torch.stack(columns, dim=1))

    def combine(self, scores: Tensor) -> Tensor:
        """Return the `(n,)` standardised mean of `(n, m)` scores of the members."""
        return ((scores - self.centre.to(scores)) / self.scale.to(scores)).mean(1)

    def tensors(self) -> dict[str, Tensor]:
        """Return what was fitted, for a model file."""
        out = {"centre": self.centre, "scale": self.scale}
        for name, member in self.members.items():
            out |= {f"{name}/{k}": v for k, v in member.tensors().items()}
        return out

    @classmethod
    def restored(
        cls, unfitted: Mapping[str, PixelDetector], tensors: Mapping[str, Tensor]
    ) -> Self:
        """Return the ensemble that `tensors` came from."""
        for name, member in unfitted.items():
            start = f"{name}/"
            own = {k[len(start) :]: v for k, v in tensors.items() if k.startswith(start)}
            member.restore(own)
        return cls(unfitted, tensors["centre"], tensors["scale"])


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

"""Several kinds of evidence on all scales as one score."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final, Self, cast

import torch

from napari_ood_seg.core.ood.base import check_needs, fits, scores_classes
from napari_ood_seg.core.ood.distance import Mahalanobis

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence

    from torch import Tensor

    from napari_ood_seg.core.features.pyramid import Footprint
    from napari_ood_seg.core.ood.base import PixelDetector, TrainingPixels

    Experts = tuple[PixelDetector, ...]
    Makers = Mapping[str, Callable[[], PixelDetector]]


_OWN: Final = ("weights", "centre", "scale", "roles")
"""Tensors of an ensemble besides those of its parts."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Ensemble:
    """Class Gaussians and detectors, each fitted to every scale.

    The evidence against a pixel: the score of each detector; the log distance to
    the nearest class; and the ambiguity, which is how close the second best class
    comes to the best one. Each is the mean over the scales, class by class where
    the detector allows, and is measured in its own spread over held-out scribbles.
    The weighted sum is the score: distances and ambiguity fail on different images.

    Attributes
    ----------
    classifier
        Class Gaussians with a shared covariance, one set per scale; the mean over
        the scales of their log distances tells the classes apart.
    members
        By name, one fitted detector per scale.
    weights
        `(m + 2,)` of the `m` detectors, of the distance and of the ambiguity.
    centre, scale
        `(m + 2,)` of the evidence, see `standardisation`.
    roles
        `(l, 2)`: how much each of the `l` scales counts for the classes, and how much
        for the score; both are 1 on average. A network that was trained to tell the
        classes apart has a say in that, and need not have one in what is unknown.
    """

    classifier: tuple[Mahalanobis, ...] = field(repr=False)
    members: Mapping[str, Experts] = field(repr=False)
    weights: Tensor
    centre: Tensor
    scale: Tensor
    roles: Tensor

    @classmethod
    def fit(
        cls,
        makers: Makers,
        levels: Sequence[TrainingPixels],
        *,
        shrinkage: float = 0.02,
        distance: float = 0.0,
        ambiguity: float = 0.0,
    ) -> Self:
        """Fit everything to every scale; the evidence is not standardised yet.

        Parameters
        ----------
        makers
            By name, what makes an unfitted detector; together they weigh 1.
        levels
            Per scale, what to learn from.
        shrinkage
            Of the class Gaussians.
        distance, ambiguity
            Weights of these kinds of evidence.
        """
        weights = (distance, ambiguity)
        return next(cls.fits(makers, levels, [()], shrinkage, weights))

    @classmethod
    def fits(
        cls,
        makers: Makers,
        levels: Sequence[TrainingPixels],
        left_out: Sequence[Collection[int]],
        shrinkage: float,
        weights: tuple[float, float],
        roles: Tensor | None = None,
    ) -> Iterator[Self]:
        """Yield ensembles, each fitted without the strokes of some groups; see `fit`.

        Parameters
        ----------
        left_out
            The groups of strokes that each does without.
        weights
            Of the distance and of the ambiguity.
        roles
            Of the scales; all alike without.
        """
        m = len(makers)
        roles = torch.ones(len(levels), 2) if roles is None else roles
        everything: dict[str, Callable[[], PixelDetector]] = {
            "": partial(Mahalanobis, shrinkage=shrinkage),
            **makers,
        }
        growing = {
            name: [fits(make, pixels, left_out) for pixels in levels]
            for name, make in everything.items()
        }
        for _ in left_out:
            experts = {n: tuple(next(f) for f in own) for n, own in growing.items()}
            yield cls(
                classifier=cast("tuple[Mahalanobis, ...]", experts.pop("")),
                members=experts,
                weights=torch.tensor([1.0 / m] * m + list(weights)),
                centre=torch.zeros(m + 2),
                scale=torch.ones(m + 2),
                roles=roles,
            )

    def columns(self, level: int, features: Tensor) -> Tensor:
        """Return `(n, c)` values of `(n, d)` features of one scale.

        They are the log distances to the `k` classes, the same again as they count for
        the score if that differs, then of each detector its scores for the `k` classes,
        or its one score: what may be averaged over scales and neighbours, as each is
        multiplied by what the scale counts. Pixels are last in memory.
        """
        for_classes, for_score = self.roles[level].tolist()
        logs = self.classifier[level].class_scores(features).T
        parts = [_times(logs, for_classes)]
        if self.has_roles:
            parts.append(_times(logs, for_score))
        parts.extend(
            _score_rows(experts[level], features, for_score, len(logs))
            for experts in self.members.values()
        )
        return torch.cat(parts).T

    def with_roles(self, roles: Tensor) -> Self:
        """Return the ensemble with other roles of its scales."""
        return replace(self, roles=roles)

    @cached_property
    def has_roles(self) -> bool:
        """Whether scales count otherwise for the classes than for the score."""
        return bool((self.roles[:, 0] != self.roles[:, 1]).any())

    def columns_at(self, levels: Sequence[tuple[Footprint, Tensor]]) -> Tensor:
        """Return averaged `(c, n)` columns at `n` pixels.

        Parameters
        ----------
        levels
            Per scale the footprint of the pixels, and the features of its cells.
        """
        merged = [
            footprint(self.columns(level, features).cpu())
            for level, (footprint, features) in enumerate(levels)
        ]
        columns: Tensor = torch.stack(merged).mean(0).T
        return columns

    @property
    def is_by_class(self) -> bool:
        """Whether all detectors score class by class, so that one can be left out."""
        return all(scores_classes(e[0]) for e in self.members.values())

    @property
    def memorises(self) -> bool:
        """Whether a detector keeps pixels that it was fitted on."""
        return any(e[0].facts.memorises for e in self.members.values())

    def evidence(self, columns: Tensor) -> Tensor:
        """Return `(m + 2, ...)` evidence from averaged `(c, ...)` columns."""
        return self._evidence(columns.split(self._widths(len(columns))))

    def evidence_without(self, index: int, columns: Tensor) -> Tensor:
        """Return the evidence if a class were not there, all detectors by class.

        Parameters
        ----------
        index
            Of the class, ascending by id.
        columns
            `(c, ...)`, averaged.
        """
        parts = columns.split(self._widths(len(columns)))
        return self._evidence([torch.cat([p[:index], p[index + 1 :]]) for p in parts])

    def _evidence(self, columns: Sequence[Tensor]) -> Tensor:
        logs, *parts = columns[1:] if self.has_roles else columns
        ambiguous = next((p for p in parts if len(p) == len(logs)), logs)
        smallest = [*(p.amin(0) for p in parts), logs.amin(0)]
        return torch.stack([*smallest, _lead(ambiguous)])

    def _widths(self, n_columns: int) -> list[int]:
        """Return how many columns the classes and each of the detectors have."""
        by_class = [scores_classes(e[0]) for e in self.members.values()]
        distances = 2 if self.has_roles else 1
        k = (n_columns - by_class.count(False)) // (distances + by_class.count(True))
        return [*(k,) * distances, *(k if own else 1 for own in by_class)]

    def combine(self, evidence: Tensor) -> Tensor:
        """Return the `(...)` score of `(m + 2, ...)` evidence."""
        weights = (self.weights / self.scale).to(evidence)
        offset = float((weights * self.centre.to(evidence)).sum())
        total: Tensor = torch.tensordot(weights, evidence, dims=1)
        return total - offset

    def score(self, columns: Tensor) -> Tensor:
        """Return the `(...)` score of averaged `(c, ...)` columns."""
        return self.combine(self.evidence(columns))

    def standardised(self, groups: Sequence[Sequence[Tensor]]) -> Self:
        """Return the ensemble with the spread of held-out evidence as its units.

        Parameters
        ----------
        groups
            For each class, for each held-out stroke, `(m + 2, n)` evidence.
        """
        centre, scale = standardisation(groups)
        return replace(self, centre=centre, scale=scale)

    def remarks(self, levels: Sequence[TrainingPixels]) -> tuple[str, ...]:
        """Return one sentence for each detector that does not suit its features."""
        pixels = levels[0]
        found = (
            check_needs(experts[0].facts, pixels.unlabelled, len(pixels.class_ids))
            for experts in self.members.values()
        )
        return tuple(sentence for sentence in found if sentence)

    def tensors(self) -> dict[str, Tensor]:
        """Return what was fitted, for a model file."""
        out = {name: getattr(self, name) for name in _OWN}
        for name, experts in [("classifier", self.classifier), *self.members.items()]:
            for level, expert in enumerate(experts):
                own = expert.tensors().items()
                out |= {f"{name}/{level}/{k}": v for k, v in own}
        return out

    @classmethod
    def restored(
        cls,
        makers: Makers,
        n_levels: int,
        tensors: Mapping[str, Tensor],
    ) -> Self:
        """Return the ensemble that `tensors` came from."""
        return cls(
            classifier=tuple(
                Mahalanobis().restore(select(tensors, f"classifier/{level}/"))
                for level in range(n_levels)
            ),
            members={
                name: tuple(
                    make().restore(select(tensors, f"{name}/{level}/"))
                    for level in range(n_levels)
                )
                for name, make in makers.items()
            },
            **{"roles": torch.ones(n_levels, 2)}  # of files from before there were any
            | {name: tensors[name] for name in _OWN if name in tensors},
        )


def _score_rows(
    expert: PixelDetector, features: Tensor, weight: float, k: int
) -> Tensor:
    """Return the `(k, n)` scores for each class, or the `(1, n)` one score, weighed."""
    if weight == 0:  # not worth computing
        rows = k if scores_classes(expert) else 1
        return features.new_zeros(rows, len(features))
    if scores_classes(expert):
        return _times(expert.class_scores(features).T, weight)
    return _times(expert.score(features)[None], weight)


def _times(x: Tensor, weight: float) -> Tensor:
    """Return `x` times `weight`; nothing is copied where that changes nothing."""
    return x if weight == 1 else x * weight


def _lead(scores: Tensor) -> Tensor:
    """Return the smallest of `(k, ...)` scores less the second; 0 for one class.

    Much faster than `topk` over the first axis.
    """
    if len(scores) == 1:
        return torch.zeros_like(scores[0])
    first = torch.minimum(scores[0], scores[1])
    second = torch.maximum(scores[0], scores[1])
    for row in scores[2:]:
        second = torch.minimum(second, torch.maximum(first, row))
        first = torch.minimum(first, row)
    return first - second


def select(tensors: Mapping[str, Tensor], start: str) -> dict[str, Tensor]:
    """Return the tensors whose names begin with `start`, without it."""
    return {k[len(start) :]: v for k, v in tensors.items() if k.startswith(start)}


def standardisation(groups: Sequence[Sequence[Tensor]]) -> tuple[Tensor, Tensor]:
    """Return centre and spread, `(e,)`, of held-out evidence, every class alike.

    Parameters
    ----------
    groups
        For each class, for each held-out stroke, `(e, n)` values.
    """
    per_class = [torch.cat(list(s), dim=1).double() for s in groups if s]
    centre = torch.stack([s.mean(1) for s in per_class]).mean(0)
    off = [((s - centre[:, None]) ** 2).mean(1) for s in per_class]
    spread = torch.stack(off).mean(0).sqrt()
    return centre.float(), spread.clamp_min(1e-6).float()

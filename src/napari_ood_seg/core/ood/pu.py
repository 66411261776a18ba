"""Detectors that learn scribbled against unlabelled pixels."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Final, NamedTuple, Self

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own convention

from napari_ood_seg.core.config import PUConfig
from napari_ood_seg.core.losses.prior import (
    best_bin,
    halves,
    ted_n,
    train_classifier,
)
from napari_ood_seg.core.losses.pu import (
    augmented_class_risk,
    class_means,
    nnpu_risk,
    one_vs_rest_risk,
    t_honecls_risk,
)
from napari_ood_seg.core.ood.base import DetectorFacts, TrainingPixels
from napari_ood_seg.core.ood.functional import unit
from napari_ood_seg.core.ood.state import FittedTensors

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

    Risk = Callable[[Tensor, Tensor], Tensor]
    """From the outputs of a network, `(n, o)` and `(m, o)`, to what to descend on."""

_LEAST_SHARE: Final = 0.05
"""Of known pixels among the unlabelled; the most is one less it."""


_ROUNDS: Final = 3
"""Of (TED)^n; later ones change little on scribbles."""


class Sample(NamedTuple):
    """Scribbled pixels that a network is trained on, about as many of each class.

    Attributes
    ----------
    features
        `(n, d)`.
    classes
        `(n,)` indices into the class ids.
    """

    features: Tensor
    classes: Tensor


class NNPU(FittedTensors):
    """A small network under a PU risk: scribbled or unlabelled.

    One hidden layer on features divided by their length; the mean of a few such
    networks. Classes are balanced, or weigh as their estimated shares. Training is
    seeded and runs on the CPU, where such small products are fastest.

    Parameters
    ----------
    config
        Objective, prior, size and training.
    """

    facts: ClassVar = DetectorFacts(
        title="nnPU head",
        needs="features",
        cost="members x d x hidden",
        source="Kiryo et al., NeurIPS 2017",
        memorises=True,
    )

    def __init__(self, config: PUConfig | None = None) -> None:
        super().__init__()
        self.config = config or PUConfig()

    def fit(self, pixels: TrainingPixels) -> Self:
        """Train from scratch."""
        config = self.config
        generator = torch.Generator().manual_seed(config.seed)
        known = _known(pixels, config.n_pixels, generator)
        rest = _some(pixels.unlabelled.cpu(), config.n_pixels, generator)
        priors = self._priors(pixels, generator)
        outputs, risk = self._risk(known.classes, priors)
        inputs = _prepare(known.features), _prepare(rest)
        parameters = _trained(inputs, outputs, risk, config, generator)
        self._fitted = {**parameters, "priors": priors}
        return self

    def score(self, features: Tensor) -> Tensor:
        """Return how unknown the networks find the pixels, on average."""
        fitted = self._like(features)
        members = len(fitted["w1"])
        parts = [
            self._unknown(_network(_prepare(z).expand(members, -1, -1), fitted)).mean(0)
            for z in features.split(65_536)
        ]
        return torch.cat(parts)

    def _priors(self, pixels: TrainingPixels, generator: torch.Generator) -> Tensor:
        if self.config.prior_from == "bbe":
            return estimated_priors(pixels, self.config, generator)
        k = len(pixels.class_ids)
        share = self.config.prior
        if self.config.prior_from == "ted":
            share = refined_share(pixels, self.config, generator)
        return torch.full((k,), share / k)

    def _risk(self, classes: Tensor, priors: Tensor) -> tuple[int, Risk]:
        """Return the number of outputs of the network and its objective."""
        k, share = len(priors), float(priors.sum())
        sizes = classes.bincount(minlength=k)
        weights = (priors / share / sizes)[classes]

        def one_vs_rest(known: Tensor, rest: Tensor) -> Tensor:
            return one_vs_rest_risk(known, classes, rest, priors=priors).objective

        def augmented(known: Tensor, rest: Tensor) -> Tensor:
            return augmented_class_risk(known, classes, rest, priors=priors).objective

        def t_honecls(known: Tensor, rest: Tensor) -> Tensor:
            return t_honecls_risk(known[:, 0], rest[:, 0], weights=weights)

        def nnpu(known: Tensor, rest: Tensor) -> Tensor:
            p, u = known[:, 0], rest[:, 0]
            return nnpu_risk(p, u, prior=share, weights=weights).objective

        choices: dict[str, tuple[int, Risk]] = {
            "nnpu": (1, nnpu),
            "t-honecls": (1, t_honecls),
            "one-vs-rest": (k, one_vs_rest),
            "augmented": (k + 1, augmented),
        }
        return choices[self.config.objective]

    def _unknown(self, outputs: Tensor) -> Tensor:
        """Return `(members, n)` scores of `(members, n, o)` outputs."""
        if self.config.objective == "augmented":  # the log odds of the last class
            return outputs[..., -1] - outputs[..., :-1].logsumexp(-1)
        return -outputs.amax(-1)


class OneVsRestPU(NNPU):
    """A network under a non-negative PU risk for each class against all else.

    A pixel is as unknown as the class that claims it most leaves it.
    """

    facts: ClassVar = DetectorFacts(
        title="one-vs-rest nnPU head",
        needs="features",
        cost="members x (d + k) x hidden",
        source="after Kiryo et al., NeurIPS 2017",
        memorises=True,
    )

    def __init__(self, config: PUConfig | None = None) -> None:
        super().__init__(replace(config or PUConfig(), objective="one-vs-rest"))


class AugmentedClassPU(NNPU):
    """A network that tells the classes and the unknown apart (EULAC, GLAC-NRPR)."""

    facts: ClassVar = DetectorFacts(
        title="augmented-class head",
        needs="features",
        cost="members x (d + k) x hidden",
        source="Zhang et al., NeurIPS 2020; Shu et al., AAAI 2023",
        memorises=True,
    )

    def __init__(self, config: PUConfig | None = None) -> None:
        super().__init__(replace(config or PUConfig(), objective="augmented"))


class THOneCls(NNPU):
    """A network under the Taylor variational PU risk, which needs no prior."""

    facts: ClassVar = DetectorFacts(
        title="T-HOneCls head",
        needs="features",
        cost="members x d x hidden",
        source="Zhao et al., ICCV 2023",
        memorises=True,
    )

    def __init__(self, config: PUConfig | None = None) -> None:
        super().__init__(replace(config or PUConfig(), objective="t-honecls"))


def estimated_priors(
    pixels: TrainingPixels, config: PUConfig, generator: torch.Generator
) -> Tensor:
    """Return `(k,)` shares of the classes among the unlabelled.

    One network tells each class from the unlabelled; the share of each is taken, by
    best bin estimation, from strokes that it was not trained on (from pixels, of a
    class with one stroke). The sum is kept within [0.05, 0.95].
    """
    own, held = _split_strokes(pixels, generator)
    known = _known(own, config.n_pixels, generator)
    rest, held_rest = halves(pixels.unlabelled.cpu(), generator)
    rest = _some(rest, config.n_pixels, generator)
    k = len(pixels.class_ids)

    def each_against_the_rest(p: Tensor, u: Tensor) -> Tensor:
        as_own = class_means(F.softplus(-p), known.classes, k).diagonal()
        return (as_own + F.softplus(u).mean(0)).sum()

    inputs = _prepare(known.features), _prepare(rest)
    network = _trained(inputs, k, each_against_the_rest, config, generator)
    members = len(network["w1"])

    def scores(z: Tensor) -> Tensor:
        return _network(_prepare(z).expand(members, -1, -1), network).mean(0)

    of_rest = scores(held_rest)
    check = _known(held, config.n_pixels, generator)
    of_known = scores(check.features)
    shares = torch.tensor(
        [best_bin(of_known[check.classes == i, i], of_rest[:, i]) for i in range(k)]
    ).clamp_min(1e-3)
    total = float(shares.sum())
    return shares * (min(max(total, _LEAST_SHARE), 1 - _LEAST_SHARE) / total)


def refined_share(
    pixels: TrainingPixels, config: PUConfig, generator: torch.Generator
) -> float:
    """Return the share of all classes together among the unlabelled, by (TED)^n.

    Every class weighs the same. Kept within [0.05, 0.95].
    """
    positive = _prepare(_known(pixels, config.n_pixels, generator).features)
    unlabelled = _some(pixels.unlabelled.cpu(), 2 * config.n_pixels, generator)
    train = partial(train_classifier, hidden=config.hidden, seed=config.seed)
    shares = ted_n(
        positive, _prepare(unlabelled), train, rounds=_ROUNDS, generator=generator
    )
    *_, last = shares
    return min(max(last, _LEAST_SHARE), 1 - _LEAST_SHARE)


def _trained(
    inputs: tuple[Tensor, Tensor],
    outputs: int,
    risk: Risk,
    config: PUConfig,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Return the parameters of the networks after training."""
    z, n = torch.cat(inputs), len(inputs[0])
    parameters = _start(z.shape[1], outputs, config, generator)
    optimiser = torch.optim.Adam(
        parameters.values(), lr=config.learning_rate, weight_decay=1e-3
    )
    for step in range(config.steps):
        decay = 0.5 + 0.5 * math.cos(math.pi * step / config.steps)
        optimiser.param_groups[0]["lr"] = config.learning_rate * decay
        g = _network(z.expand(config.members, -1, -1), parameters)
        risks = [risk(m[:n], m[n:]) for m in g]
        optimiser.zero_grad()
        torch.stack(risks).sum().backward()
        optimiser.step()
    return {k: v.detach() for k, v in parameters.items()}


def _start(
    d: int, outputs: int, config: PUConfig, generator: torch.Generator
) -> dict[str, Tensor]:
    m, h = config.members, config.hidden
    w1 = torch.randn(m, d, h, generator=generator) / math.sqrt(d)
    w2 = torch.randn(m, h, outputs, generator=generator) / math.sqrt(h)
    start = {"w1": w1, "b1": torch.zeros(m, 1, h), "w2": w2}
    start["b2"] = torch.zeros(m, 1, outputs)
    return {k: v.requires_grad_() for k, v in start.items()}


def _network(z: Tensor, p: dict[str, Tensor]) -> Tensor:
    """Return `(members, n, o)` outputs for `(members, n, d)` inputs."""
    hidden = torch.relu(torch.baddbmm(p["b1"], z, p["w1"]))
    return torch.baddbmm(p["b2"], hidden, p["w2"])


def _prepare(z: Tensor) -> Tensor:
    return unit(z) * math.sqrt(z.shape[1])


def _known(pixels: TrainingPixels, n: int, generator: torch.Generator) -> Sample:
    """Return at most `n` scribbled pixels, as many of each class as there are."""
    by_class = pixels.by_class()
    parts, classes = [], []
    for index, strokes in enumerate(by_class.values()):
        rows = torch.cat([s.features for s in strokes]).cpu()
        parts.append(_some(rows, max(1, n // len(by_class)), generator))
        classes.append(torch.full((len(parts[-1]),), index))
    return Sample(torch.cat(parts), torch.cat(classes))


def _some(z: Tensor, n: int, generator: torch.Generator) -> Tensor:
    return z[torch.randperm(len(z), generator=generator)[:n]]


def _split_strokes(
    pixels: TrainingPixels, generator: torch.Generator
) -> tuple[TrainingPixels, TrainingPixels]:
    """Return two parts with every class in both: whole strokes, where there are two."""
    first, second = [], []
    for strokes in pixels.by_class().values():
        if len(strokes) > 1:
            first += strokes[::2]
            second += strokes[1::2]
            continue
        (stroke,) = strokes
        a, b = halves(stroke.features.cpu(), generator)
        first.append(replace(stroke, features=a, _moments={}))
        second.append(replace(stroke, features=b, _moments={}))
    return replace(pixels, strokes=tuple(first)), replace(pixels, strokes=tuple(second))

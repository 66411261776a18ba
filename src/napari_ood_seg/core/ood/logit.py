"""Detectors on class logits."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import torch

from napari_ood_seg.core.ood import confidence
from napari_ood_seg.core.ood.base import DetectorFacts, TrainingPixels, labelled_rows
from napari_ood_seg.core.ood.head import HeadDetector, LinearHead

if TYPE_CHECKING:
    from torch import Tensor

_PER_CLASS: Final = 2_000
"""Pixels of each class that statistics are taken from."""


class MaximumSoftmax(HeadDetector):
    """One less the largest class probability, as a logarithm (MSP).

    Parameters
    ----------
    temperature
        Logits are divided by it.
    """

    facts: ClassVar = DetectorFacts(
        title="Maximum softmax probability",
        needs="logits",
        cost="kd",
        source="Hendrycks and Gimpel, ICLR 2017",
        classes=2,
    )

    def __init__(
        self,
        *,
        temperature: float = 1.0,
        head: LinearHead | None = None,
        shrinkage: float = 0.02,
    ) -> None:
        super().__init__(head=head, shrinkage=shrinkage)
        self.temperature = temperature

    def score(self, features: Tensor) -> Tensor:
        """Return `log(1 - max p)`: the order of `-max p`, not its ties."""
        return confidence.softmax_doubt(self.logits(features), self.temperature)


class TemperatureScaling(HeadDetector):
    """`MaximumSoftmax` at the temperature at which scribbled pixels are likeliest."""

    facts: ClassVar = DetectorFacts(
        title="Temperature scaling",
        needs="logits",
        cost="kd",
        source="Guo et al., ICML 2017",
        classes=2,
    )

    def score(self, features: Tensor) -> Tensor:
        """Return `log(1 - max p)` at the fitted temperature."""
        temperature = self._like(features)["temperature"]
        return confidence.softmax_doubt(self.logits(features) / temperature)

    def _learn(self, pixels: TrainingPixels, head: LinearHead) -> dict[str, Tensor]:
        rows = labelled_rows(pixels, _PER_CLASS)
        logits = head(rows.features).double()
        return {"temperature": best_temperature(logits, rows.classes, rows.weights)}


class MaxLogit(HeadDetector):
    """Minus the largest logit."""

    facts: ClassVar = DetectorFacts(
        title="Max logit",
        needs="logits",
        cost="kd",
        source="Hendrycks et al., ICML 2022",
    )

    def score(self, features: Tensor) -> Tensor:
        """Return `-max f`."""
        return -self.logits(features).amax(1)


class StandardisedMaxLogit(HeadDetector):
    """Minus the largest logit, standardised for each predicted class.

    Without the suppression of boundaries and the smoothing of the paper: a pixel's
    score depends on that pixel alone.
    """

    facts: ClassVar = DetectorFacts(
        title="Standardised max logit",
        needs="logits",
        cost="kd",
        source="Jung et al., ICCV 2021",
    )

    def score(self, features: Tensor) -> Tensor:
        """Return `-(max f - mean_c) / std_c`, c the class of the max."""
        fitted = self._like(features)
        return confidence.standardised_max_logit(
            self.logits(features), fitted["mean"], fitted["std"]
        )

    def _learn(self, pixels: TrainingPixels, head: LinearHead) -> dict[str, Tensor]:
        rows = labelled_rows(pixels)
        best, predicted = head(rows.features).double().max(1)
        weights = rows.weights.double()
        centre = (weights * best).sum()
        spread = (weights * (best - centre).square()).sum().sqrt()
        mean, std = centre.repeat(len(head.bias)), spread.repeat(len(head.bias))
        for index in range(len(head.bias)):
            own = best[predicted == index]
            if len(own) > 0:
                mean[index] = own.mean()
            if len(own) > 1:
                std[index] = own.std(correction=0)
        # A class whose pixels are alike still has some spread.
        least = (1e-3 * spread).clamp_min(1e-3 * (1 + centre.abs()))
        return {"mean": mean, "std": torch.maximum(std, least)}


class Energy(HeadDetector):
    """Free energy of the logits.

    Parameters
    ----------
    temperature
        Towards zero, the score becomes that of `MaxLogit`.
    """

    facts: ClassVar = DetectorFacts(
        title="Energy",
        needs="logits",
        cost="kd",
        source="Liu et al., NeurIPS 2020",
    )

    def __init__(
        self,
        *,
        temperature: float = 1.0,
        head: LinearHead | None = None,
        shrinkage: float = 0.02,
    ) -> None:
        super().__init__(head=head, shrinkage=shrinkage)
        self.temperature = temperature

    def score(self, features: Tensor) -> Tensor:
        """Return `-T log sum exp(f / T)`."""
        return confidence.energy(self.logits(features), self.temperature)


class Entropy(HeadDetector):
    """Entropy of the class probabilities."""

    facts: ClassVar = DetectorFacts(
        title="Entropy",
        needs="logits",
        cost="kd",
        source="Shannon 1948",
        classes=2,
    )

    def score(self, features: Tensor) -> Tensor:
        """Return the entropy in nats."""
        return confidence.entropy(self.logits(features))


class GeneralisedEntropy(HeadDetector):
    """Entropy that looks at small probabilities (GEN).

    Parameters
    ----------
    gamma
        Smaller tells apart smaller probabilities.
    top
        How many of the largest probabilities count; by default all.
    """

    facts: ClassVar = DetectorFacts(
        title="GEN",
        needs="logits",
        cost="kd",
        source="Liu et al., CVPR 2023",
        classes=2,
    )

    def __init__(
        self,
        *,
        gamma: float = 0.1,
        top: int | None = None,
        head: LinearHead | None = None,
        shrinkage: float = 0.02,
    ) -> None:
        super().__init__(head=head, shrinkage=shrinkage)
        self.gamma = gamma
        self.top = top

    def score(self, features: Tensor) -> Tensor:
        """Return the sum of `p^gamma (1 - p)^gamma`."""
        logits = self.logits(features)
        return confidence.generalised_entropy(logits, gamma=self.gamma, top=self.top)


class Doctor(HeadDetector):
    """Odds that two draws from the class probabilities differ (DOCTOR, alpha)."""

    facts: ClassVar = DetectorFacts(
        title="DOCTOR",
        needs="logits",
        cost="kd",
        source="Granese et al., NeurIPS 2021",
        classes=2,
    )

    def score(self, features: Tensor) -> Tensor:
        """Return `(1 - sum p^2) / sum p^2`."""
        return confidence.doctor(self.logits(features))


class KLMatching(HeadDetector):
    """Divergence from the nearest of the classes' typical probabilities.

    A class that no scribbled pixel is taken for has the mean probabilities of its
    own pixels instead.
    """

    facts: ClassVar = DetectorFacts(
        title="KL matching",
        needs="logits",
        cost="kd + k^2",
        source="Hendrycks et al., ICML 2022",
        classes=2,
    )

    def score(self, features: Tensor) -> Tensor:
        """Return the least `KL(p, d_k)`."""
        templates = self._like(features)["log_templates"]
        return confidence.kl_matching(self.logits(features), templates)

    def _learn(self, pixels: TrainingPixels, head: LinearHead) -> dict[str, Tensor]:
        rows = labelled_rows(pixels)
        log_p = head(rows.features).double().log_softmax(1)
        predicted = log_p.argmax(1)
        templates = []
        for index in range(len(head.bias)):
            own = log_p[predicted == index]
            own = own if len(own) else log_p[rows.classes == index]
            mean: Tensor = own.logsumexp(0) - torch.tensor(float(len(own))).log()
            templates.append(mean)
        return {"log_templates": torch.stack(templates)}


class ODIN(HeadDetector):
    """Largest class probability, flattened, after a step that makes it likelier.

    The step is taken in feature space, where the gradient of a linear head has a
    closed form and no pixel influences another.

    Parameters
    ----------
    temperature
        Logits are divided by it.
    step
        Length of the step in each feature.
    """

    facts: ClassVar = DetectorFacts(
        title="ODIN",
        needs="logits",
        cost="3kd",
        source="Liang et al., ICLR 2018",
        classes=2,
    )

    def __init__(
        self,
        *,
        temperature: float = 1000.0,
        step: float = 0.0014,
        head: LinearHead | None = None,
        shrinkage: float = 0.02,
    ) -> None:
        super().__init__(head=head, shrinkage=shrinkage)
        self.temperature = temperature
        self.step = step

    def score(self, features: Tensor) -> Tensor:
        """Return `log(1 - max p)` at the temperature, after the step."""
        head = self._head(features)
        moved = confidence.odin_input(
            features,
            head.weight,
            head.bias,
            temperature=self.temperature,
            step=self.step,
        )
        return confidence.softmax_doubt(head(moved), self.temperature)


def best_temperature(logits: Tensor, classes: Tensor, weights: Tensor) -> Tensor:
    """Return the temperature in [1/20, 20] with the least weighted cross-entropy.

    Parameters
    ----------
    logits
        `(n, k)`.
    classes
        `(n,)` indices of the true classes.
    weights
        `(n,)`.

    References
    ----------
    Guo et al., On Calibration of Modern Neural Networks, ICML 2017, section 4.2.
    """

    def loss(log_t: float) -> float:
        log_p = (logits * torch.tensor(-log_t).exp()).log_softmax(1)
        return -float((log_p.gather(1, classes[:, None])[:, 0] * weights).sum())

    # Convex in 1 / T: golden section on the logarithm.
    golden = (5**0.5 - 1) / 2
    span = float(torch.tensor(20.0).log())
    low, high = -span, span
    for _ in range(40):
        a, b = high - golden * (high - low), low + golden * (high - low)
        low, high = (low, b) if loss(a) < loss(b) else (a, high)
    return torch.tensor((low + high) / 2, dtype=torch.float32).exp()

"""Score formulas as pure functions of `(n, k)` class logits; higher is more OOD.

Probabilities near one are kept apart by working with `log(1 - p)`: in float32,
`-max p` would call most known pixels exactly alike.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

if TYPE_CHECKING:
    from torch import Tensor


def log_complement(logits: Tensor) -> Tensor:
    """Return `(n, k)` values of `log(1 - p)` of the softmax `p`; -inf for one class.

    Examples
    --------
    >>> log_complement(torch.tensor([[200.0, 0.0]])).tolist()
    [[-200.0, -0.0]]
    """
    log_p = logits.log_softmax(1)
    best = logits.argmax(1, keepdim=True)
    others = logits.scatter(1, best, -torch.inf).logsumexp(1, keepdim=True)
    rest = torch.log1p(-log_p.exp().clamp_max(0.5))  # all but the largest are <= 1/2
    return rest.scatter(1, best, others - logits.logsumexp(1, keepdim=True))


def softmax_doubt(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Return `(n,)` values of `log(1 - max p)`: the order of `-max p`, not its ties.

    For one class, which leaves no doubt, zero.

    References
    ----------
    Hendrycks and Gimpel, A Baseline for Detecting Misclassified and
    Out-of-Distribution Examples in Neural Networks, ICLR 2017.

    Examples
    --------
    >>> softmax_doubt(torch.tensor([[0.0, 0.0], [200.0, 0.0]])).tolist()
    [-0.6931471824645996, -200.0]
    """
    if logits.shape[1] == 1:
        return logits.new_zeros(len(logits))
    return log_complement(logits / temperature).amin(1)


def energy(logits: Tensor, temperature: float = 1.0) -> Tensor:
    """Return `(n,)` free energies `-T log sum exp(f / T)`.

    References
    ----------
    Liu et al., Energy-based Out-of-distribution Detection, NeurIPS 2020, equation 4.

    Examples
    --------
    >>> energy(torch.tensor([[3.0]])).tolist()
    [-3.0]
    """
    return -temperature * (logits / temperature).logsumexp(1)


def entropy(logits: Tensor) -> Tensor:
    """Return `(n,)` entropies of the softmax, in nats.

    Examples
    --------
    >>> entropy(torch.zeros(1, 2)).tolist()
    [0.6931471824645996]
    """
    log_p = logits.log_softmax(1)
    return -(log_p.exp() * log_p).sum(1)


def generalised_entropy(
    logits: Tensor, *, gamma: float = 0.1, top: int | None = None
) -> Tensor:
    """Return `(n,)` sums of `p^gamma (1 - p)^gamma` over the `top` largest p.

    References
    ----------
    Liu et al., GEN: Pushing the Limits of Softmax-Based Out-of-Distribution
    Detection, CVPR 2023, equation 6.

    Examples
    --------
    >>> generalised_entropy(torch.zeros(1, 2), gamma=0.5).tolist()
    [1.0]
    """
    log_p, log_rest = logits.log_softmax(1), log_complement(logits)
    if top is not None and top < logits.shape[1]:
        log_p, chosen = log_p.topk(top, dim=1)
        log_rest = log_rest.gather(1, chosen)
    return (gamma * (log_p + log_rest)).exp().sum(1)


def doctor(logits: Tensor) -> Tensor:
    """Return `(n,)` odds `(1 - sum p^2) / sum p^2` (DOCTOR's alpha).

    References
    ----------
    Granese et al., DOCTOR: A Simple Method for Detecting Misclassification Errors,
    NeurIPS 2021.

    Examples
    --------
    >>> doctor(torch.zeros(1, 4)).tolist()
    [3.0]
    """
    log_p = logits.log_softmax(1)
    error = (log_p + log_complement(logits)).exp().sum(1)
    return error / (2 * log_p).exp().sum(1)


def kl_matching(logits: Tensor, log_templates: Tensor) -> Tensor:
    """Return `(n,)` least `KL(p, d_k)` over `(m, k)` log mean softmaxes `log d`.

    References
    ----------
    Hendrycks et al., Scaling Out-of-Distribution Detection for Real-World Settings,
    ICML 2022.

    Examples
    --------
    >>> kl_matching(torch.zeros(1, 2), torch.tensor([[0.5, 0.5]]).log()).tolist()
    [0.0]
    """
    log_p = logits.log_softmax(1)
    p = log_p.exp()
    return (p * log_p).sum(1) - (p @ log_templates.T).amax(1)


def standardised_max_logit(logits: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    """Return `(n,)` values of `-(max f - mean_c) / std_c`, c the class of the max.

    Parameters
    ----------
    mean, std
        `(k,)` of the largest logits of training pixels by predicted class.

    References
    ----------
    Jung et al., Standardized Max Logits, ICCV 2021, equation 2 (without the
    suppression of boundaries and the smoothing over pixels).

    Examples
    --------
    >>> f = torch.tensor([[1.0, 5.0]])
    >>> mean, std = torch.tensor([0.0, 3.0]), torch.tensor([1.0, 2.0])
    >>> standardised_max_logit(f, mean, std).tolist()
    [-1.0]
    """
    best, at = logits.max(1)
    return -(best - mean[at]) / std[at]


def odin_input(
    z: Tensor, weight: Tensor, bias: Tensor, *, temperature: float, step: float
) -> Tensor:
    """Return `(n, d)` features moved so that the predicted class gets likelier.

    `z - step * sign(grad_z CE(f / T, c))`, with the gradient of a linear head in
    closed form: `W^T (softmax(f / T) - e_c) / T`. Pixels do not interact.

    Parameters
    ----------
    weight, bias
        `(k, d)` and `(k,)` of the head.

    References
    ----------
    Liang et al., Enhancing the Reliability of Out-of-distribution Image Detection
    in Neural Networks, ICLR 2018, equation 2; here in feature space.

    Examples
    --------
    >>> z, w = torch.tensor([[0.5]]), torch.tensor([[1.0], [-1.0]])
    >>> odin_input(z, w, torch.zeros(2), temperature=1.0, step=0.25).tolist()
    [[0.75]]
    """
    logits = torch.addmm(bias, z, weight.T)
    best = logits.argmax(1)
    towards = (logits / temperature).softmax(1)
    rows = torch.arange(len(z), device=z.device)
    towards[rows, best] = log_complement(logits / temperature)[rows, best].exp().neg()
    return z - step * (towards @ weight / temperature).sign()

"""Each formula against scipy, row by row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy.special import logsumexp, softmax
from scipy.stats import entropy

from napari_ood_seg.core.ood import confidence

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt

    Row = npt.NDArray[np.float64]


def doctor(row: Row) -> float:
    p = softmax(row)
    return float((1 - (p**2).sum()) / (p**2).sum())


CASES = {
    "energy": (lambda f: confidence.energy(f, 2.0), lambda r: -2 * logsumexp(r / 2)),
    "entropy": (confidence.entropy, lambda r: float(entropy(softmax(r)))),
    "doctor": (confidence.doctor, doctor),
    "softmax doubt": (
        confidence.softmax_doubt,
        lambda r: float(np.log(1 - softmax(r).max())),
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_equals_scipy(name: str, rng: np.random.Generator) -> None:
    formula: Callable[[torch.Tensor], torch.Tensor] = CASES[name][0]
    reference: Callable[[Row], float] = CASES[name][1]
    logits = rng.normal(0, 2, (30, 4))
    found = formula(torch.from_numpy(logits)).numpy()
    np.testing.assert_allclose(found, [reference(r) for r in logits], rtol=1e-6)

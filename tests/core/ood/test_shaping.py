from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from scipy.special import logsumexp

from napari_ood_seg.core.ood import shaping
from tests.contracts.detector import draw
from tests.core.ood.uneven import D, Floats, Scene, as_array

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_ood_seg.core.ood.base import PixelDetector

SCENE = Scene(positive=True)
X = SCENE.points


def reference(z: Floats, kind: str, percentile: float) -> Floats:
    """Reshape row by row with a sort, as the papers' algorithms read."""
    out = []
    for row in z:
        n = max(1, len(row) - int(np.round(len(row) * percentile / 100)))
        order = np.argsort(-row)[:n]
        pruned = np.zeros_like(row)
        pruned[order] = row[order]
        total, kept = row.sum(), pruned.sum()
        out.append(
            {
                "p": pruned,
                "b": np.where(pruned > 0, total / n, 0),
                "s": pruned * np.exp(total / kept),
                "scale": row * np.exp(total / kept),
            }[kind]
        )
    return np.array(out)


FORMULAS: list[tuple[str, Callable[[torch.Tensor, float], torch.Tensor]]] = [
    ("p", shaping.ash_prune),
    ("b", shaping.ash_binarise),
    ("s", shaping.ash_scale),
    ("scale", shaping.scale_activations),
]
MAKERS: dict[str, Callable[..., PixelDetector]] = {
    "p": shaping.ASHPrune,
    "b": shaping.ASHBinarise,
    "s": shaping.ASHScale,
    "scale": shaping.Scale,
}


@pytest.mark.parametrize("percentile", [0, 40, 65, 90, 100])
@pytest.mark.parametrize(("kind", "formula"), FORMULAS)
def test_formula_equals_loops(
    kind: str,
    formula: Callable[[torch.Tensor, float], torch.Tensor],
    percentile: float,
) -> None:
    got = formula(torch.from_numpy(X), percentile)
    np.testing.assert_allclose(got, reference(X, kind, percentile), rtol=1e-9)


@pytest.mark.parametrize("kind", MAKERS)
def test_detector_is_the_energy_of_the_reshaped(kind: str) -> None:
    detector = MAKERS[kind](percentile=60, head=SCENE.head).fit(SCENE.pixels)
    expected = -logsumexp(SCENE.logits(reference(X, kind, 60)), axis=1)
    np.testing.assert_allclose(detector.score(SCENE.x), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("percentile", [50.0, 90.0, 99.0])
def test_react_cuts_at_the_percentile(percentile: float) -> None:
    values, weights = SCENE.rows.ravel(), np.repeat(SCENE.weights, D)
    order = np.argsort(values)
    share = np.cumsum(weights[order]) / weights.sum()
    cut = values[order][np.argmax(share >= percentile / 100 - 1e-9)]
    expected = -logsumexp(SCENE.logits(np.minimum(X, cut)), axis=1)
    detector = shaping.ReAct(percentile=percentile, head=SCENE.head).fit(SCENE.pixels)
    np.testing.assert_allclose(detector.score(SCENE.x), expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("q", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_quantile_with_even_weights_equals_numpy(q: float) -> None:
    values = draw(200, 1)[:, 0]
    got = shaping.weighted_quantile(values, torch.ones(200), q)
    expected = np.quantile(as_array(values), q, method="inverted_cdf")
    assert float(got) == pytest.approx(float(expected))


@pytest.mark.parametrize(("kind", "formula"), FORMULAS)
def test_pixels_do_not_share_a_factor(
    kind: str, formula: Callable[[torch.Tensor, float], torch.Tensor]
) -> None:
    """A library that prunes over the whole map fails this."""
    x = draw(64, 16).abs()
    alone = torch.cat([formula(row[None], 85) for row in x])
    torch.testing.assert_close(formula(x, 85), alone)
    huge = torch.cat([x, 1e3 * x[:1]])
    torch.testing.assert_close(formula(huge, 85)[:64], alone)


@pytest.mark.parametrize("formula", [shaping.ash_scale, shaping.scale_activations])
def test_mixed_signs_stay_finite(
    formula: Callable[[torch.Tensor, float], torch.Tensor],
) -> None:
    x = torch.cat([draw(50, 16), -draw(5, 16).abs(), torch.zeros(2, 16)])
    assert torch.isfinite(formula(x, 85)).all()


def test_ratio_of_sums_ignores_length() -> None:
    x = draw(20, 16).abs()
    torch.testing.assert_close(shaping.stretch(7 * x, 85), shaping.stretch(x, 85))

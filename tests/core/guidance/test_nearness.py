from __future__ import annotations

import gc
from typing import Any

import numpy as np
import pytest
import torch

from napari_ood_seg.core.config import FilterConfig, InstantConfig
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.features.reading import read_region
from napari_ood_seg.core.features.store import FeatureStore
from napari_ood_seg.core.guidance.nearness import (
    StrokeMeans,
    in_usual_units,
    levels_at,
    stroke_distances,
)
from tests.contracts.scenes import (
    CPU,
    LEFT,
    MIDDLE,
    SHAPE,
    Fitted,
    fit,
    strip,
    strokes,
    three_textures,
)

FILTERS = FilterConfig(sigmas=(1.0, 2.0, 4.0))
CONFIG = InstantConfig(filters=FILTERS, tile=32, smoothing=0.0)


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return fit(three_textures(), config=CONFIG)


def store_of(fitted: Fitted) -> FeatureStore:
    store = fitted.trainer.store(fitted.source)
    assert store is not None
    return store


def rows(fitted: Fitted, level: int, pixels: np.ndarray) -> np.ndarray:
    """Return features of single pixels, straight from the descriptor."""
    store = store_of(fitted)
    whole = (slice(0, SHAPE[0]), slice(0, SHAPE[1]))
    image = read_region(fitted.source, whole, plane=(), device=CPU)
    features = store.descriptor(image)[level]
    r, c = (pixels // store.factors[level]).T
    return features[:, r, c].T.double().numpy()


def test_means_are_those_of_the_pixels(fitted: Fitted) -> None:
    painted = strokes().strokes
    found = StrokeMeans().of(store_of(fitted), painted)
    assert found.strokes == painted
    for level, means in enumerate(found.means):
        expected = [rows(fitted, level, s.coords).mean(0) for s in painted]
        np.testing.assert_allclose(means, expected, atol=2e-3)


def test_distance_is_the_mean_log_mahalanobis_distance() -> None:
    """Against plain numpy, with scales of full resolution and without smoothing."""
    point = (32, 48)
    one = fit(
        three_textures(),
        config=InstantConfig(
            filters=FilterConfig(sigmas=(1.0, 2.0), halve_from=3.0), smoothing=0.0
        ),
    )
    store = store_of(one)
    painted = StrokeMeans().of(store, strokes().strokes)
    found = stroke_distances(one.model, levels_at(one.model, store, point), painted)
    logs = []
    for level in range(2):
        x = rows(one, level, np.array([point]))[0]
        a = one.model.ensemble.classifier[level].tensors()["whitening"][0].double()
        precision = a.numpy().T @ a.numpy()
        off = painted.means[level].double().numpy() - x
        logs.append(np.log(np.einsum("si,ij,sj->s", off, precision, off)))
    d = one.model.descriptor.mean_size
    np.testing.assert_allclose(found, np.sqrt(np.exp(np.mean(logs, 0)) / d), rtol=1e-2)


@pytest.mark.parametrize("smoothing", [0.0, 1.0])
def test_lone_stroke_is_as_far_as_its_class(smoothing: float) -> None:
    lone = Scribbles(SHAPE).add(1, strip(28, LEFT)).add(2, strip(28, MIDDLE))
    config = InstantConfig(filters=FILTERS, smoothing=smoothing)
    fitted = fit(three_textures(), lone, config=config)
    model, store = fitted.model, store_of(fitted)
    means = StrokeMeans().of(store, lone.strokes)
    for point in [(0, 0), (20, 30), (63, 95)]:
        levels = levels_at(model, store, point)
        logs = model.ensemble.columns_at(levels)[:2, 0].tolist()
        size = model.descriptor.mean_size
        expected = [in_usual_units(v, size) for v in logs]
        found = stroke_distances(model, levels, means)
        assert found == pytest.approx(expected, rel=1e-3)


def test_only_new_strokes_are_measured(
    fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, means, painted = store_of(fitted), StrokeMeans(), strokes().strokes
    first = means.of(store, painted[:4])
    asked: list[int] = []
    read = FeatureStore.rows

    def rows_of(self: FeatureStore, *args: Any) -> torch.Tensor:
        asked.append(len(args[-1]))
        return read(self, *args)

    monkeypatch.setattr(FeatureStore, "rows", rows_of)
    again = means.of(store, painted[1:])
    assert asked == [sum(len(s) for s in painted[4:])] * len(store.factors)
    for old, new in zip(first.means, again.means, strict=True):
        torch.testing.assert_close(new[:3], old[1:])


def test_another_store_starts_anew_and_the_old_one_may_go() -> None:
    means, painted = StrokeMeans(), strokes().strokes
    one = fit(three_textures(), config=CONFIG)
    two = fit(three_textures(seed=5), config=CONFIG)
    means.of(store_of(one), painted)
    found = means.of(store_of(two), painted)
    expected = StrokeMeans().of(store_of(two), painted)
    for a, b in zip(found.means, expected.means, strict=True):
        torch.testing.assert_close(a, b)
    assert means._store is not None
    del two
    gc.collect()
    assert means._store() is None


def test_strokes_of_other_planes() -> None:
    stack = np.stack([three_textures(), three_textures(seed=3)])
    painted = strokes(1)
    upper = tuple(
        painted.add(2, strip(28, MIDDLE), plane=(i,)).strokes[-1] for i in (0, 1)
    )
    fitted = fit(stack, Scribbles(SHAPE, upper, 9), config=CONFIG, axes="ZYXC")
    found = StrokeMeans().of(store_of(fitted), upper)
    one, two = (StrokeMeans().of(store_of(fitted), [s]) for s in upper)
    for both, a, b in zip(found.means, one.means, two.means, strict=True):
        torch.testing.assert_close(both, torch.cat([a, b]))
    assert not torch.allclose(one.means[0], two.means[0])


def test_no_strokes(fitted: Fitted) -> None:
    store = store_of(fitted)
    nothing = StrokeMeans().of(store, ())
    levels = levels_at(fitted.model, store, (3, 3))
    assert stroke_distances(fitted.model, levels, nothing) == []


def test_a_pixel_of_a_class_is_about_as_far_as_usual(rng: np.random.Generator) -> None:
    z = rng.normal(size=(4000, 16))
    distances = [in_usual_units(v, 16) for v in np.log((z**2).sum(1))]
    assert np.mean(distances) == pytest.approx(1.0, abs=0.02)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from napari_ood_seg.core.config import FilterConfig, InstantConfig
from napari_ood_seg.core.errors import ImageError
from napari_ood_seg.core.guidance.explain import Explanation, explain, tile_at
from napari_ood_seg.core.guidance.nearness import StrokeMeans
from napari_ood_seg.core.inference.predict import predict
from napari_ood_seg.core.types import UNKNOWN
from tests.contracts.scenes import Fitted, fit, strokes, three_textures

if TYPE_CHECKING:
    from napari_ood_seg.core.features.store import FeatureStore

FILTERS = FilterConfig(sigmas=(1.0, 2.0, 4.0))
POINTS = [(0, 0), (63, 95), (31, 31), (32, 32), (30, 15), (12, 50), (40, 80)]
"""Corners, both sides of a border between tiles, and inside each texture."""

KINDS: dict[str, dict[str, Any]] = {
    "default": {},
    "edge-aware": {"edge_aware": True},
    "sharp": {"smoothing": 0.0},
    "per class": {"per_class": True},
    "two detectors": {
        "detectors": ("mahalanobis++", "nearest neighbour"),
        "distance": 0.5,
    },
}


def store_of(fitted: Fitted) -> FeatureStore:
    store = fitted.trainer.store(fitted.source)
    assert store is not None
    return store


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    config = InstantConfig(filters=FILTERS, tile=32)
    return fit(three_textures(), strokes(1, 2, 3), config=config)


@pytest.mark.parametrize("kind", KINDS)
def test_is_what_prediction_shows(kind: str) -> None:
    config = InstantConfig(filters=FILTERS, tile=32, **KINDS[kind])
    fitted = fit(three_textures(), strokes(1, 2, 3), config=config)
    shown = fitted.prediction
    assert shown.probabilities is not None
    for point in POINTS:
        found = explain(fitted.model, store_of(fitted), point)
        assert found.point == point
        assert found.best.class_id == shown.classes[point]
        # the log of next to no distance to a pixel that was kept is mostly rounding
        loose = 0.05 if kind == "two detectors" else 0.0
        wanted = pytest.approx(float(shown.score[point]), abs=2e-3, rel=loose)
        assert found.score == wanted
        assert found.typicality == pytest.approx(shown.typicality[point], abs=1e-3)
        by_id = sorted(found.classes, key=lambda c: c.class_id)
        posteriors = shown.probabilities[(slice(None), *point)]
        np.testing.assert_allclose([c.posterior for c in by_id], posteriors, atol=1e-3)
        assert sum(r.share for r in found.reasons) == pytest.approx(
            found.score, abs=1e-3
        )


def test_unknown_where_the_labels_say_so(fitted: Fitted) -> None:
    two = fit(three_textures(), strokes(1, 2), config=fitted.model.config)
    some = [(r, c) for r in range(3, 64, 15) for c in range(2, 96, 11)]
    for keep in (0.5, 0.9, 0.99):
        labels = two.prediction.labels(keep=keep)
        near = [abs(two.prediction.typicality[p] - (1 - keep)) < 1e-3 for p in some]
        found = [explain(two.model, store_of(two), p).is_unknown(keep) for p in some]
        expected = [labels[p] == UNKNOWN for p in some]
        assert [f for f, n in zip(found, near, strict=True) if not n] == [
            e for e, n in zip(expected, near, strict=True) if not n
        ]
        assert 0 < sum(expected) < len(expected)


def test_distances_follow_from_the_logits(fitted: Fitted) -> None:
    """The distance is the mean log squared distance, in units of the usual."""
    size = fitted.model.descriptor.mean_size
    found = explain(fitted.model, store_of(fitted), (20, 45))
    for own in found.classes:
        log_squared = -2 * own.logit / size
        assert own.distance == pytest.approx(np.sqrt(np.exp(log_squared) / size))
    first, second, *_ = found.classes
    assert first.distance <= second.distance
    assert found.ambiguity == pytest.approx(first.distance / second.distance)


def test_nearest_strokes_are_of_the_same_texture(fitted: Fitted) -> None:
    store, painted = store_of(fitted), strokes(1, 2, 3)
    means = StrokeMeans().of(store, painted.strokes)
    for class_id, point in ((1, (30, 15)), (2, (20, 48)), (3, (40, 80))):
        found = explain(fitted.model, store, point, strokes=means).strokes
        distances = [s.distance for s in found]
        assert distances == sorted(distances)
        assert [s.class_id for s in found[:3]] == [class_id] * 3
        assert {s.stroke_id for s in found} == {s.id for s in painted.strokes}
        for near in found:
            (stroke,) = (s for s in painted.strokes if s.id == near.stroke_id)
            assert near.point in {tuple(p) for p in stroke.coords.tolist()}


def test_one_class_is_never_ambiguous() -> None:
    alone = fit(
        three_textures(), strokes(1), config=InstantConfig(filters=FILTERS, tile=32)
    )
    found = explain(alone.model, store_of(alone), (5, 5))
    assert found.ambiguity == 0.0
    assert found.best.posterior == 1.0


def test_pixel_without_a_value() -> None:
    image = three_textures()
    image[20, 40] = np.nan
    fitted = fit(image, config=InstantConfig(filters=FILTERS, tile=32))
    broken = explain(fitted.model, store_of(fitted), (20, 40))
    assert (broken.valid, broken.typicality) == (False, 0.0)
    assert fitted.prediction.typicality[20, 40] == 0.0
    assert explain(fitted.model, store_of(fitted), (20, 42)).valid


def test_other_planes() -> None:
    stack = np.stack([three_textures(), three_textures(seed=3)])
    config = InstantConfig(filters=FILTERS, tile=32)
    painted = strokes(1, 2)
    for stroke in painted.strokes:
        painted = painted.add(stroke.class_id, stroke.coords, plane=(0,))
    only = type(painted)(
        painted.shape, tuple(s for s in painted.strokes if s.plane), painted.next_id
    )
    fitted = fit(stack, only, config=config, axes="ZYXC")
    for plane in ((0,), (1,)):
        shown = predict(fitted.model, store_of(fitted), plane=plane)
        found = explain(fitted.model, store_of(fitted), (33, 44), plane=plane)
        assert found.plane == plane
        assert found.typicality == pytest.approx(shown.typicality[33, 44], abs=1e-3)


@pytest.mark.parametrize("point", [(-1, 0), (64, 0), (0, 96)])
def test_no_such_pixel(fitted: Fitted, point: tuple[int, int]) -> None:
    message = rf"no pixel in row {point[0]}, column {point[1]} of an image of 64 x 96"
    with pytest.raises(ImageError, match=message):
        explain(fitted.model, store_of(fitted), point)


def test_tiles_are_found(fitted: Fitted) -> None:
    store = store_of(fitted)
    for point in POINTS:
        inner = store.tiles[tile_at(store, point)].inner
        assert all(s.start <= p < s.stop for p, s in zip(point, inner, strict=True))


def test_is_small_enough_to_be_shown_in_a_log(fitted: Fitted) -> None:
    found: Explanation = explain(fitted.model, store_of(fitted), (1, 1))
    assert "reasons" not in repr(found)

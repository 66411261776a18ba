from __future__ import annotations

import numpy as np
import pytest

from napari_ood_seg.core.types import UNKNOWN, UNLABELLED, Prediction
from napari_ood_seg.session.result import Result


def tile(class_id: int, typicality: list[list[float]]) -> Prediction:
    t = np.array(typicality, np.float32)
    classes = np.full(t.shape, class_id, np.uint8)
    return Prediction(classes=classes, score=-t, typicality=t)


@pytest.fixture
def half() -> Result:
    """Return a result whose upper row is predicted."""
    result = Result((2, 4))
    result.write((slice(0, 1), slice(0, 2)), tile(3, [[0.5, 0.01]]))
    result.write((slice(0, 1), slice(2, 4)), tile(7, [[0.049, 1.0]]))
    return result


def test_empty() -> None:
    result = Result((2, 3))
    assert (result.classes == UNLABELLED).all()
    assert np.isnan(result.typicality).all()
    assert (result.labels(0.95) == UNLABELLED).all()
    assert result.shares(0.95) == {}


def test_labels_are_unknown_below_the_threshold_only_where_predicted(
    half: Result,
) -> None:
    assert half.labels(0.95).tolist() == [[3, UNKNOWN, UNKNOWN, 7], [0, 0, 0, 0]]
    assert half.labels(0.96).tolist() == [[3, UNKNOWN, 7, 7], [0, 0, 0, 0]]
    assert half.labels(1.0)[0].tolist() == [3, 3, 7, 7]
    assert half.labels(0.95).dtype == np.uint8


def test_labels_of_a_region_are_a_crop(half: Result) -> None:
    region = (slice(0, 2), slice(1, 3))
    np.testing.assert_array_equal(half.labels(0.95, region), half.labels(0.95)[region])


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.95, 1.0])
def test_labels_agree_with_those_of_a_prediction(
    keep: float, rng: np.random.Generator
) -> None:
    t = rng.random((9, 9), np.float32)
    t[0, :2] = np.float32(1 - keep), 0
    prediction = Prediction(
        classes=rng.integers(1, 5, (9, 9)).astype(np.uint8), score=-t, typicality=t
    )
    result = Result((9, 9))
    result.write((slice(0, 9), slice(0, 9)), prediction)
    np.testing.assert_array_equal(result.labels(keep), prediction.labels(keep=keep))


def test_shares_are_of_what_is_predicted(half: Result) -> None:
    assert half.shares(0.95) == {3: 0.25, 7: 0.25, UNKNOWN: 0.5}
    assert sum(half.shares(0.96).values()) == pytest.approx(1)

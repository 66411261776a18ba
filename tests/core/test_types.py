from __future__ import annotations

import numpy as np
import pytest

from napari_ood_seg.core.types import (
    MAX_CLASS_ID,
    UNKNOWN,
    UNLABELLED,
    ClassInfo,
    Prediction,
)


def test_label_convention_fits_in_a_byte() -> None:
    assert (UNLABELLED, MAX_CLASS_ID, UNKNOWN) == (0, 254, 255)


@pytest.mark.parametrize("class_id", [UNLABELLED, UNKNOWN, -1, 300])
def test_class_ids_are_checked(class_id: int) -> None:
    with pytest.raises(ValueError, match=f"from 1 to 254, got {class_id}"):
        ClassInfo(id=class_id, name="a", color="#000000")


@pytest.mark.parametrize("class_id", [1, MAX_CLASS_ID])
def test_first_and_last_class_id(class_id: int) -> None:
    assert ClassInfo(id=class_id, name="a", color="#000000").id == class_id


@pytest.mark.parametrize("keep", [0.0, 0.5, 0.9, 0.95, 1.0])
def test_labels_are_unknown_strictly_below_the_threshold(keep: float) -> None:
    edge = np.float32(1 - keep)
    t = np.array([[0, np.nextafter(edge, -1, dtype=np.float32), edge, 1]], np.float32)
    prediction = Prediction(
        classes=np.array([[1, 2, 3, 254]], np.uint8), score=-t, typicality=t
    )
    labels = prediction.labels(keep=keep)
    assert labels.dtype == np.uint8
    expected = [
        c if v >= edge else UNKNOWN
        for c, v in zip((1, 2, 3, 254), t[0].tolist(), strict=True)
    ]
    assert labels[0].tolist() == expected
    assert labels[0, 2] == 3  # at the threshold: known
    assert prediction.classes.tolist() == [[1, 2, 3, 254]]


def test_nan_typicality_is_unknown() -> None:
    nan = np.full((1, 1), np.nan, np.float32)
    prediction = Prediction(
        classes=np.ones((1, 1), np.uint8), score=nan, typicality=nan
    )
    assert prediction.labels().tolist() == [[UNKNOWN]]

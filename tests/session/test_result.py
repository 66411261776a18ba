from __future__ import annotations

import numpy as np
import pytest

from napari_ood_seg.core.inference.view import View
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


def test_every_so_many_pixels_fill_their_squares() -> None:
    result = Result((64, 70))
    region = (slice(32, 64), slice(64, 70))
    coarse = np.arange(1, 17, dtype=np.uint8).reshape(8, 2)
    share = (coarse / 16).astype(np.float32)
    prediction = Prediction(classes=coarse, score=share, typicality=share)
    result.write(region, prediction, stride=4)
    wanted = coarse.repeat(4, axis=0).repeat(4, axis=1)[:, :6]
    np.testing.assert_array_equal(result.classes[region], wanted)
    np.testing.assert_allclose(
        result.typicality_in(region), wanted / 16, atol=1 / 65_534
    )
    assert (result.classes[:32] == UNLABELLED).all()
    view = View(region=(slice(40, 60), slice(64, 70)), stride=4)
    assert not result.lacks(view)
    assert result.lacks(View(region=view.region, stride=2))


def test_labels_at_every_so_many_pixels() -> None:
    result = Result((9, 9))
    classes = np.arange(1, 82, dtype=np.uint8).reshape(9, 9)
    t = np.ones((9, 9), np.float32)
    result.write(result.whole, Prediction(classes=classes, score=t, typicality=t))
    found = result.labels(0.95, (slice(2, 9), slice(1, 6)), step=3)
    np.testing.assert_array_equal(found, classes[2:9:3, 1:6:3])


def test_shares_of_a_large_image_are_counted_on_a_grid(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("napari_ood_seg.session.result._COUNTED", 100)
    result = Result((40, 40))
    classes = np.ones((40, 40), np.uint8)
    classes[:, 20:] = 2
    t = np.ones((40, 40), np.float32)
    result.write(result.whole, Prediction(classes=classes, score=t, typicality=t))
    assert result.shares(0.95) == {1: 0.5, 2: 0.5}


def test_ood_is_what_typicality_lacks(half: Result) -> None:
    typicality = half.typicality
    np.testing.assert_allclose(typicality[0], [0.5, 0.01, 0.049, 1.0], atol=1e-4)
    assert np.isnan(typicality[1]).all()
    expected = np.nan_to_num(1 - typicality)
    np.testing.assert_array_equal(half.ood_in(half.whole), expected)
    np.testing.assert_array_equal(half.ood_in(half.whole, step=2), expected[::2, ::2])


def whole_tile(class_id: int, size: int) -> Prediction:
    return tile(class_id, [[0.5] * size] * size)


def test_settle_blanks_what_the_new_model_did_not_predict() -> None:
    """Of 128 x 128 pixels those in view stay until the new model has half of them."""
    result = Result((128, 128))
    result.write((slice(0, 128), slice(0, 128)), whole_tile(1, 128))
    result.renew(View(region=(slice(0, 64), slice(0, 128)), stride=1))
    assert (result.classes[:64] == 1).all()
    assert not result.classes[64:].any(), "nobody sees it"
    result.write((slice(0, 64), slice(0, 64)), whole_tile(2, 64))
    result.settle()
    assert (result.classes[:64, :64] == 2).all()
    assert not result.classes[:64, 64:].any()
    assert np.isnan(result.typicality[:64, 64:]).all()


def test_without_a_view_all_is_shown_until_it_is_settled() -> None:
    result = Result((64, 64))
    result.write((slice(0, 64), slice(0, 64)), whole_tile(1, 64))
    result.renew(None)
    assert (result.classes == 1).all()
    result.write((slice(0, 32), slice(0, 64)), tile(2, [[0.5] * 64] * 32))
    result.settle()
    assert (result.classes[:32] == 2).all()
    assert not result.classes[32:].any()


def test_a_rough_look_covers_nothing_that_is_finer() -> None:
    result = Result((1500, 2048))
    fine = (slice(320, 480), slice(0, 704))
    result.write(fine, tile(3, [[0.5] * 88] * 20), stride=8)
    rough = (slice(0, 1500), slice(0, 2048))
    result.write(rough, tile(7, [[0.2, 0.4], [0.6, 0.8]]), stride=1024)
    wanted = np.full((1500, 2048), 7)
    wanted[fine] = 3
    np.testing.assert_array_equal(result.classes, wanted)
    levels = result.typicality[::700, ::1500]
    np.testing.assert_allclose(levels, [[0.2, 0.4]] * 2 + [[0.6, 0.8]], atol=1e-4)
    assert result.typicality[330, 10] == pytest.approx(0.5, abs=1e-4)
    assert result.lacks(View(region=rough, stride=8))
    assert not result.lacks(View(region=fine, stride=8))
    view = View(region=(slice(0, 512), slice(0, 1024)), stride=8)
    result.renew(view)
    assert not result.classes[512:].any()
    assert not result.classes[:, 1024:].any()
    np.testing.assert_array_equal(result.classes[:512, :1024], wanted[:512, :1024])
    result.settle()
    assert not result.classes.any()

from __future__ import annotations

import numpy as np

from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.inference.view import View
from napari_ood_seg.core.types import Prediction
from napari_ood_seg.session.results import Results, planes_around


def image() -> ImageSource:
    return ImageSource.from_array(np.zeros((3, 64, 64)), axes="ZYX")


def ones(shape: tuple[int, int]) -> Prediction:
    t = np.ones(shape, np.float32)
    return Prediction(classes=t.astype(np.uint8), score=t, typicality=t)


def test_planes_have_results_of_their_own() -> None:
    source, results = image(), Results()
    first = results.make(source, (0,))
    assert results.make(source, (0,)) is first
    assert results.get(source, (1,)) is None
    assert results.get(image(), (0,)) is None
    results.forget(source)
    assert results.get(source, (0,)) is None


def test_another_model_keeps_only_what_is_seen() -> None:
    source, results = image(), Results()
    for plane in ((0,), (1,)):
        result = results.make(source, plane)
        result.write(result.whole, ones((64, 64)))
    other = image()
    results.make(other, (0,))
    seen = View(region=(slice(0, 10), slice(40, 50)))
    results.renew(source, (1,), seen)
    assert results.get(source, (0,)) is results.get(other, (0,)) is None
    kept = results.get(source, (1,))
    assert kept is not None
    assert kept.classes[:32, 32:].all()
    assert kept.classes.sum() == 32 * 32
    assert kept.lacks(seen)
    kept.settle()
    assert kept.classes.sum() == 0


def test_what_is_covered_is_a_copy() -> None:
    source, results = image(), Results()
    result = results.make(source, (2,))
    covered = results.covered(source)
    result.write(result.whole, ones((64, 64)))
    assert covered[(2,)].missing(result.whole, 1) is not None
    assert results.covered(source)[(2,)].missing(result.whole, 1) is None


def test_planes_around_two_axes() -> None:
    source = ImageSource.from_array(np.zeros((3, 3, 8, 8)), axes="TZYX")
    around = planes_around(source, (1, 1), 10**6)
    assert len(around) == len(set(around)) == 8
    assert set(around[:4]) == {(0, 1), (1, 0), (1, 2), (2, 1)}
    assert planes_around(source, (1, 1), 0) == ()
    flat = ImageSource.from_array(np.zeros((8, 8)), axes="YX")
    assert planes_around(flat, (), 10**6) == ()

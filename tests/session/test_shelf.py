from __future__ import annotations

import numpy as np
import pytest

from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.session.shelf import Shelf


def image(seed: int) -> ImageSource:
    return ImageSource.from_array(np.full((4, 4), seed, np.uint8))


def painted(*class_ids: int) -> Scribbles:
    scribbles = Scribbles((4, 4))
    for row, class_id in enumerate(class_ids):
        scribbles = scribbles.add(class_id, [[row, 0]])
    return scribbles


A, B, C = image(0), image(1), image(2)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf().put(A, painted(1, 2)).put(B, painted(3))


def test_what_was_put_there_is_there(shelf: Shelf) -> None:
    on_a = shelf.get(A)
    assert on_a is not None
    assert on_a.class_ids == (1, 2)
    assert shelf.get(C) is None
    assert shelf.class_ids == {1, 2, 3}


def test_put_again_replaces(shelf: Shelf) -> None:
    later = painted(4)
    again = shelf.put(A, later)
    assert again.sheets == ((B, shelf.get(B)), (A, later))
    assert shelf.class_ids == {1, 2, 3}, "a shelf never changes"


def test_no_strokes_take_no_place(shelf: Shelf) -> None:
    assert shelf.put(A, painted()).sheets == ((B, shelf.get(B)),)


def test_without_an_image(shelf: Shelf) -> None:
    assert shelf.without(A).class_ids == {3}
    assert shelf.without(C) is shelf


def test_without_a_class(shelf: Shelf) -> None:
    left = shelf.without_class(1)
    on_a = left.get(A)
    assert on_a is not None
    assert on_a.class_ids == (2,)
    assert left.get(B) is shelf.get(B)
    assert shelf.without_class(3).get(B) is None
    assert shelf.without_class(9) is shelf


def test_relabelled(shelf: Shelf) -> None:
    merged = shelf.relabelled(1, 3)
    on_a = merged.get(A)
    assert on_a is not None
    assert [s.class_id for s in on_a.strokes] == [3, 2]
    assert merged.get(B) is shelf.get(B)

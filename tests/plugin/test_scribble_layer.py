from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import Dims
from napari.layers import Labels

from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.plugin.scribble_layer import (
    STROKES,
    WINDOW,
    fill_up,
    fits,
    index_of,
    planes_of,
    renumber,
    shift,
    stretch,
    strokes_of,
    window_of,
)
from napari_ood_seg.plugin.window import Window

WIDE = Window(origin=(10, 20), size=(6, 8), shape=(100, 200))

PLACES: dict[str, dict[str, Any]] = {
    "plain": {},
    "scaled": {"scale": (0.5, 3.0), "translate": (7.0, 9.0)},
    "turned": {"scale": (0.5, 3.0), "rotate": 30.0},
    "sheared": {"scale": (0.5, 3.0), "rotate": 30.0, "shear": [0.4]},
    "affine": {
        "scale": (0.5, 3.0),
        "rotate": 30.0,
        "affine": [[1.0, 0.2, 5.0], [0.0, 2.0, 6.0], [0.0, 0.0, 1.0]],
    },
}


def layer_of(window: Window | None, *strokes: Any, planes: int = 0) -> Labels:
    size = (6, 8)
    facts: dict[str, Any] = {} if window is None else {WINDOW: window}
    if strokes:
        scribbles = Scribbles((6, 8) if window is None else window.shape)
        for class_id, coords, plane in strokes:
            scribbles = scribbles.add(class_id, coords, plane=plane)
        facts[STROKES] = scribbles
    shape = (planes, *size) if planes else size
    return Labels(np.zeros(shape, np.uint8), metadata=facts)


def test_where_the_pixels_lie() -> None:
    assert window_of(layer_of(None)) == Window.whole((6, 8))
    assert window_of(layer_of(WIDE)) is WIDE
    other = layer_of(WIDE)
    other.data = np.zeros((3, 4), np.uint8)  # somebody replaced them
    assert window_of(other) == Window.whole((3, 4))


def test_strokes_that_do_not_fit_are_not_taken() -> None:
    far = (1, [[90, 190]], ())
    assert len(strokes_of(layer_of(WIDE, far)).strokes) == 1
    assert strokes_of(layer_of(None)).shape == (6, 8)
    assert strokes_of(layer_of(WIDE, far, planes=3)).strokes == ()
    assert len(strokes_of(layer_of(WIDE, (1, [[9, 9]], (2,)), planes=3)).strokes) == 1
    assert strokes_of(layer_of(WIDE, (1, [[9, 9]], (3,)), planes=3)).strokes == ()


def test_an_axis_that_is_stretched_is_no_plane() -> None:
    layer = layer_of(WIDE, (1, [[9, 9]], (2,)), planes=3)
    strokes = strokes_of(layer)
    layer.data[2, 1, 4] = 1
    stretch(layer, (1,), Dims(ndim=4))
    assert layer.data.shape == (3, 1, 6, 8)
    assert layer.data[2, 0, 1, 4] == 1
    assert (planes_of(layer), index_of(layer, (2,))) == ((3,), (2, 0))
    assert strokes_of(layer) is strokes
    stretch(layer, (), Dims(ndim=4))
    assert (planes_of(layer), index_of(layer, (2,))) == ((3,), (2,))
    assert layer.data[2, 1, 4] == 1
    stretch(layer, (1,), Dims(ndim=4))
    layer.data = np.zeros((3, 2, 6, 8), np.uint8)  # somebody replaced them
    assert planes_of(layer) == (3, 2)


def test_a_layer_gets_the_planes_that_its_file_did_not_know() -> None:
    layer = layer_of(WIDE, (1, [[9, 9]], (1,)), planes=2)
    strokes = strokes_of(layer)
    layer.data[1, 2, 3] = 1
    stretch(layer, (1,), Dims(ndim=4))
    source = ImageSource.from_array(np.zeros((5, 100, 200), np.uint8), axes="ZYX")
    assert fits(layer, source)
    fill_up(layer, source.plane_shape)
    assert layer.data.shape == (5, 1, 6, 8)
    assert planes_of(layer) == (5,)
    assert np.argwhere(layer.data).tolist() == [[1, 0, 2, 3]]
    assert strokes_of(layer) is strokes
    same = layer.data
    fill_up(layer, (5,))
    assert layer.data is same
    fewer = ImageSource.from_array(np.zeros((4, 100, 200), np.uint8), axes="ZYX")
    assert not fits(layer, fewer)


@pytest.mark.parametrize(
    ("axes", "shape", "expected"),
    [
        ("YX", (100, 200), True),
        ("YX", (6, 8), False),
        ("ZYX", (1, 100, 200), False),
        ("YXC", (100, 200, 3), True),
    ],
)
def test_fits(axes: str, shape: tuple[int, ...], expected: bool) -> None:
    source = ImageSource.from_array(np.zeros(shape, np.uint8), axes=axes)
    assert fits(layer_of(WIDE), source) == expected


@pytest.mark.parametrize("name", PLACES)
def test_shifted_pixels_lie_where_those_of_a_larger_layer_do(name: str) -> None:
    large = Labels(np.zeros((100, 200), np.uint8), **PLACES[name])
    small = Labels(np.zeros((6, 8), np.uint8), **PLACES[name])
    shift(small, np.array([10, 20]))
    for row, column in ((0, 0), (5, 7)):
        np.testing.assert_allclose(
            small.data_to_world((row, column)),
            large.data_to_world((10 + row, 20 + column)),
        )
    shift(small, np.array([-10, -20]))
    np.testing.assert_allclose(small.translate, large.translate, atol=1e-12)


def test_a_polygon_that_was_begun_stays_in_the_world() -> None:
    layer = layer_of(WIDE)
    polygon = layer._overlays["polygon"]
    polygon.points = [np.array([1.0, 2.0]), np.array([3.0, 4.0])]
    before = [layer.data_to_world(p) for p in polygon.points]
    shift(layer, np.array([10, 20]))
    np.testing.assert_allclose(polygon.points, [[-9.0, -18.0], [-7.0, -16.0]])
    after = [layer.data_to_world(p) for p in polygon.points]
    np.testing.assert_allclose(after, before)


def test_renumbered_pixels_and_strokes() -> None:
    layer = layer_of(WIDE, (1, [[90, 190]], ()), (2, [[11, 21]], ()))
    layer.data[1, 1] = 2
    renumber(layer, {1: 2, 2: 1})
    assert layer.data[1, 1] == 1
    assert [s.class_id for s in strokes_of(layer).strokes] == [2, 1]

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import dask.array as da
import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_ood_seg.core.data.preview import Tone, preview
from napari_ood_seg.core.errors import ImageError
from napari_ood_seg.core.types import ClassInfo
from napari_ood_seg.plugin.layers import (
    FACTS,
    ROLE,
    axes_options,
    is_candidate,
    make_classes,
    make_heatmap,
    make_picture,
    make_scribbles,
    needs_picture,
    placement,
    role_of,
    source_of,
    stretched_axes,
)

if TYPE_CHECKING:
    import numpy.typing as npt

CLASSES = (ClassInfo(id=1, name="a", color="#ff0000"),)


def levels(dtype: type) -> list[npt.NDArray[Any]]:
    return [np.zeros((20, 30), dtype), np.zeros((10, 15), dtype)]


def zeros(*shape: int, dtype: Any = np.float32) -> Any:
    return np.zeros(shape, dtype)


@pytest.mark.parametrize(
    ("data", "rgb", "axes", "n_channels", "plane_shape"),
    [
        (zeros(20, 30, 3, dtype=np.uint8), True, "YXC", 3, ()),
        (zeros(20, 30, 4, dtype=np.uint8), True, "YXC", 3, ()),
        (zeros(20, 30), False, "YX", 1, ()),
        (zeros(20, 30, dtype=np.uint16), False, "YX", 1, ()),
        (zeros(20, 30, dtype=bool), False, "YX", 1, ()),
        (zeros(5, 20, 30), False, "CYX", 5, ()),
        (zeros(20, 30, 5), False, "YXC", 5, ()),
        (zeros(7, 5, 20, 30), False, "ZCYX", 5, (7,)),
        (zeros(2, 7, 20, 30, 3, dtype=np.uint8), True, "TZYXC", 3, (2, 7)),
        (da.zeros((5, 20, 30)), False, "CYX", 5, ()),
    ],
    ids=lambda v: str(getattr(v, "shape", v)),
)
def test_source_of(
    data: Any, rgb: bool, axes: str, n_channels: int, plane_shape: tuple[int, ...]
) -> None:
    source = source_of(Image(data, rgb=rgb, name="it"))
    assert (source.axes, source.rgb, source.name) == (axes, rgb, "it")
    assert (source.height, source.width) == (20, 30)
    assert (source.n_channels, source.plane_shape) == (n_channels, plane_shape)
    assert source.levels[0] is data


def test_source_of_multiscale_uses_the_finest() -> None:
    levels = [zeros(40, 60), zeros(20, 30)]
    source = source_of(Image(levels, multiscale=True))
    assert (source.height, source.width) == (40, 60)
    assert len(source.levels) == 2


@pytest.mark.parametrize(
    ("axes", "size"), [("CYX", (0.5, 0.25)), ("YXC", (3.0, 0.5)), ("ZYX", (0.5, 0.25))]
)
def test_pixel_size_follows_the_axes(axes: str, size: tuple[float, float]) -> None:
    layer = Image(zeros(5, 20, 30), scale=(3.0, 0.5, 0.25), units=("um", "um", "um"))
    source = source_of(layer, axes)
    assert source.pixel_size == size
    assert source.unit == "micrometer"


def test_wavelengths_belong_to_the_axes_they_came_with() -> None:
    facts = {"axes": "CYX", "wavelengths": (500.0, 600.0, 700.0, 800.0, 900.0)}
    layer = Image(zeros(5, 20, 30), metadata={FACTS: facts})
    assert source_of(layer).wavelengths == facts["wavelengths"]
    assert source_of(layer, "ZYX").wavelengths is None
    layer.data = zeros(20, 30)  # other data in the same layer
    assert source_of(layer).axes == "YX"


def test_axes_that_do_not_fit() -> None:
    with pytest.raises(ImageError, match="axes 'YX' do not fit"):
        source_of(Image(zeros(5, 20, 30)), "YX")
    with pytest.raises(ImageError, match="2 to 5 axes"):
        source_of(Image(zeros(1, 1, 1, 2, 8, 9)))


@pytest.mark.parametrize(
    ("shape", "rgb", "wanted"),
    [
        ((20, 30), False, ["YX"]),
        ((20, 30, 3), True, ["YXC"]),
        ((4, 20, 30, 3), True, ["ZYXC"]),
        ((5, 20, 30), False, ["CYX", "YXC", "ZYX", "TYX"]),
        ((1, 1, 1, 1, 20, 30), False, []),
    ],
)
def test_axes_options(shape: tuple[int, ...], rgb: bool, wanted: list[str]) -> None:
    layer = Image(zeros(*shape), rgb=rgb)
    options = axes_options(layer)
    assert [axes for axes, _ in options] == wanted
    for axes, _ in options:
        assert source_of(layer, axes).axes == axes  # each of them can be chosen


def test_roles() -> None:
    assert role_of(Image(zeros(2, 2))) is None
    assert is_candidate(Image(zeros(2, 2)))
    assert not is_candidate(Image(zeros(2, 2), metadata={ROLE: "heatmap"}))
    assert not is_candidate(Labels(zeros(2, 2, dtype=np.uint8)))
    assert role_of(Image(zeros(2, 2), metadata={ROLE: 3})) is None


AFFINE = np.array([[1.0, 0.2, 4.0], [0.0, 1.5, -2.0], [0.0, 0.0, 1.0]])


@pytest.mark.parametrize(
    "options",
    [
        {"scale": (0.5, 0.25), "translate": (7.0, -3.0)},
        {"rotate": 30.0, "scale": (2.0, 2.0)},
        {"affine": AFFINE, "scale": (2.0, 3.0)},
        {"shear": [0.5], "rotate": 10.0},
    ],
    ids=lambda o: "+".join(o),
)
def test_our_layers_lie_on_the_image(options: dict[str, Any]) -> None:
    layer = Image(zeros(20, 30), **options)
    source = source_of(layer)
    ours = [
        make_scribbles(layer, source, CLASSES),
        make_classes(layer, source, levels(np.uint8), CLASSES),
        make_heatmap(layer, source, levels(np.float32)),
    ]
    for point in ((0, 0), (19, 0), (3.5, 28)):
        for made in ours:
            np.testing.assert_allclose(
                made.data_to_world(point), layer.data_to_world(point)
            )
    for made in ours:
        assert made.units == layer.units


def test_a_stack_keeps_its_planes_in_place() -> None:
    layer = Image(zeros(4, 5, 20, 30), scale=(2, 1, 0.5, 0.25), translate=(1, 0, 3, 4))
    source = source_of(layer, "ZCYX")
    planes = placement(layer, source, planes=True)
    assert planes["scale"] == [2, 0.5, 0.25]
    assert planes["translate"] == [1, 3, 4]
    assert placement(layer, source)["scale"] == [0.5, 0.25]
    scribbles = make_scribbles(layer, source, CLASSES)
    assert scribbles.data.shape == (4, 1, 20, 30)  # a slider for the channels
    for channel in range(5):
        there = layer.data_to_world((2, channel, 5, 6))
        here = np.asarray(scribbles.world_to_data(there))
        assert np.round(here).tolist() == [2, 0, 5, 6]


def test_scribbles_are_as_long_as_the_channels_wherever_they_lie() -> None:
    turn = np.eye(4)
    turn[2:, 2:] = [[0.8, -0.6], [0.6, 0.8]]
    affine = np.eye(5)
    affine[3, 2], affine[1, 1], affine[1, 4] = 0.3, 2.0, 9.0
    layer = Image(
        zeros(4, 5, 20, 30),
        scale=(2, 3, 0.5, 0.25),
        translate=(1, 7, 3, 4),
        rotate=turn,
        affine=affine,
    )
    scribbles = make_scribbles(layer, source_of(layer, "TCYX"), CLASSES)
    for channel, inside in ((-0.5, -0.5), (2, 0.0), (4.5, 0.5)):
        world = layer.data_to_world((2, channel, 5, 6))
        at = scribbles.world_to_data(world)
        np.testing.assert_allclose(at, (2, inside, 5, 6), atol=1e-6)


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ("TCYX", (1,)),
        ("CTYX", ()),
        ("TZCYX", (2,)),
        ("TCZYX", (1,)),
        ("CTZYX", ()),
        ("TYXC", (1,)),  # napari's slider of this image is Y
        ("CYX", ()),
        ("YX", ()),
    ],
)
def test_where_scribbles_have_a_longer_axis(
    axes: str, expected: tuple[int, ...]
) -> None:
    layer = Image(zeros(*(3, 4, 5, 6, 7)[: len(axes)]), rgb=False)
    assert stretched_axes(layer, source_of(layer, axes)) == expected


def test_a_rotated_stack() -> None:
    turn = np.eye(3)
    turn[1:, 1:] = [[0.8, -0.6], [0.6, 0.8]]
    layer = Image(zeros(4, 20, 30), rotate=turn)
    scribbles = make_scribbles(layer, source_of(layer, "ZYX"), CLASSES)
    point = (1, 5, 6)
    np.testing.assert_allclose(
        scribbles.data_to_world(point), layer.data_to_world(point)
    )


def test_the_heatmap_is_from_0_to_1_and_the_classes_cannot_be_painted() -> None:
    layer = Image(zeros(20, 30))
    source = source_of(layer)
    classes = make_classes(layer, source, levels(np.uint8), CLASSES)
    heatmap = make_heatmap(layer, source, levels(np.float32))
    assert not classes.editable
    assert tuple(heatmap.contrast_limits) == (0.0, 1.0)
    assert [role_of(la) for la in (classes, heatmap)] == ["classes", "heatmap"]


@pytest.mark.parametrize(("shape", "size"), [((20, 30), 3), ((600, 900), 4)])
def test_the_brush_suits_the_image(shape: tuple[int, int], size: int) -> None:
    layer = Image(zeros(*shape))
    assert make_scribbles(layer, source_of(layer), CLASSES).brush_size == size


@pytest.mark.parametrize("axes", ["CTYX", "TCYX"])
def test_picture_of_a_series_lies_under_its_time(axes: str) -> None:
    rng = np.random.default_rng(0)
    data = rng.uniform(0.1, 0.5, (31, 4, 20, 30)).astype(np.float32)  # C, T, Y, X
    data *= np.linspace(1, 0.5, 4, dtype=np.float32)[:, None, None]
    nm = tuple(np.linspace(400, 700, 31).tolist())
    order = ["CTYX".index(a) for a in axes]
    facts = {FACTS: {"axes": axes, "wavelengths": nm, "bands": None}}
    layer = Image(data.transpose(order), metadata=facts)
    source = source_of(layer)
    assert needs_picture(source)
    assert not needs_picture(replace(source, wavelengths=None))
    picture = make_picture(layer, source, "colour")
    time = axes.index("T") - layer.ndim  # napari aligns the last axes
    assert picture.rgb
    assert (
        picture.extent.world[:, time].tolist() == layer.extent.world[:, time].tolist()
    )
    for t in range(4):
        shown = np.asarray(picture.data[t]).reshape(20, 30, 3)
        expected = preview(source, plane=(t,), tone=Tone.fit(source))
        np.testing.assert_array_equal(shown, expected)

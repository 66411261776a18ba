from __future__ import annotations

from typing import TYPE_CHECKING
from weakref import ref

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_ood_seg.core.types import ClassInfo
from napari_ood_seg.plugin.camera import camera_of
from napari_ood_seg.plugin.layers import ROLE, role_of
from tests.plugin.driver import (
    is_gone,
    open_panel,
    pixels,
    two_halves,
)

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

    from tests.plugin.driver import Driver

RNG = np.random.default_rng(0)


def scribble_layers(driver: Driver) -> list[str]:
    return [la.name for la in driver.viewer.layers if role_of(la) == "scribbles"]


def test_without_an_image(driver: Driver) -> None:
    driver.spin()
    assert driver.images.image is None
    assert not driver.button("New scribbles").isEnabled()
    driver.images.renew_scribbles()
    assert driver.message == ("choose an image first", "warning")


def test_the_first_image_is_chosen_and_gets_scribbles(driver: Driver) -> None:
    image = driver.add_image(two_halves(), name="it", scale=(0.5, 0.5))
    assert driver.session.source is not None
    assert driver.session.source.levels[0] is image.data
    assert driver.layer.name == "it scribbles"
    assert driver.layer.data.shape == (64, 64)
    np.testing.assert_array_equal(driver.layer.scale, image.scale)


def test_the_selected_image_is_chosen_when_the_panel_opens(
    viewer: Viewer, qtbot: QtBot
) -> None:
    viewer.add_image(two_halves(), name="a", rgb=True)
    wanted = viewer.add_image(two_halves(), name="b", rgb=True)
    viewer.add_image(two_halves(), name="c", rgb=True)
    viewer.layers.selection.active = wanted
    panel = open_panel(viewer)
    qtbot.waitUntil(lambda: panel.images.image is wanted)


def test_spectral_images_get_a_colour_picture(driver: Driver) -> None:
    cube = driver.add_image(RNG.random((9, 20, 30)), name="cube")
    names = [la.name for la in driver.viewer.layers]
    assert names == ["cube", "cube colour", "cube scribbles"]
    assert not cube.visible
    assert driver.viewer.layers["cube colour"].data.shape == (20, 30, 3)
    driver.images.choose(cube)
    assert len(driver.viewer.layers) == 3


def test_another_reading_of_the_axes(driver: Driver) -> None:
    driver.add_image(RNG.random((9, 20, 30)))
    driver.panel.image_panel.axes_selected.emit("ZYX")
    assert driver.session.source is not None
    assert driver.session.source.plane_shape == (9,)
    assert driver.layer.data.shape == (9, 20, 30)
    driver.panel.image_panel.axes_selected.emit("CYX")
    assert driver.layer.data.shape == (20, 30)
    assert len(scribble_layers(driver)) == 2


def test_going_to_another_image_and_back_loses_nothing(driver: Driver) -> None:
    first = driver.add_image(two_halves(), name="a")
    driver.stroke((20, 10), (20, 30))
    empty_then = driver.session.scribbles
    driver.stroke((22, 10), (22, 30))
    driver.panel.classes.add()
    painted, layer = driver.session.scribbles, driver.layer
    second = driver.viewer.add_image(two_halves(), rgb=True, name="b")
    driver.panel.image_panel.image_selected.emit("b")
    assert driver.images.image is second
    assert driver.session.scribbles.strokes == ()
    assert driver.layer is not layer
    driver.spin()
    driver.images.choose(first)
    assert driver.session.scribbles is painted
    assert driver.layer is layer
    assert [c.id for c in driver.session.classes] == [1, 2]
    driver.layer.undo()
    driver.spin()
    assert driver.session.scribbles is empty_then


def test_a_renamed_image_keeps_its_scribbles(driver: Driver) -> None:
    first = driver.add_image(two_halves(), name="a")
    driver.stroke((20, 10), (20, 30))
    second = driver.viewer.add_image(two_halves(), rgb=True, name="b")
    first.name = "c"
    assert driver.layer.metadata["image"] == "c"
    layer = driver.layer
    driver.images.choose(second)
    first.name = "d"
    driver.images.choose(first)
    assert driver.layer is layer
    assert len(driver.session.scribbles.strokes) == 1
    assert len(scribble_layers(driver)) == 2


def test_scribbles_of_another_session_are_found_by_the_name(driver: Driver) -> None:
    data = np.zeros((64, 64), np.uint8)
    data[3:5, 3:9], data[30:33, 3:9] = 1, 3
    classes = (
        ClassInfo(id=1, name="Sky", color="#ff0000"),
        ClassInfo(id=3, name="Sea", color="#00ff00"),
    )
    own = Labels(
        data,
        name="old",
        metadata={ROLE: "scribbles", "image": "it", "classes": classes},
    )
    driver.viewer.add_layer(own)
    driver.add_image(two_halves(), name="it", scale=(0.5, 0.5))
    assert driver.layer is own
    assert driver.session.classes == classes
    assert [s.class_id for s in driver.session.scribbles.strokes] == [1, 3]
    np.testing.assert_array_equal(own.scale, (0.5, 0.5))


def test_painted_scribbles_that_come_later_replace_empty_ones(driver: Driver) -> None:
    driver.add_image(two_halves(), name="it")
    data = np.zeros((64, 64), np.uint8)
    data[3:5, 3:9] = 2
    late = Labels(data, name="late", metadata={ROLE: "scribbles"})
    driver.viewer.add_layer(late)
    driver.until(lambda: driver.images.scribbles is late)
    assert scribble_layers(driver) == ["late"]
    np.testing.assert_array_equal(pixels(driver.session.scribbles), data)
    assert late.metadata["image"] == "it"
    driver.stroke((40, 10), (40, 20))
    assert len(driver.session.scribbles.strokes) == 2


def test_painted_scribbles_are_not_thrown_away_for_later_ones(driver: Driver) -> None:
    driver.add_image(two_halves(), name="it")
    driver.stroke((20, 10), (20, 30))
    late = Labels(
        np.zeros((64, 64), np.uint8), name="late", metadata={ROLE: "scribbles"}
    )
    driver.viewer.add_layer(late)
    driver.until(lambda: driver.images.scribbles is late)
    assert scribble_layers(driver) == ["it scribbles", "late"]


def test_scribbles_of_another_size(driver: Driver) -> None:
    driver.add_image(two_halves())
    layer = driver.layer
    other = Labels(
        np.zeros((9, 9), np.uint8), name="small", metadata={ROLE: "scribbles"}
    )
    driver.viewer.add_layer(other)
    driver.spin()
    assert driver.layer is layer
    assert driver.message == (
        (
            "the scribbles 'small' have another size than the image: "
            "open the image that they were painted on"
        ),
        "warning",
    )


def test_our_layers_are_not_offered_as_images(driver: Driver) -> None:
    driver.add_image(RNG.random((9, 20, 30)), name="cube")
    driver.viewer.add_layer(Image(np.zeros((4, 4)), name="other"))
    box = driver.panel.image_panel._image
    names = [box.itemText(i) for i in range(box.count())]
    assert names == ["cube", "other"]
    assert box.current_key() == "cube"


def test_the_slider_chooses_the_plane(driver: Driver) -> None:
    image = driver.add_image(RNG.random((2, 4, 20, 30)), scale=(2.0, 3.0, 1.0, 1.0))
    driver.images.choose(image, "TZYX")
    driver.viewer.add_image(RNG.random((2, 4, 20, 30)), name="finer")
    for plane in ((1, 3), (0, 2)):
        driver.viewer.dims.set_point((0, 1), (2.0 * plane[0], 3.0 * plane[1]))
        assert driver.session.plane == plane


def test_a_channel_slider_is_no_plane(driver: Driver) -> None:
    image = driver.add_image(RNG.random((2, 5, 20, 30)))
    driver.images.choose(image, "TCYX")
    driver.viewer.dims.set_current_step(1, 4)
    assert driver.session.plane == (0,)
    driver.viewer.dims.set_current_step(0, 1)
    assert driver.session.plane == (1,)


def test_the_session_knows_what_is_visible(driver: Driver) -> None:
    driver.add_image(two_halves(), scale=(0.5, 0.5), translate=(10.0, 20.0))
    camera = camera_of(driver.viewer)
    camera.zoom = 2.0 * driver.canvas.height() / 20  # 20 pixels high
    camera.center = (0.0, 15.0, 24.0)
    driver.until(lambda: seen(driver)[0] == (0, 21))
    view = driver.session.view
    assert view is not None
    assert view.stride == 1


def seen(driver: Driver) -> list[tuple[int, int]]:
    view = driver.session.view
    return [] if view is None else [(s.start, s.stop) for s in view.region]


def test_all_of_a_small_image_is_visible_from_the_start(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.until(lambda: seen(driver) == [(0, 64), (0, 64)])


# ------------------------------------------------------------------ several images


def two_images(driver: Driver) -> tuple[Image, Image]:
    """Add two images; the first one is worked on, both classes are painted there."""
    first = driver.add_image(two_halves(), name="first")
    driver.paint_both()
    second = driver.viewer.add_image(two_halves(seed=1), name="second", rgb=True)
    driver.spin()
    return first, second


def test_scribbles_come_back_with_their_image(driver: Driver) -> None:
    first, second = two_images(driver)
    painted, mine = driver.session.scribbles, driver.layer
    driver.images.choose(second)
    assert driver.layer is not mine
    assert driver.session.scribbles.strokes == ()
    driver.images.choose(first)
    assert driver.layer is mine
    assert driver.session.scribbles is painted
    driver.undo()
    assert len(driver.session.scribbles.strokes) == 3


def test_painting_on_scribbles_of_another_image_goes_there(driver: Driver) -> None:
    first, second = two_images(driver)
    mine = driver.layer
    driver.images.choose(second)
    driver.viewer.layers.selection.active = mine
    mine.mode = "paint"
    driver.stroke((30, 6), (30, 24))
    assert driver.images.image is first
    assert driver.layer is mine
    assert len(driver.session.scribbles.strokes) == 5
    np.testing.assert_array_equal(mine.data, pixels(driver.session.scribbles))
    driver.undo()
    assert len(driver.session.scribbles.strokes) == 4


def test_what_was_painted_meanwhile_is_found(driver: Driver) -> None:
    first, second = two_images(driver)
    mine = driver.layer
    driver.images.choose(second)
    mine.data[60, 0:9] = 1
    driver.images.choose(first)
    assert len(driver.session.scribbles.strokes) == 5


def test_classes_that_were_merged_elsewhere_are_merged_on_the_layer(
    driver: Driver,
) -> None:
    first, second = two_images(driver)
    mine = driver.layer
    driver.images.choose(second)
    driver.session.merge_classes(2, into=1)
    driver.images.choose(first)
    assert set(np.unique(mine.data)) == {0, 1}
    np.testing.assert_array_equal(mine.data, pixels(driver.session.scribbles))


def test_classes_that_were_removed_elsewhere_are_gone_from_the_layer(
    driver: Driver,
) -> None:
    first, second = two_images(driver)
    mine = driver.layer
    driver.images.choose(second)
    driver.session.remove_class(1)
    driver.session.remove_class(2)
    driver.images.choose(first)
    assert driver.session.scribbles.strokes == ()
    assert not mine.data.any()


def test_deleted_scribbles_come_back_with_their_image(driver: Driver) -> None:
    first, second = two_images(driver)
    painted, mine = driver.session.scribbles, driver.layer
    driver.images.choose(second)
    driver.viewer.layers.remove(mine)
    driver.images.choose(first)
    assert driver.session.scribbles is painted
    np.testing.assert_array_equal(driver.layer.data, pixels(painted))


def test_opened_scribbles_take_the_numbers_that_their_names_have_here(
    driver: Driver,
) -> None:
    _, second = two_images(driver)
    driver.session.rename_class(1, "kidney")
    driver.images.choose(second)
    data = np.zeros((64, 64), np.uint8)
    data[3, 3:9], data[9, 3:9] = 1, 2
    classes = (
        ClassInfo(id=1, name="liver", color="#112233"),
        ClassInfo(id=2, name="kidney", color="#445566"),
    )
    facts = {ROLE: "scribbles", "image": "second", "classes": classes}
    opened = Labels(data, name="opened", metadata=facts)
    driver.viewer.add_layer(opened)
    driver.until(lambda: driver.layer is opened)
    names = {c.id: c.name for c in driver.session.classes}
    assert names == {1: "kidney", 2: "class 2", 3: "liver"}
    assert [opened.data[3, 4], opened.data[9, 4]] == [3, 1]
    assert driver.session.scribbles.class_ids == (1, 3)


def test_scribbles_without_classes_leave_ours_alone(driver: Driver) -> None:
    driver.add_image(two_halves(), name="it")
    driver.session.rename_class(driver.session.classes[0].id, "kidney")
    data = np.zeros((64, 64), np.uint8)
    data[3, 3:9] = 1
    opened = Labels(data, name="mask", metadata={ROLE: "scribbles"})
    driver.viewer.add_layer(opened)
    driver.until(lambda: driver.layer is opened)
    assert [c.name for c in driver.session.classes] == ["kidney"]
    assert driver.session.scribbles.class_ids == (1,)


def test_an_image_whose_data_are_replaced_is_read_again(driver: Driver) -> None:
    first, second = two_images(driver)
    before = driver.images.sources.of(second)
    second.data = two_halves((32, 48), seed=2)
    after = driver.images.sources.of(second)
    assert after is not before
    assert (after.height, after.width) == (32, 48)
    assert driver.images.image is first
    assert driver.session.images == (driver.images.sources.of(first), after)


def test_live_mode_does_not_learn_twice_from_an_image_read_in_another_way(
    driver: Driver,
) -> None:
    stack = np.stack([two_halves()[..., 0]] * 3)
    image = driver.add_image(stack, name="stack")
    driver.images.choose(image, "ZYX")
    driver.paint_both()
    driver.session.set_live(True)
    driver.until(lambda: not driver.session.busy)
    driver.images.choose(image, "TYX")
    driver.until(lambda: not driver.session.busy)
    model = driver.session.model
    assert model is not None
    assert model.facts["trained_on"] == ["stack"]
    assert driver.session.shelf.sheets == ()


def test_a_removed_image_is_not_learned_from(driver: Driver) -> None:
    first, second = two_images(driver)
    driver.images.choose(second)
    assert len(driver.session.shelf.sheets) == 1
    driver.viewer.layers.remove(first)
    assert not driver.session.shelf.sheets


@pytest.mark.parametrize("step", ["Once", "Live"])
def test_a_removed_image_takes_no_memory(driver: Driver, step: str) -> None:
    """Scribbles and results stay in the viewer; what they lie on is not kept."""
    pixels = ref(driver.add_image(two_halves(), name="it").data)
    driver.stroke((20, 10), (20, 30))
    driver.push(step)
    driver.until(lambda: driver.panel.overlays.classes is not None)
    driver.until(lambda: not driver.session.busy)
    assert pixels() is not None
    driver.viewer.layers.remove("it")
    driver.until(lambda: is_gone(pixels))
    left = [la.name for la in driver.viewer.layers]
    assert left == ["it classes", "it OOD", "it scribbles"]

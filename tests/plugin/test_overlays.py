from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import QTimer

from napari_ood_seg.core.types import UNKNOWN
from napari_ood_seg.plugin.camera import drawer_of
from napari_ood_seg.plugin.layers import role_of
from tests.plugin.driver import two_halves

if TYPE_CHECKING:
    import numpy.typing as npt
    from napari.layers import Image, Labels

    from tests.plugin.driver import Driver


def shown(driver: Driver) -> tuple[Labels, Image]:
    overlays = driver.panel.overlays
    driver.until(lambda: not overlays.pending)
    assert overlays.classes is not None
    assert overlays.heatmap is not None
    return overlays.classes, overlays.heatmap


def finest(layer: Labels | Image) -> npt.NDArray[Any]:
    """Return all pixels of a result layer."""
    return np.asarray(layer.data[0])


def trained(driver: Driver) -> tuple[Labels, Image]:
    driver.add_image(two_halves(), name="it")
    driver.paint_both()
    driver.train()
    return shown(driver)


def assert_equal_to_the_result(driver: Driver) -> None:
    classes, heatmap = shown(driver)
    result = driver.session.result
    assert result is not None
    np.testing.assert_array_equal(finest(classes), result.labels(driver.session.keep))
    np.testing.assert_array_equal(finest(heatmap), np.nan_to_num(1 - result.typicality))


def test_the_layers_are_the_result(driver: Driver) -> None:
    classes, heatmap = trained(driver)
    assert_equal_to_the_result(driver)
    assert (finest(classes) > 0).all()
    assert finest(classes)[40, 15] == 1
    assert finest(classes)[40, 50] == 2
    assert 0 <= finest(heatmap).min() <= finest(heatmap).max() <= 1


@pytest.mark.parametrize("axes", ["CYX", "ZYX"])
def test_an_image_that_is_read_otherwise_shows_nothing_old(
    driver: Driver, axes: str
) -> None:
    """What was said of rows and columns holds for no other axes."""
    image = driver.add_image(two_halves(), name="it", rgb=False)
    driver.images.choose(image, "YXC")
    driver.paint_both()
    driver.train()
    assert finest(shown(driver)[0]).all()
    driver.images.choose(image, axes)
    for layer in shown(driver):
        assert not finest(layer).any()
    driver.images.choose(image, "YXC")
    assert not finest(shown(driver)[0]).any()
    driver.train()
    assert_equal_to_the_result(driver)


def test_order_and_names(driver: Driver) -> None:
    trained(driver)
    names = [layer.name for layer in driver.viewer.layers]
    assert names == ["it", "it classes", "it OOD", "it scribbles"]


def test_retraining_writes_into_the_same_layers(driver: Driver) -> None:
    before = trained(driver)
    data = [layer.data[0] for layer in before]
    driver.stroke((25, 40), (25, 58))
    driver.train()
    after = shown(driver)
    assert [a is b for a, b in zip(before, after, strict=True)] == [True, True]
    assert [la.data[0] is d for la, d in zip(after, data, strict=True)] == [True, True]
    assert_equal_to_the_result(driver)


def test_selection_and_active_layer_stay(driver: Driver) -> None:
    image = driver.add_image(two_halves())
    driver.paint_both()
    both = {image, driver.layer}
    driver.viewer.layers.selection = both
    driver.viewer.layers.selection.active = image
    wanted = set(driver.viewer.layers.selection)
    driver.train()
    assert set(driver.viewer.layers.selection) == wanted
    assert driver.viewer.layers.selection.active is image


@pytest.mark.parametrize("which", [0, 1])
def test_a_deleted_layer_comes_back_at_the_next_training(
    driver: Driver, which: int
) -> None:
    layers = trained(driver)
    driver.viewer.layers.remove(layers[which])
    driver.train()
    again = shown(driver)
    assert again[1 - which] is layers[1 - which]
    assert again[which] is not layers[which]
    assert again[which] in driver.viewer.layers
    assert_equal_to_the_result(driver)
    assert [role_of(la) for la in driver.viewer.layers][-1] == "scribbles"


def test_a_layer_deleted_while_training_stays_away_until_the_next(
    driver: Driver,
) -> None:
    classes, _ = trained(driver)
    driver.push("Once")
    driver.viewer.layers.remove(classes)
    driver.until(lambda: not driver.session.busy)
    driver.train()
    assert_equal_to_the_result(driver)


@pytest.mark.parametrize("keep", [0.5, 0.8, 0.999])
def test_the_keep_slider_moves_the_unknown(driver: Driver, keep: float) -> None:
    classes, heatmap = trained(driver)
    before = finest(heatmap)
    driver.panel.results_panel.keep_changed.emit(keep)
    result = driver.session.result
    assert result is not None
    unknown = result.typicality < np.float32(1 - keep)
    wanted = np.where(unknown, UNKNOWN, result.classes)
    np.testing.assert_array_equal(finest(classes), wanted)
    np.testing.assert_array_equal(finest(heatmap), before)
    driver.until(lambda: not driver.panel.overlays.pending)


def test_nothing_is_drawn_anew_under_the_hand(driver: Driver) -> None:
    classes, _ = trained(driver)
    overlays = driver.panel.overlays
    drawn: list[object] = []
    driver.until(lambda: overlays.still)
    classes.events.set_data.connect(drawn.append)
    driver.session.set_painting(True)
    driver.panel.results_panel.keep_changed.emit(0.5)
    driver.spin()
    assert overlays.pending
    assert not drawn
    driver.session.set_painting(False)
    driver.until(lambda: not overlays.pending)
    assert len(drawn) == 1
    classes.events.set_data.disconnect(drawn.append)


def test_hidden_stays_hidden(driver: Driver) -> None:
    classes, heatmap = trained(driver)
    driver.panel.results_panel.visibility_changed.emit("heatmap", False)
    assert (classes.visible, heatmap.visible) == (True, False)
    driver.train()
    assert (classes.visible, heatmap.visible) == (True, False)
    driver.viewer.layers.remove(heatmap)
    driver.train()
    assert not shown(driver)[1].visible


def test_unknown_can_be_hidden(driver: Driver) -> None:
    classes, _ = trained(driver)
    assert classes.colormap.map(UNKNOWN)[3] > 0
    driver.panel.results_panel.visibility_changed.emit("unknown", False)
    assert classes.colormap.map(UNKNOWN)[3] == 0
    driver.panel.classes.add()  # new colours
    assert classes.colormap.map(UNKNOWN)[3] == 0


def test_opacity(driver: Driver) -> None:
    classes, heatmap = trained(driver)
    driver.panel.results_panel.opacity_changed.emit(0.2)
    assert (classes.opacity, heatmap.opacity) == (0.2, 0.4)


def test_a_new_colour_is_seen_in_both_layers(driver: Driver) -> None:
    classes, _ = trained(driver)
    driver.panel.classes_panel.color_requested.emit(1, "#123456")
    for layer in (classes, driver.layer):
        np.testing.assert_allclose(
            layer.colormap.map(1)[:3], [0x12 / 255, 0x34 / 255, 0x56 / 255], atol=1e-3
        )


def test_another_image_gets_its_own_layers_and_the_first_finds_its_own(
    driver: Driver,
) -> None:
    first_layers = trained(driver)
    first = driver.images.image
    assert first is not None
    second = driver.viewer.add_image(two_halves(seed=1), rgb=True, name="other")
    driver.images.choose(second)
    driver.paint_both()
    driver.train()
    assert shown(driver)[0] is not first_layers[0]
    driver.images.choose(first)
    driver.train()
    assert shown(driver)[0] is first_layers[0]
    assert_equal_to_the_result(driver)
    assert len([la for la in driver.viewer.layers if role_of(la) == "classes"]) == 2


def test_a_copy_stays_as_it_is(driver: Driver) -> None:
    image = driver.add_image(two_halves(), name="it", scale=(0.5, 0.5))
    driver.paint_both()
    driver.train()
    result, keep = driver.session.result, driver.session.keep
    assert result is not None
    labels, ood = result.labels(keep), 1 - result.typicality
    selected = driver.viewer.layers.selection.active
    driver.push("Copy")
    kept, map_ = (driver.viewer.layers[f"it {n} copy"] for n in ("classes", "OOD"))
    np.testing.assert_array_equal(kept.data, labels)
    np.testing.assert_allclose(map_.data, ood, atol=1e-6)
    np.testing.assert_array_equal(kept.scale, image.scale)
    assert driver.viewer.layers.selection.active is selected
    driver.session.set_keep(0.5)
    driver.session.remove_class(2)
    np.testing.assert_array_equal(kept.data, labels)
    assert driver.images.image is image, "a copy is no image to work on"
    assert driver.session.images == (driver.session.source,)


def test_what_is_too_large_is_not_copied(driver: Driver) -> None:
    driver.add_image(two_halves(), name="it")
    driver.paint_both()
    driver.train()
    driver.session.memory = 5 * 64 * 64 - 1
    driver.push("Copy")
    assert "it classes copy" not in driver.viewer.layers
    assert driver.message[1] == "warning"


def test_the_mouse_gets_between_reading_and_drawing(driver: Driver) -> None:
    _, heatmap = trained(driver)
    driver.until(lambda: driver.panel.overlays.still)
    order: list[str] = []
    scene: Any = drawer_of(driver.viewer)._scene_canvas

    def on_read(_: object) -> None:
        order.append("read")

    def on_draw(_: object) -> None:
        order.append("drawn")

    heatmap.events.set_data.connect(on_read)
    scene.events.draw.connect(on_draw)
    driver.panel.overlays._draw()
    QTimer.singleShot(0, lambda: order.append("moved"))
    driver.until(lambda: "drawn" in order)
    assert order == ["read", "moved", "drawn"]

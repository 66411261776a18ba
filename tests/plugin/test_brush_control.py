from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import Qt

from napari_ood_seg.plugin.brush_control import in_units
from tests.plugin.driver import two_halves

if TYPE_CHECKING:
    from tests.plugin.driver import Driver

MICRON = {"units": ("micrometer", "micrometer")}


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({}, ""),
        ({"scale": (0.5, 0.5)}, ""),
        ({"scale": (0.5, 0.5), **MICRON}, "3.5 µm"),
        ({"scale": (-0.5, 0.5), **MICRON}, "3.5 µm"),
        ({"scale": (1, 0.25), **MICRON}, "7 x 1.75 µm"),
        ({"scale": (2e-5, 2e-5), "units": ("mm", "mm")}, "0.00014 mm"),
    ],
)
def test_in_units(options: dict[str, Any], text: str) -> None:
    assert in_units(Labels(np.zeros((4, 4), np.uint8), **options), 7) == text


def test_panel_and_layer_agree_on_the_size(driver: Driver, user: Any) -> None:
    driver.add_image(two_halves(), scale=(0.5, 0.5), **MICRON)
    panel = driver.panel.classes_panel.brush
    driver.layer.brush_size = 12
    assert (panel._size.value(), panel._units.text()) == (12, "= 6 µm")
    user.keyClick(panel._size, Qt.Key.Key_Up)
    assert driver.layer.brush_size == 13
    assert panel._units.text() == "= 6.5 µm"
    driver.key(Qt.Key.Key_BracketLeft)  # napari's own
    assert panel._size.value() == 12


def test_a_stroke_is_as_wide_as_it_says(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.layer.brush_size = 9
    driver.stroke((30, 20), (30, 40))
    assert int((driver.layer.data[:, 30] > 0).sum()) == 9


def test_units_that_are_set_later(driver: Driver) -> None:
    driver.add_image(two_halves())
    panel = driver.panel.classes_panel.brush
    assert panel._units.text() == ""
    driver.layer.units = ("mm", "mm")
    driver.layer.brush_size = 5
    assert panel._units.text() == "= 5 mm"


@pytest.mark.parametrize("active", ["scribbles", "image"])
def test_the_eraser_by_key(driver: Driver, active: str) -> None:
    image = driver.add_image(two_halves())
    driver.stroke((20, 10), (20, 30))
    if active == "image":
        driver.viewer.layers.selection.active = image
    driver.key(Qt.Key.Key_0)
    assert driver.layer.mode == "erase"
    assert driver.button("Erase").isChecked()
    driver.layer.brush_size = 20
    driver.stroke((20, 10), (20, 30))
    assert driver.session.scribbles.strokes == ()
    driver.key(Qt.Key.Key_0)
    assert driver.layer.mode == "paint"
    assert not driver.button("Erase").isChecked()


def test_the_eraser_by_button_ends_with_a_class(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.push("Erase")
    assert driver.layer.mode == "erase"
    driver.key(Qt.Key.Key_1)
    assert driver.layer.mode == "paint"
    assert not driver.button("Erase").isChecked()


def test_without_an_image(driver: Driver) -> None:
    driver.key(Qt.Key.Key_0)
    panel = driver.panel.classes_panel.brush
    assert not panel._size.isEnabled()
    assert not driver.button("Erase").isChecked()
    image = driver.add_image(two_halves())
    assert panel._size.isEnabled()
    driver.viewer.layers.remove(image)
    assert not panel._size.isEnabled()

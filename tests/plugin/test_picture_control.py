from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from napari_ood_seg.core.data.preview import picture
from napari_ood_seg.plugin.layers import role_of
from tests.plugin.driver import two_halves

if TYPE_CHECKING:
    from qtpy.QtGui import QAction

    from tests.plugin.driver import Driver


def entry(driver: Driver, text: str) -> QAction:
    menu = driver.button("Pictures").menu()
    assert menu is not None
    menu.aboutToShow.emit()
    return next(a for a in menu.actions() if a.text() == text)


def draw(driver: Driver, text: str) -> None:
    entry(driver, text).trigger()
    driver.until(lambda: not driver.session.busy)


def test_a_picture_becomes_a_layer_below_the_scribbles(driver: Driver) -> None:
    layer = driver.add_image(two_halves())
    draw(driver, "Principal components")
    names = [la.name for la in driver.viewer.layers]
    drawn = driver.viewer.layers[f"{layer.name} principal components"]
    source = driver.session.source
    assert source is not None
    np.testing.assert_array_equal(drawn.data, picture(source, "principal components"))
    assert role_of(drawn) == "picture"
    assert names.index(layer.name) < names.index(drawn.name)
    assert names.index(drawn.name) < names.index(driver.layer.name)
    assert driver.viewer.layers.selection.active is driver.layer


def test_drawn_again_it_is_replaced(driver: Driver) -> None:
    layer = driver.add_image(two_halves())
    draw(driver, "Exposure")
    n = len(driver.viewer.layers)
    drawn = driver.viewer.layers[f"{layer.name} exposure"]
    drawn.visible = False
    draw(driver, "Exposure")
    assert len(driver.viewer.layers) == n
    assert drawn.visible


def test_maps_are_offered_where_wavelengths_are_known(driver: Driver) -> None:
    driver.add_image(two_halves())
    assert not entry(driver, "Oxygenation").isEnabled()

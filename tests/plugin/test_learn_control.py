from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import napari_ood_seg.core as ood
from napari_ood_seg.plugin.layers import role_of
from napari_ood_seg.plugin.panels.learned import LearnedMenu
from tests.plugin.driver import two_halves

if TYPE_CHECKING:
    from napari.layers import Image

    from tests.plugin.driver import Driver


@pytest.fixture
def second(driver: Driver) -> Image:
    """The second of two images; the first one is painted on and worked on."""
    driver.add_image(two_halves(), name="first")
    driver.paint_both()
    image: Image = driver.viewer.add_image(
        two_halves(seed=1), name="second", rgb=True, translate=(0, 70)
    )
    driver.spin()
    return image


def menu(driver: Driver) -> LearnedMenu:
    return driver.panel.image_panel.findChildren(LearnedMenu)[0]


def layers_of(driver: Driver, name: str) -> list[str]:
    return [
        str(role_of(la))
        for la in driver.viewer.layers
        if la.name.startswith(name) and role_of(la) in ("classes", "heatmap")
    ]


def test_one_image_has_no_menu(driver: Driver) -> None:
    driver.add_image(two_halves())
    assert not menu(driver).isVisible()
    assert not driver.button("Predict all").isVisible()


def test_two_images_have_a_menu_that_counts(driver: Driver, second: Image) -> None:
    assert menu(driver).isVisible()
    assert menu(driver).text() == "Learn from 1 of 2 images"
    driver.images.choose(second)
    driver.panel.classes.select(1)
    driver.stroke((10, 6), (10, 24))
    assert menu(driver).text() == "Learn from 2 of 2 images"
    menu(driver).toggled_for.emit("first", False)
    assert menu(driver).text() == "Learn from 1 of 2 images"
    assert len(driver.session.left_out) == 1


def test_predict_all_shows_results_on_each_image(driver: Driver, second: Image) -> None:
    driver.train()
    driver.push("Predict all")
    driver.until(lambda: not driver.session.busy)
    assert layers_of(driver, "first") == ["classes", "heatmap"]
    assert layers_of(driver, "second") == ["classes", "heatmap"]
    order = [la.name for la in driver.viewer.layers]
    assert order[-3:] == ["second", "second classes", "second OOD"]
    classes = driver.viewer.layers["second classes"]
    np.testing.assert_array_equal(classes.translate, second.translate)
    assert driver.session.model is not None
    wanted = ood.predict(
        driver.session.model, driver.images.sources.of(second), device="cpu"
    ).labels(keep=driver.session.keep)
    assert (np.asarray(classes.data[0]) == wanted).mean() > 0.99
    assert set(np.unique(wanted)) >= {1, 2}


def test_colours_and_boxes_hold_for_all_images(driver: Driver, second: Image) -> None:
    driver.train()
    driver.push("Predict all")
    driver.until(lambda: not driver.session.busy)
    classes = driver.viewer.layers["second classes"]
    driver.session.recolor_class(1, "#0000ff")
    np.testing.assert_allclose(classes.colormap.map(1)[:3], [0, 0, 1], atol=2e-3)
    driver.panel.overlays.set_visible("classes", visible=False)
    assert not classes.visible
    driver.panel.overlays.set_opacity(0.3)
    assert classes.opacity == pytest.approx(0.3)


def test_stop_leaves_nothing_old(driver: Driver, second: Image) -> None:
    driver.train()
    driver.push("Predict all")
    driver.until(lambda: not driver.session.busy)
    driver.panel.classes.select(1)
    driver.stroke((20, 6), (20, 24))
    driver.train()
    driver.session.stop()
    driver.until(lambda: not driver.panel.overlays.pending)
    assert (np.asarray(driver.viewer.layers["second classes"].data[0]) == 0).all()


def test_a_name_that_is_gone(driver: Driver, second: Image) -> None:
    menu(driver).toggled_for.emit("nobody", False)
    assert driver.session.left_out == frozenset()

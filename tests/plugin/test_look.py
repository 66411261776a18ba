from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_ood_seg.plugin.camera import camera_of
from napari_ood_seg.plugin.look import closeness, look_at, show_stroke
from tests.plugin.driver import two_halves

if TYPE_CHECKING:
    from tests.plugin.driver import Driver


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0, 0, 100, 200), 1.0),
        ((0, 0, 10, 10), 5.0),
        ((0, 0, 10, 50), 2.0),
        ((5, 5, 6, 6), 8.0),
    ],
    ids=["all of it", "small", "the longer side decides", "dot"],
)
def test_closeness(box: tuple[int, int, int, int], expected: float) -> None:
    assert closeness((100, 200), box) == expected


def test_place_of_a_scaled_stack_is_shown(driver: Driver) -> None:
    stack = np.stack([two_halves()[..., 0]] * 3)
    image = driver.add_image(stack, scale=(4.0, 0.5, 2.0), translate=(1.0, 10.0, 20.0))
    driver.images.choose(image, "ZYX")
    assert driver.session.plane != (2,)
    look_at(driver.viewer, driver.layer, (2,), (40, 8), (36, 4, 44, 12))
    driver.spin()
    assert driver.session.plane == (2,)
    centre = np.asarray(camera_of(driver.viewer).center)[-2:]
    np.testing.assert_allclose(centre, [10 + 40 * 0.5, 20 + 8 * 2.0], atol=1e-6)
    driver.until(lambda: driver.session.view is not None)


def test_shown_stroke_lies_on_the_image_and_changes_nothing(driver: Driver) -> None:
    image = driver.add_image(two_halves(), scale=(0.5, 2.0), translate=(10.0, 20.0))
    source = driver.session.source
    assert source is not None
    coords = np.array([[3, 4], [3, 5]], np.int32)
    active = driver.viewer.layers.selection.active
    shown = show_stroke(driver.viewer, image, source, coords, "#ff0000")
    world = shown.data_to_world(shown.data[0])
    np.testing.assert_allclose(world, driver.world((3, 4)))
    assert driver.viewer.layers.selection.active is active
    assert driver.session.scribbles.strokes == ()
    assert driver.images.image is image

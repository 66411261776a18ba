import numpy as np
from tests.plugin.driver import pixels
def test_x(driver):
    image = driver.add_image(np.random.default_rng(0).random((9, 48, 64)))
    driver.images.choose(image, "ZYX")
    before = driver.session.scribbles
    driver.layer.n_edit_dimensions = 3
    driver.layer.mode = "fill"
    driver.click((20, 20))
    assert len(driver.session.scribbles.strokes) == 9
    driver.undo()
    assert driver.session.scribbles is before

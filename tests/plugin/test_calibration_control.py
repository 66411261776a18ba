from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFileDialog

from napari_ood_seg.core.data.preview import Tone, preview
from napari_ood_seg.plugin.layers import FACTS
from napari_ood_seg.plugin.panels.calibration import FILE, NONE
from tests.plugin.driver import two_halves

if TYPE_CHECKING:
    from pathlib import Path

    from napari_ood_seg.plugin.panels.calibration import CalibrationPanel
    from tests.plugin.driver import Driver

N, SIZE = 12, 64
RNG = np.random.default_rng(0)
TRUE = RNG.uniform(0.1, 0.3, (N, SIZE, SIZE))
RISE = np.linspace(0.0, 0.5, N)[:, None, None]
TRUE[:, :, : SIZE // 2] += RISE
TRUE[:, :, SIZE // 2 :] += RISE[::-1]
WHITE = np.broadcast_to(np.linspace(900, 3000, N)[:, None, None], TRUE.shape)
DARK = np.full(TRUE.shape, 90.0)
COUNTS = TRUE * (WHITE - DARK) + DARK
FACT = {FACTS: {"axes": "CYX", "wavelengths": tuple(np.linspace(500, 900, N))}}


@pytest.fixture
def panel(driver: Driver) -> CalibrationPanel:
    """The control of an image of counts, which has two strokes a class."""
    driver.add_image(COUNTS, rgb=False, name="counts", metadata=FACT)
    for name, data in (("white", WHITE), ("dark", DARK), ("small", WHITE[:, 9:, 9:])):
        driver.viewer.add_image(data, rgb=False, name=name)
    driver.viewer.layers.selection.active = driver.layer
    driver.spin()
    driver.paint_both()
    return driver.panel.image_panel.calibration


def choose(driver: Driver, key: str, *, dark: bool = False) -> None:
    """Choose a reference as a person does, and wait for what comes of it."""
    panel, ended = driver.panel.image_panel.calibration, []
    driver.session.calibration_changed.connect(lambda: ended.append(1))
    box = panel._dark if dark else panel._white
    box.setCurrentIndex(box.findData(key))
    driver.until(lambda: bool(ended))
    driver.spin()


def values(driver: Driver) -> Any:
    source = driver.session.source
    assert source is not None
    return source.read(slice(0, SIZE), slice(0, SIZE))


def test_a_white_and_a_dark_layer(driver: Driver, panel: CalibrationPanel) -> None:
    strokes, layer = driver.session.scribbles, driver.layer
    choose(driver, "layer white")
    np.testing.assert_allclose(values(driver), COUNTS / WHITE, rtol=1e-5)
    choose(driver, "layer dark", dark=True)
    np.testing.assert_allclose(values(driver), TRUE, rtol=1e-4)
    assert panel._white.current_key() == "layer white"
    assert panel._dark.current_key() == "layer dark"
    assert panel._back.isVisible()
    assert driver.session.scribbles is strokes
    assert driver.layer is layer
    assert layer.data.any()
    driver.train()
    result = driver.session.result
    assert result is not None
    labels = result.labels(1.0)
    assert (labels[:, : SIZE // 2 - 2] == 1).mean() > 0.9
    assert (labels[:, SIZE // 2 + 2 :] == 2).mean() > 0.9
    driver.stroke((20, 6), (20, 24))  # undo as before
    driver.undo()
    assert driver.session.scribbles is strokes
    choose(driver, NONE, dark=True)
    np.testing.assert_allclose(values(driver), COUNTS / WHITE, rtol=1e-5)


def test_take_back_by_keyboard(driver: Driver, panel: CalibrationPanel) -> None:
    counts = driver.session.source
    choose(driver, "layer white")
    driver.viewer.window._qt_window.activateWindow()
    panel._white.setFocus(Qt.FocusReason.TabFocusReason)
    driver.tab(panel._white)
    assert QApplication.focusWidget() is panel._dark
    driver.tab(panel._dark)
    assert QApplication.focusWidget() is panel._back
    panel._back.click()
    driver.spin()
    assert driver.session.source is counts
    assert panel._white.current_key() == NONE
    assert not panel._back.isVisible()
    choose(driver, "layer white")
    choose(driver, NONE)
    assert driver.session.source is counts


def test_what_does_not_fit_changes_nothing(
    driver: Driver, panel: CalibrationPanel
) -> None:
    counts = driver.session.source
    choose(driver, "layer small")
    assert driver.session.source is counts
    assert panel._white.current_key() == NONE
    text, kind = driver.message
    assert kind == "error"
    assert "'small' has 55 x 55 pixels, the image 64 x 64" in text
    assert not panel._below.isVisible()


def test_a_reference_from_a_file(
    driver: Driver,
    panel: CalibrationPanel,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "tile.npy"
    np.save(path, WHITE.transpose(1, 2, 0))
    asked = ["", str(path)]
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (asked.pop(0), ""))
    panel._white.setCurrentIndex(panel._white.findData(FILE))  # and cancelled
    driver.spin()
    assert panel._white.current_key() == NONE
    assert driver.session.calibration is None
    choose(driver, FILE)
    np.testing.assert_allclose(values(driver), COUNTS / WHITE, rtol=1e-5)
    assert panel._white.currentText() == "tile.npy"
    choose(driver, "layer dark", dark=True)
    np.testing.assert_allclose(values(driver), TRUE, rtol=1e-4)
    assert panel._white.currentText() == "tile.npy"


def test_the_colour_picture_follows(driver: Driver, panel: CalibrationPanel) -> None:
    picture = driver.viewer.layers["counts colour"]
    choose(driver, "layer white")
    source = driver.session.source
    assert source is not None
    expected = preview(source)
    driver.until(lambda: np.array_equal(picture.data, expected))


@pytest.mark.parametrize("axes", ["CTYX", "TCYX"])
def test_the_pictures_of_a_series_follow(driver: Driver, axes: str) -> None:
    counts = np.stack([COUNTS, COUNTS[:, ::-1], COUNTS / 2], axis=axes.index("T"))
    facts = {FACTS: {**FACT[FACTS], "axes": axes}}
    driver.add_image(counts, rgb=False, name="counts", metadata=facts)
    driver.viewer.add_image(WHITE, rgb=False, name="white")
    driver.spin()
    picture = driver.viewer.layers["counts colour"]
    shape, before = picture.data.shape, picture.data
    choose(driver, "layer white")
    driver.until(lambda: picture.data is not before)
    source = driver.session.source
    assert source is not None
    assert picture.data.shape == shape
    tone = Tone.fit(source)
    for t in range(3):
        expected = preview(source, plane=(t,), tone=tone)
        found = np.asarray(picture.data[t]).reshape(expected.shape)
        np.testing.assert_array_equal(found, expected)


def test_another_image_has_references_of_its_own(
    driver: Driver, panel: CalibrationPanel
) -> None:
    choose(driver, "layer white")
    calibrated = driver.session.source
    driver.images.choose(driver.viewer.layers["dark"])
    assert panel._white.current_key() == NONE
    driver.images.choose(driver.viewer.layers["counts"])
    assert driver.session.source is calibrated
    assert panel._white.current_key() == "layer white"
    assert len(driver.session.scribbles.strokes) == 4


def test_it_is_only_there_for_spectra(driver: Driver) -> None:
    driver.add_image(two_halves())
    panel = driver.panel.image_panel.calibration
    assert not panel.isVisible()
    cube = driver.viewer.add_image(COUNTS, rgb=False, name="cube")
    driver.images.choose(cube)
    driver.spin()
    assert panel.isVisible()
    assert driver.panel.sections.minimumSizeHint().width() <= 340

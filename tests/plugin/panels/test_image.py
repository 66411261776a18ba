from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt

from napari_ood_seg.plugin.panels.image import ImagePanel

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

AXES = [("auto", "auto: channels first"), ("last", "channels last")]


@pytest.fixture
def panel(qtbot: QtBot) -> ImagePanel:
    panel = ImagePanel()
    qtbot.addWidget(panel)
    panel.set_images(["kidney", "liver"], "kidney")
    panel.set_axes(AXES, "auto")
    panel.show()
    return panel


def test_choosing_an_image_tells_its_name(
    panel: ImagePanel, qtbot: QtBot, user: Any
) -> None:
    with qtbot.waitSignal(panel.image_selected) as asked:
        user.keyClick(panel._image, Qt.Key.Key_Down)
    assert asked.args == ["liver"]


def test_choosing_axes_tells_the_key(
    panel: ImagePanel, qtbot: QtBot, user: Any
) -> None:
    with qtbot.waitSignal(panel.axes_selected) as asked:
        user.keyClick(panel._axes, Qt.Key.Key_Down)
    assert asked.args == ["last"]


def test_setters_are_silent(panel: ImagePanel, qtbot: QtBot) -> None:
    with (
        qtbot.assertNotEmitted(panel.image_selected),
        qtbot.assertNotEmitted(panel.axes_selected),
    ):
        panel.set_images(["liver"], "liver")
        panel.set_axes(AXES, "last")
    assert panel._image.current_key() == "liver"
    assert panel._axes.current_key() == "last"


def test_new_scribbles_needs_an_image(
    panel: ImagePanel, qtbot: QtBot, user: Any
) -> None:
    with qtbot.waitSignal(panel.new_scribbles_requested):
        user.mouseClick(panel._new, Qt.MouseButton.LeftButton)
    panel.set_images(["kidney"], None)
    with qtbot.assertNotEmitted(panel.new_scribbles_requested):
        user.mouseClick(panel._new, Qt.MouseButton.LeftButton)


def test_long_info_is_in_the_tooltip(panel: ImagePanel) -> None:
    width = panel.minimumSizeHint().width()
    panel.set_info("1024 x 1024, 3 channels, " * 9)
    assert panel._info.toolTip() == "1024 x 1024, 3 channels, " * 9
    assert panel.minimumSizeHint().width() == width

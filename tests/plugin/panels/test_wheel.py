from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QSlider

from napari_ood_seg.plugin.panels.wheel import WheelGuard

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def wheel_down() -> QWheelEvent:
    return QWheelEvent(
        QPointF(5, 5),
        QPointF(5, 5),
        QPoint(0, 0),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )


@pytest.mark.parametrize("focused", [False, True])
def test_wheel_moves_a_slider_only_with_focus(qtbot: QtBot, focused: bool) -> None:
    slider = QSlider()
    qtbot.addWidget(slider)
    WheelGuard(slider)
    slider.setValue(50)
    with qtbot.waitActive(slider):
        slider.show()
        slider.activateWindow()
    if focused:
        slider.setFocus()
    else:
        slider.clearFocus()
    event = wheel_down()
    QApplication.sendEvent(slider, event)
    assert (slider.value() != 50) == focused
    assert event.isAccepted() == focused  # ignored: the column behind it scrolls

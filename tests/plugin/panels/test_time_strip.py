from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import QEvent, QPoint, QPointF, Qt, QTimer
from qtpy.QtGui import QColor, QMouseEvent
from qtpy.QtWidgets import QApplication

from napari_ood_seg.plugin.panels.time_strip import FrameColumn, TimeStrip
from tests.plugin.paints import Paints

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
FRAMES = (
    FrameColumn(unknown=0.5, classes=(("liver", "#00ff00", 0.5),)),
    None,
    FrameColumn(unknown=0.0, classes=(("liver", "#00ff00", 1.0),)),
    FrameColumn(unknown=0.04, classes=(("liver", "#00ff00", 0.96),)),
)


@pytest.fixture
def strip(user: Any) -> TimeStrip:
    strip = TimeStrip()
    user.addWidget(strip)
    strip.resize(400, 109)
    strip.set_unknown_color("#0000ff")
    strip.set_frames(FRAMES)
    strip.set_current(2)
    strip.show()
    return strip


def picked(strip: TimeStrip) -> list[int]:
    heard: list[int] = []
    strip.picked.connect(heard.append)
    return heard


def color_at(strip: TimeStrip, x: int, y: int) -> str:
    return QColor(strip.grab().toImage().pixel(x, y)).name()


def test_columns_are_as_high_as_their_shares(strip: TimeStrip) -> None:
    where = strip.column(0)
    x = round(where.center().x())
    assert color_at(strip, x, round(where.bottom()) - 20) == "#0000ff"
    assert color_at(strip, x, round(where.bottom() - 0.5 * where.height()) + 3) == (
        "#0000ff"
    )
    assert color_at(strip, x, round(where.bottom() - 0.5 * where.height()) - 3) == (
        "#00ff00"
    )
    assert color_at(strip, x, round(where.top()) + 2) == "#00ff00"


def test_frames_that_are_not_predicted_are_empty(strip: TimeStrip) -> None:
    empty = color_at(strip, 150, 60)
    assert empty not in ("#0000ff", "#00ff00")
    assert strip.text(1) == "Frame 1: not predicted yet"
    assert strip.text(0) == "Frame 0: unknown 50.0 %, liver 50.0 %"


def test_marks_are_above_the_threshold_only(strip: TimeStrip) -> None:
    ink = strip.palette().color(strip.foregroundRole()).name()
    assert [color_at(strip, x, 3) == ink for x in (50, 150, 250, 350)] == [
        True,
        False,
        False,
        False,
    ]
    strip.set_least(0.03)
    assert color_at(strip, 350, 3) == ink


def test_click_goes_to_a_frame(strip: TimeStrip, user: Any) -> None:
    heard = picked(strip)
    user.mouseClick(strip, LEFT, NONE, QPoint(10, 50))
    user.mouseClick(strip, LEFT, NONE, QPoint(399, 50))
    user.mouseClick(strip, LEFT, NONE, QPoint(250, 50))  # shown already
    assert heard == [0, 3]


def test_drag_goes_on(strip: TimeStrip) -> None:
    heard = picked(strip)
    there = QPointF(350, 10)
    move = QMouseEvent(
        QEvent.Type.MouseMove,
        there,
        strip.mapToGlobal(there),
        Qt.MouseButton.NoButton,
        LEFT,
        NONE,
    )
    QApplication.sendEvent(strip, move)
    assert heard == [3]


@pytest.mark.parametrize(
    ("key", "frame"),
    [
        (Qt.Key.Key_Left, 1),
        (Qt.Key.Key_Right, 3),
        (Qt.Key.Key_Home, 0),
        (Qt.Key.Key_End, 3),
        (Qt.Key.Key_PageUp, 0),
        (Qt.Key.Key_PageDown, 3),
    ],
)
def test_keys_go_to_a_frame(strip: TimeStrip, user: Any, key: Any, frame: int) -> None:
    heard = picked(strip)
    user.keyClick(strip, key)
    assert heard == [frame]


def test_no_frames(user: Any) -> None:
    strip = TimeStrip()
    user.addWidget(strip)
    strip.show()
    heard = picked(strip)
    user.mouseClick(strip, LEFT, NONE, QPoint(5, 5))
    user.keyClick(strip, Qt.Key.Key_Right)
    strip.grab()
    assert heard == []


def test_a_thousand_frames_fit(strip: TimeStrip) -> None:
    strip.set_frames(FRAMES * 250)
    assert strip.frame_at(399.5) == 998
    strip.grab()


def test_the_same_again_is_not_drawn_again(strip: TimeStrip, user: Any) -> None:
    user.waitUntil(strip.isVisible)
    paints = Paints(strip)
    strip.set_current(1)
    user.waitUntil(lambda: paints.n > 0)
    paints.n = 0
    strip.set_frames(FRAMES)
    strip.set_current(1)
    QTimer.singleShot(0, lambda: strip.setObjectName("later"))  # what was asked is done
    user.waitUntil(lambda: strip.objectName() == "later")
    assert paints.n == 0

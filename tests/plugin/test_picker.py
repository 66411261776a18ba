from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QWidget

from napari_ood_seg.plugin.picker import Picker

if TYPE_CHECKING:
    from qtpy.QtGui import QMouseEvent

LEFT, RIGHT = Qt.MouseButton.LeftButton, Qt.MouseButton.RightButton
NOTHING = Qt.KeyboardModifier.NoModifier
SHIFT, CONTROL = (
    Qt.KeyboardModifier.ShiftModifier,
    Qt.KeyboardModifier.ControlModifier,
)
HERE = QPoint(20, 20)


class Canvas(QWidget):
    """Counts what reaches it."""

    def __init__(self) -> None:
        super().__init__()
        self.presses = self.releases = self.moves = 0

    def mousePressEvent(self, a0: QMouseEvent | None) -> None:  # noqa: N802 - Qt's name
        self.presses += 1

    def mouseReleaseEvent(self, a0: QMouseEvent | None) -> None:  # noqa: N802 - Qt's name
        self.releases += 1

    def mouseMoveEvent(self, a0: QMouseEvent | None) -> None:  # noqa: N802 - Qt's name
        self.moves += 1


class Desk:
    def __init__(self, user: Any) -> None:
        self.canvas = Canvas()
        user.addWidget(self.canvas)
        self.canvas.resize(60, 60)
        self.canvas.show()
        self.ours = True
        self.picked: list[int] = []
        self.picker = Picker(self.canvas, lambda: self.ours)
        self.picker.picked.connect(lambda: self.picked.append(1))


@pytest.fixture
def desk(user: Any) -> Desk:
    return Desk(user)


def test_shift_click_is_taken(desk: Desk, user: Any) -> None:
    user.mouseClick(desk.canvas, LEFT, SHIFT, HERE)
    assert desk.picked == [1]
    assert (desk.canvas.presses, desk.canvas.releases) == (0, 0)


@pytest.mark.parametrize(
    ("button", "modifier"),
    [(LEFT, NOTHING), (LEFT, CONTROL), (LEFT, SHIFT | CONTROL), (RIGHT, SHIFT)],
)
def test_everything_else_passes(
    desk: Desk, user: Any, button: Any, modifier: Any
) -> None:
    user.mouseClick(desk.canvas, button, modifier, HERE)
    assert desk.picked == []
    assert (desk.canvas.presses, desk.canvas.releases) == (1, 1)


def test_what_is_not_ours_passes(desk: Desk, user: Any) -> None:
    desk.ours = False
    user.mouseClick(desk.canvas, LEFT, SHIFT, HERE)
    assert desk.picked == []
    assert (desk.canvas.presses, desk.canvas.releases) == (1, 1)


def test_release_outside_picks_nothing(desk: Desk, user: Any) -> None:
    user.mousePress(desk.canvas, LEFT, SHIFT, HERE)
    user.mouseRelease(desk.canvas, LEFT, SHIFT, QPoint(500, 20))
    assert desk.picked == []
    user.mouseClick(desk.canvas, LEFT, NOTHING, HERE)
    assert desk.canvas.presses == 1


def test_shift_let_go_before_the_button(desk: Desk, user: Any) -> None:
    user.mousePress(desk.canvas, LEFT, SHIFT, HERE)
    user.mouseRelease(desk.canvas, LEFT, NOTHING, HERE)
    assert desk.picked == [1]
    assert (desk.canvas.presses, desk.canvas.releases) == (0, 0)


def test_pointer_tells_what_a_click_would_do(desk: Desk, user: Any) -> None:
    asking = Qt.CursorShape.WhatsThisCursor
    desk.canvas.setCursor(Qt.CursorShape.CrossCursor)
    user.keyPress(desk.canvas, Qt.Key.Key_Shift)
    assert desk.canvas.cursor().shape() == asking
    user.keyRelease(desk.canvas, Qt.Key.Key_Shift)
    assert desk.canvas.cursor().shape() == Qt.CursorShape.CrossCursor
    desk.ours = False
    user.keyPress(desk.canvas, Qt.Key.Key_Shift)
    assert desk.canvas.cursor().shape() == Qt.CursorShape.CrossCursor


def test_closed_picker_takes_nothing(desk: Desk, user: Any) -> None:
    user.keyPress(desk.canvas, Qt.Key.Key_Shift)
    desk.picker.close()
    assert desk.canvas.cursor().shape() != Qt.CursorShape.WhatsThisCursor
    user.mouseClick(desk.canvas, LEFT, SHIFT, HERE)
    assert desk.picked == []
    assert desk.canvas.presses == 1

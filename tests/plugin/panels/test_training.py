from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt

from napari_ood_seg.plugin.panels.training import TrainingPanel, time_left

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(qtbot: QtBot) -> TrainingPanel:
    panel = TrainingPanel()
    qtbot.addWidget(panel)
    with qtbot.waitActive(panel):
        panel.show()
        panel.activateWindow()
    return panel


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "1 s left"),
        (59.0, "59 s left"),
        (59.1, "1 min 00 s left"),
        (125, "2 min 05 s left"),
        (3599.5, "1 h 00 min left"),
        (7261, "2 h 02 min left"),
    ],
)
def test_time_left(seconds: float, words: str) -> None:
    assert time_left(seconds) == words


def test_train_once_asks(panel: TrainingPanel, qtbot: QtBot, user: Any) -> None:
    with qtbot.waitSignal(panel.once_requested):
        user.mouseClick(panel._once, LEFT)


def test_stop_asks_while_running_only(
    panel: TrainingPanel, qtbot: QtBot, user: Any
) -> None:
    with qtbot.assertNotEmitted(panel.stop_requested):
        user.mouseClick(panel._stop, LEFT)
    panel.set_running(True)
    with qtbot.waitSignal(panel.stop_requested):
        user.mouseClick(panel._stop, LEFT)
    with qtbot.assertNotEmitted(panel.once_requested):
        user.mouseClick(panel._once, LEFT)


def test_space_twice_starts_and_stops(panel: TrainingPanel, user: Any) -> None:
    asked: list[str] = []
    panel.once_requested.connect(lambda: asked.append("once"))
    panel.once_requested.connect(lambda: panel.set_running(True))
    panel.stop_requested.connect(lambda: asked.append("stop"))
    panel.stop_requested.connect(lambda: panel.set_running(False))
    panel._once.setFocus()
    for _ in range(3):
        focused = panel.focusWidget()
        user.keyClick(focused, Qt.Key.Key_Space)
    assert asked == ["once", "stop", "once"]


def test_live_tells_the_user_but_not_the_code(panel: TrainingPanel, user: Any) -> None:
    told: list[bool] = []
    panel.live_toggled.connect(told.append)
    user.keyClick(panel._live, Qt.Key.Key_Space)
    panel.set_live(False)
    panel.set_live(True)
    user.keyClick(panel._live, Qt.Key.Key_Space)
    assert told == [True, False]


def test_device_tells_its_key(panel: TrainingPanel, qtbot: QtBot, user: Any) -> None:
    panel.set_devices([("cpu", "CPU"), ("cuda:0", "NVIDIA H200")], "cpu")
    with qtbot.waitSignal(panel.device_selected) as asked:
        user.keyClick(panel._device, Qt.Key.Key_Down)
    assert asked.args == ["cuda:0"]


@pytest.mark.parametrize(
    ("done", "total", "eta_s", "words"),
    [
        (37, 80, 12.3, "Predicting, 46 %, 13 s left"),
        (80, 80, None, "Predicting, 100 %"),
        (1, 3, float("nan"), "Predicting, 33 %"),
        (5, 0, None, "Predicting"),
    ],
)
def test_progress_in_words(
    panel: TrainingPanel, done: int, total: int, eta_s: float | None, words: str
) -> None:
    panel.set_progress(done, total, "Predicting", eta_s)
    assert panel._bar.format() == words
    assert panel._bar.maximum() == total


def test_nothing_jumps(panel: TrainingPanel) -> None:
    places = []
    for running in (False, True, False):
        panel.set_running(running)
        if running:
            panel.set_progress(1, 2, "Predicting", 3.0)
            panel.set_message("A long message. " * 30, "error")
        else:
            panel.clear_progress()
        places.append((panel._bar.geometry(), panel.sizeHint().height()))
    assert places[0] == places[1] == places[2]
    assert panel._bar.format() == ""


def test_message_has_a_kind(panel: TrainingPanel) -> None:
    panel.set_message("No scribbles yet.", "warning")
    assert (panel._message.text(), panel._message.kind()) == (
        "No scribbles yet.",
        "warning",
    )

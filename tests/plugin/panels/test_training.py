from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton

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


def button(panel: TrainingPanel, text: str) -> QPushButton:
    return next(
        b for b in panel.findChildren(QPushButton) if b.text().replace("&", "") == text
    )


def asked_of(panel: TrainingPanel) -> list[object]:
    """Return a list that grows as the panel asks; the code does nothing."""
    asked: list[object] = []
    panel.once_requested.connect(lambda: asked.append("once"))
    panel.stop_requested.connect(lambda: asked.append("stop"))
    panel.live_toggled.connect(asked.append)
    return asked


def test_once_asks_and_shows_what_is_so(panel: TrainingPanel, user: Any) -> None:
    asked = asked_of(panel)
    user.mouseClick(button(panel, "Once"), LEFT)
    assert asked == ["once"]
    assert panel.mode() == "off", "nothing came of it"
    panel.set_running(True)
    assert panel.mode() == "once"
    panel.set_running(False, ahead=True)
    assert panel.mode() == "once"
    panel.set_running(False)
    assert panel.mode() == "off"


def test_off_stops(panel: TrainingPanel, user: Any) -> None:
    asked = asked_of(panel)
    panel.set_running(True)
    user.mouseClick(button(panel, "Off"), LEFT)
    assert asked == ["stop"]


def test_live_is_shown_whatever_runs(panel: TrainingPanel) -> None:
    asked = asked_of(panel)
    panel.set_live(True)
    for running in (True, False):
        panel.set_running(running)
        assert panel.mode() == "live"
    panel.set_live(False)
    assert panel.mode() == "off"
    assert asked == [], "only the user is told of"


def test_once_ends_live(panel: TrainingPanel, user: Any) -> None:
    panel.set_live(True)
    asked = asked_of(panel)
    user.mouseClick(button(panel, "Once"), LEFT)
    assert asked == [False, "once"]
    user.mouseClick(button(panel, "Live"), LEFT)
    assert asked == [False, "once", True]


def test_by_keyboard(panel: TrainingPanel, user: Any) -> None:
    asked = asked_of(panel)
    button(panel, "Off").setFocus()
    for _ in range(3):
        user.keyClick(panel.focusWidget(), Qt.Key.Key_Space)
        user.keyClick(panel.focusWidget(), Qt.Key.Key_Tab)
    assert asked == ["stop", "once", True]


def test_off_is_shown_while_the_job_ends(panel: TrainingPanel, user: Any) -> None:
    panel.set_running(True)
    user.mouseClick(button(panel, "Off"), LEFT)
    panel.set_running(True)
    assert panel.mode() == "off"
    panel.set_running(False)
    panel.set_running(True)
    assert panel.mode() == "once"


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

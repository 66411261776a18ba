from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDoubleSpinBox, QPushButton

from napari_ood_seg.plugin.panels.frames import FramesPanel
from napari_ood_seg.plugin.panels.time_strip import FrameColumn

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(user: Any) -> FramesPanel:
    panel = FramesPanel()
    user.addWidget(panel)
    panel.show()
    return panel


def button(panel: FramesPanel, text: str) -> QPushButton:
    found: list[QPushButton] = panel.findChildren(QPushButton)
    return next(b for b in found if b.text().replace("&", "") == text)


def test_next_and_table_need_a_predicted_frame(panel: FramesPanel) -> None:
    panel.set_frames([None, None])
    assert not button(panel, "Next unknown").isEnabled()
    assert not button(panel, "CSV...").isEnabled()
    panel.set_frames([None, FrameColumn(unknown=0.1, classes=())])
    assert button(panel, "Next unknown").isEnabled()
    assert button(panel, "CSV...").isEnabled()


def test_predict_becomes_stop(panel: FramesPanel, user: Any) -> None:
    heard: list[str] = []
    panel.predict_requested.connect(lambda: heard.append("predict"))
    panel.stop_requested.connect(lambda: heard.append("stop"))
    user.mouseClick(button(panel, "Predict all"), LEFT)
    panel.set_running(running=True)
    user.mouseClick(button(panel, "Stop"), LEFT)
    panel.set_running(running=False)
    assert heard == ["predict", "stop"]
    assert button(panel, "Predict all").isVisible()


def test_threshold_is_a_share(panel: FramesPanel) -> None:
    heard: list[float] = []
    panel.least_changed.connect(heard.append)
    (spin,) = panel.findChildren(QDoubleSpinBox)
    panel.set_least(0.2)
    assert (spin.value(), heard) == (20.0, [])
    spin.setValue(12.5)
    assert heard == [0.125]


@pytest.mark.parametrize(
    ("text", "signal"),
    [
        ("Next unknown", "next_requested"),
        ("CSV...", "csv_requested"),
        ("Report...", "report_requested"),
    ],
)
def test_buttons_ask(panel: FramesPanel, user: Any, text: str, signal: str) -> None:
    panel.set_frames([FrameColumn(unknown=0.1, classes=())])
    heard: list[int] = []
    getattr(panel, signal).connect(lambda: heard.append(1))
    user.mouseClick(button(panel, text), LEFT)
    assert heard == [1]


def test_note_is_shown_whole_in_its_tip(panel: FramesPanel) -> None:
    panel.set_note("Frame 3, " * 100)
    assert panel.note() == "Frame 3, " * 100
    assert panel.minimumSizeHint().width() < 700

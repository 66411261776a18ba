from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton

from napari_ood_seg.plugin.panels.mode import LIVE, OFF, ONCE, ModeSwitch


@pytest.fixture
def switch(user: Any) -> ModeSwitch:
    switch = ModeSwitch()
    user.addWidget(switch)
    switch.show()
    return switch


def test_one_button_is_down(switch: ModeSwitch, user: Any) -> None:
    told: list[str] = []
    switch.chosen.connect(told.append)
    assert switch.mode() == OFF
    for mode in (LIVE, ONCE, ONCE, OFF):
        switch.set_mode(mode)
        assert switch.mode() == mode
        down = [b for b in switch.findChildren(QPushButton) if b.isChecked()]
        assert len(down) == 1
    assert told == [], "only the user is told of"
    for button in switch.findChildren(QPushButton):
        user.mouseClick(button, Qt.MouseButton.LeftButton)
    assert told == [OFF, ONCE, LIVE]


def test_each_button_says_what_it_does(switch: ModeSwitch) -> None:
    tips = [b.toolTip() for b in switch.findChildren(QPushButton)]
    assert len(set(tips)) == 3
    assert all(tips)

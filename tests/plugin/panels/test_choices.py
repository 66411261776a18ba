from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt

from napari_ood_seg.plugin.panels.choices import ChoiceBox

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

OPTIONS = [("cpu", "CPU"), ("cuda:0", "NVIDIA H200"), ("mps", "Apple GPU")]


@pytest.fixture
def box(qtbot: QtBot) -> ChoiceBox:
    box = ChoiceBox(name="Device", tip="What computes.", empty="none")
    qtbot.addWidget(box)
    box.resize(80, 24)
    box.show()
    return box


def test_keys_choose_and_tell_the_key(box: ChoiceBox, user: Any) -> None:
    box.set_options(OPTIONS, "cpu")
    chosen: list[str] = []
    box.chosen.connect(chosen.append)
    user.keyClick(box, Qt.Key.Key_Down)
    user.keyClick(box, Qt.Key.Key_End)
    assert chosen == ["cuda:0", "mps"]
    assert box.currentText() == "Apple GPU"
    assert box.toolTip() == "Apple GPU\nWhat computes."


def test_setting_is_silent(box: ChoiceBox) -> None:
    chosen: list[str] = []
    box.chosen.connect(chosen.append)
    box.set_options(OPTIONS, "cpu")
    box.set_options(OPTIONS, "mps")
    box.set_options(OPTIONS[:1], "cpu")
    assert chosen == []
    assert box.current_key() == "cpu"


@pytest.mark.parametrize("current", [None, "tpu"])
def test_unknown_current_shows_none(box: ChoiceBox, current: str | None) -> None:
    box.set_options(OPTIONS, current)
    assert box.current_key() is None
    assert box.isEnabled()
    assert box.toolTip() == "What computes."


def test_no_options_is_disabled(box: ChoiceBox) -> None:
    box.set_options(OPTIONS, "cpu")
    box.set_options([], None)
    assert not box.isEnabled()
    assert box.current_key() is None


def test_long_label_does_not_widen_and_is_painted(box: ChoiceBox) -> None:
    before = box.minimumSizeHint().width()
    box.set_options([("a", "a very long label " * 5)], "a")
    assert box.minimumSizeHint().width() == before
    assert not box.grab().isNull()

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtWidgets import QLabel

from napari_ood_seg.plugin.panels.shortcuts import ShortcutsPanel
from tests.plugin.driver import delete_what_was_closed

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

ROWS = [("Paint", "1 … 9", "a class"), ("Paint", "0", "erase"), ("Look", "H", "image")]


@pytest.fixture
def panel(qtbot: QtBot) -> ShortcutsPanel:
    panel = ShortcutsPanel()
    qtbot.addWidget(panel)
    return panel


def texts(panel: ShortcutsPanel) -> list[str]:
    return [label.text() for label in panel.findChildren(QLabel)]


def test_one_title_a_group(panel: ShortcutsPanel) -> None:
    panel.set_shortcuts(ROWS)
    assert texts(panel) == [
        *("Paint", "1 … 9", "a class", "0", "erase"),
        *("Look", "H", "image"),
    ]
    assert panel.rows() == ROWS


def test_new_rows_replace_the_old(panel: ShortcutsPanel) -> None:
    panel.set_shortcuts(ROWS)
    panel.set_shortcuts(ROWS[2:])
    delete_what_was_closed()
    assert texts(panel) == ["Look", "H", "image"]

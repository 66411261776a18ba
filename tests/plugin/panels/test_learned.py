from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_ood_seg.plugin.panels.learned import Learned, LearnedMenu

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot
    from qtpy.QtGui import QAction

IMAGES = (
    Learned(name="a & b", n_strokes=3, learned=True, fits=True),
    Learned(name="empty", n_strokes=0, learned=True, fits=True),
    Learned(name="left", n_strokes=2, learned=False, fits=True),
    Learned(name="cube", n_strokes=9, learned=True, fits=False),
)


@pytest.fixture
def menu(qtbot: QtBot) -> LearnedMenu:
    menu = LearnedMenu()
    qtbot.addWidget(menu)
    menu.set_images(IMAGES)
    return menu


def entries(menu: LearnedMenu) -> list[QAction]:
    shown = menu.menu()
    assert shown is not None
    shown.aboutToShow.emit()
    return shown.actions()


def test_the_button_counts_what_is_learned_from(menu: LearnedMenu) -> None:
    assert menu.text() == "Learn from 1 of 4 images"


def test_the_menu_lists_the_images(menu: LearnedMenu) -> None:
    listed = [(a.text(), a.isChecked(), a.isEnabled()) for a in entries(menu)]
    assert listed == [
        ("a && b: 3 strokes", True, True),
        ("empty: 0 strokes", True, True),
        ("left: 2 strokes", False, True),
        ("cube: other channels", False, False),
    ]


def test_a_tick_tells_the_image(menu: LearnedMenu, qtbot: QtBot) -> None:
    with qtbot.waitSignal(menu.toggled_for) as asked:
        entries(menu)[0].trigger()
    assert asked.args == ["a & b", False]
    with qtbot.waitSignal(menu.toggled_for) as asked:
        entries(menu)[2].trigger()
    assert asked.args == ["left", True]

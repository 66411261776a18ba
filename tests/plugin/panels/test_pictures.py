from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_ood_seg.plugin.panels.pictures import PictureChoice, PictureMenu

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot
    from qtpy.QtGui import QAction

CHOICES = (
    PictureChoice("colour", "as seen"),
    PictureChoice("oxygenation", "share", possible=False),
)


@pytest.fixture
def menu(qtbot: QtBot) -> PictureMenu:
    menu = PictureMenu()
    qtbot.addWidget(menu)
    return menu


def entries(menu: PictureMenu) -> list[QAction]:
    shown = menu.menu()
    assert shown is not None
    shown.aboutToShow.emit()
    return shown.actions()


def test_there_is_nothing_to_look_at_without_an_image(menu: PictureMenu) -> None:
    assert not menu.isEnabled()
    menu.set_pictures(CHOICES)
    assert menu.isEnabled()
    menu.set_pictures(())
    assert not menu.isEnabled()


def test_the_menu_says_what_can_be_had(menu: PictureMenu) -> None:
    menu.set_pictures(CHOICES)
    listed = [(a.text(), a.toolTip(), a.isEnabled()) for a in entries(menu)]
    assert listed == [("Colour", "as seen", True), ("Oxygenation", "share", False)]


def test_a_choice_is_told_by_name(menu: PictureMenu, qtbot: QtBot) -> None:
    menu.set_pictures(CHOICES)
    with qtbot.waitSignal(menu.chosen) as told:
        entries(menu)[0].trigger()
    assert told.args == ["colour"]

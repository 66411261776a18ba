from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt

from napari_ood_seg.plugin.panels.encoder import FILE, NAME, EncoderPanel, EncoderRow

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

ROWS = [
    EncoderRow(key="o/here", title="Here", about="General, 88 MB, MIT", on_disk=True),
    EncoderRow(key="o/there", title="There", about="Tissue, 346 MB, NC", on_disk=False),
]


@pytest.fixture
def panel(qtbot: QtBot) -> EncoderPanel:
    panel = EncoderPanel()
    qtbot.addWidget(panel)
    panel.set_encoders(ROWS)
    panel.resize(320, 200)
    panel.show()
    return panel


def heard(panel: EncoderPanel) -> list[tuple[str, str]]:
    said: list[tuple[str, str]] = []
    for name in ("encoder_chosen", "named", "browse_requested", "download_requested"):
        getattr(panel, name).connect(lambda text, name=name: said.append((name, text)))
    return said


def test_one_that_is_there_is_chosen_with_the_keyboard(
    panel: EncoderPanel, user: Any
) -> None:
    said = heard(panel)
    assert panel._choice.currentText() == "None (default, no download)"
    user.keyClick(panel._choice, Qt.Key.Key_Down)
    assert said == [("encoder_chosen", "o/here")]
    assert panel._about.text() == "General, 88 MB, MIT; on disk."
    assert panel._download.isHidden()


def test_one_that_is_not_there_offers_its_download(
    panel: EncoderPanel, user: Any
) -> None:
    panel.set_encoder("o/here")
    said = heard(panel)
    user.keyClick(panel._choice, Qt.Key.Key_Down)
    assert said == []
    assert panel._about.text() == "Tissue, 346 MB, NC; to download."
    user.mouseClick(panel._download, Qt.MouseButton.LeftButton)
    assert said == [("download_requested", "o/there")]


def test_a_download_is_shown_and_can_be_cancelled(
    panel: EncoderPanel, user: Any
) -> None:
    cancelled: list[int] = []
    panel.cancel_requested.connect(lambda: cancelled.append(1))
    panel.choose("o/there")
    panel.set_download(0, 0)
    assert (panel._bar.minimum(), panel._bar.maximum()) == (0, 0)
    panel.set_download(34_000_000, 346_000_000)
    assert panel._bar.text() == "34 of 346 MB"
    assert panel._bar.value() == 98
    assert not panel._choice.isEnabled()
    user.mouseClick(panel._cancel, Qt.MouseButton.LeftButton)
    assert cancelled == [1]
    panel.clear_download()
    assert panel._choice.isEnabled()
    assert panel._download.isVisible()
    assert not panel._bar.isVisible()


def test_other_settings_leave_who_is_choosing_alone(panel: EncoderPanel) -> None:
    panel.set_encoder("o/here")
    panel.choose("o/there")
    panel.set_encoder("o/here")
    assert panel._choice.current_key() == "o/there"
    panel.set_encoder("")
    assert panel._choice.current_key() == ""


def test_two_gigabytes_fit_the_bar(panel: EncoderPanel) -> None:
    panel.set_download(3_000_000_000, 4_000_000_000)
    assert panel._bar.value() == 750


def test_a_name_is_typed(panel: EncoderPanel, user: Any) -> None:
    said = heard(panel)
    user.keyClick(panel._choice, Qt.Key.Key_End)
    assert panel._choice.current_key() == NAME
    user.keyClicks(panel._entry, " owner/name ")
    user.keyClick(panel._entry, Qt.Key.Key_Return)
    assert said == [("named", "owner/name")]


def test_a_file_is_looked_for(panel: EncoderPanel, user: Any) -> None:
    said = heard(panel)
    user.keyClick(panel._choice, Qt.Key.Key_End)
    user.keyClick(panel._choice, Qt.Key.Key_Up)
    user.mouseClick(panel._browse, Qt.MouseButton.LeftButton)
    assert said == [("browse_requested", FILE)]
    user.keyClick(panel._choice, Qt.Key.Key_Home)
    assert said[1:] == [("encoder_chosen", "")]
    assert not panel._named.isVisible()


def test_a_file_in_use_has_a_place(panel: EncoderPanel) -> None:
    panel.set_encoder("/home/me/weights/vgg.pth")
    assert panel._choice.currentText() == "vgg.pth"
    panel.set_encoder("")
    assert panel._choice.findText("vgg.pth") == -1


def test_setting_is_silent(panel: EncoderPanel) -> None:
    said = heard(panel)
    panel.set_encoder("o/there")
    panel.set_encoders(ROWS[:1])
    panel.set_encoder("")
    assert said == []


def test_what_is_found_meanwhile_leaves_the_choice(
    panel: EncoderPanel, user: Any
) -> None:
    panel.choose("o/there")
    panel.set_encoders(ROWS)
    assert panel._choice.current_key() == "o/there"


def test_it_is_narrow_with_all_that_it_may_show(panel: EncoderPanel) -> None:
    panel.choose("o/there")
    panel.set_download(1, 2)
    panel.set_message("it broke off: " * 30, "error")
    assert panel.minimumSizeHint().width() <= 300

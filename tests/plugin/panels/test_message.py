from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtGui import QFont, QGuiApplication
from qtpy.QtWidgets import QLabel

from napari_ood_seg.plugin.panels.message import MessageLine, elided, wrapped_height

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

LONG = "paint a second stroke of this class " * 20


@pytest.fixture
def line(qtbot: QtBot) -> MessageLine:
    line = MessageLine()
    qtbot.addWidget(line)
    line.resize(300, 60)
    line.show()
    return line


@pytest.mark.parametrize("lines", [1, 2, 3])
def test_elided_is_the_longest_that_fits(qtbot: QtBot, lines: int) -> None:
    label = QLabel()
    qtbot.addWidget(label)
    metrics = label.fontMetrics()
    text = elided(LONG, metrics=metrics, width=200, lines=lines)
    height = wrapped_height(text, metrics=metrics, width=200)
    assert text.endswith("…")
    assert LONG.startswith(text[:-1])
    assert round(height / metrics.lineSpacing()) == lines


def test_short_text_is_whole(line: MessageLine) -> None:
    line.set_message("Done.", "info")
    assert line._label.text() == "Done."


def test_long_text_is_cut_on_screen_only(line: MessageLine) -> None:
    line.set_message(LONG, "error")
    shown = line._label.text()
    assert shown.endswith("…")
    assert line.text() == line._label.toolTip() == LONG
    line.resize(2000, line.height())
    assert len(line._label.text()) > len(shown)


def test_height_does_not_depend_on_the_text(line: MessageLine) -> None:
    before = line.height()
    line.set_message(LONG)
    assert line.height() == before
    assert line.minimumHeight() == line.maximumHeight() == before


def test_kind_is_told_by_icon_and_by_words(line: MessageLine) -> None:
    icons = []
    for kind in ("info", "warning", "error"):
        line.set_message("Hm.", kind)
        icons.append(line._icon.pixmap().toImage())
        assert line._label.accessibleName() == f"{kind}: Hm."
    assert icons[0] != icons[1] != icons[2] != icons[0]


def test_empty_message_has_no_icon(line: MessageLine) -> None:
    line.set_message("Hm.", "error")
    assert line._icon.isVisible()
    line.set_message("")
    assert not line._icon.isVisible()


def test_copy_gives_the_whole_text(line: MessageLine) -> None:
    line.set_message(LONG, "error")
    (copy,) = line._label.actions()
    copy.trigger()
    clipboard = QGuiApplication.clipboard()
    assert clipboard is not None
    assert clipboard.text() == LONG


def test_an_icon_is_made_once(line: MessageLine) -> None:
    """Qt keeps some memory of each one for good."""

    def shown(kind: str) -> int:
        line.set_message(f"something of the kind {kind}", kind)
        return line._icon.pixmap().cacheKey()

    first = shown("info")
    assert shown("info") == first
    assert shown("error") != first
    assert shown("info") == first
    small = line._icon.pixmap().height()
    line.setFont(QFont("DejaVu Sans", 40))
    assert shown("info") != first
    assert line._icon.pixmap().height() > small

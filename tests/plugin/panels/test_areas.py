from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from napari_ood_seg.plugin.panels.areas import AreaShares, percent

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "0.0 %"),
        (1e-9, "<0.1 %"),
        (0.0005, "0.1 %"),
        (0.5, "50.0 %"),
        (1.0, "100.0 %"),
    ],
)
def test_percent(share: float, words: str) -> None:
    assert percent(share) == words


def test_shows_what_was_set_last(qtbot: QtBot) -> None:
    areas = AreaShares()
    qtbot.addWidget(areas)
    areas.resize(400, 100)
    areas.show()
    three = [
        ("a", "#ff0000", 0.5),
        ("b", "#00ff00", 0.25),
        ("unknown", "#888888", 0.25),
    ]
    areas.set_areas(three)
    assert areas.texts() == [("a", "50.0 %"), ("b", "25.0 %"), ("unknown", "25.0 %")]
    areas.set_areas([("c", "#0000ff", 1.0)])
    assert areas.texts() == [("c", "100.0 %")]
    areas.set_areas([])
    assert areas.texts() == []

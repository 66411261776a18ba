from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QPushButton

from napari_ood_seg.plugin.panels.legend import Legend

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

ENTRIES = [("liver", "#ff0000"), ("fat", "#00ff00"), ("unknown", "#0000ff")]


@pytest.fixture
def canvas(qtbot: QtBot) -> QPushButton:
    """Something that a mouse can hit."""
    canvas = QPushButton()
    qtbot.addWidget(canvas)
    canvas.resize(400, 300)
    canvas.show()
    return canvas


@pytest.fixture
def legend(canvas: QPushButton) -> Legend:
    legend = Legend(canvas)
    legend.set_entries(ENTRIES)
    legend.show()
    return legend


def colours(legend: Legend) -> set[str]:
    picture = legend.grab().toImage()
    width, height = picture.width(), picture.height()
    return {
        picture.pixelColor(x, y).name() for x in range(width) for y in range(height)
    }


def test_shows_each_colour(legend: Legend) -> None:
    assert {color for _, color in ENTRIES} <= colours(legend)
    legend.set_entries([("liver", "#123456")])
    assert "#123456" in colours(legend)
    assert "#ff0000" not in colours(legend)


def test_stays_in_the_lower_left_corner(canvas: QPushButton, legend: Legend) -> None:
    for size in ((400, 300), (700, 200)):
        canvas.resize(*size)
        assert legend.x() == 10
        assert legend.geometry().bottom() + 1 == canvas.height() - 10
    before = legend.height()
    legend.set_entries([*ENTRIES, ("more", "#ffffff")])
    assert legend.height() > before
    assert legend.geometry().bottom() + 1 == canvas.height() - 10


def test_what_does_not_fit_is_counted(canvas: QPushButton, legend: Legend) -> None:
    legend.set_entries([(f"class {i}", "#123456") for i in range(100)])
    lines = legend.lines()
    assert 3 < len(lines) < 100
    assert lines[-1] == (f"and {101 - len(lines)} more", "")
    assert legend.height() <= canvas.height() - 20


def test_long_names_end_with_an_ellipsis(legend: Legend) -> None:
    legend.set_entries([("tissue " * 40, "#123456")])
    ((text, _),) = legend.lines()
    assert text.endswith("…")
    assert legend.width() < 300


def test_the_mouse_goes_through(canvas: QPushButton, legend: Legend, user: Any) -> None:
    pressed: list[int] = []
    canvas.clicked.connect(lambda: pressed.append(1))
    window_child = canvas.childAt(legend.geometry().center())
    assert window_child is None
    user.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=QPoint(20, 280))
    assert pressed == [1]

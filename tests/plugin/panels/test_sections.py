from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QPushButton, QTableWidget

from napari_ood_seg.plugin.panels.classes import ClassesPanel, ClassRow
from napari_ood_seg.plugin.panels.image import ImagePanel
from napari_ood_seg.plugin.panels.results import ResultsPanel
from napari_ood_seg.plugin.panels.sections import Sections
from napari_ood_seg.plugin.panels.training import TrainingPanel

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


@pytest.fixture
def sections(qtbot: QtBot) -> Sections:
    sections = Sections()
    qtbot.addWidget(sections)
    sections.resize(340, 640)
    return sections


@pytest.mark.parametrize("expanded", [True, False])
def test_section_starts_as_asked(sections: Sections, expanded: bool) -> None:
    button = QPushButton("x")
    sections.add_section("Train", button, expanded=expanded)
    sections.show()
    assert sections.is_expanded("Train") == expanded
    assert button.isVisible() == expanded


@pytest.mark.parametrize("how", ["mouse", "keyboard"])
def test_header_folds_and_tells(sections: Sections, how: str, user: Any) -> None:
    button = QPushButton("x")
    sections.add_section("Train", button)
    sections.show()
    header = sections._sections["Train"].toggleButton()
    told: list[tuple[str, bool]] = []
    sections.expanded_changed.connect(lambda title, on: told.append((title, on)))
    for visible in (False, True):
        if how == "mouse":
            user.mouseClick(header, Qt.MouseButton.LeftButton)
        else:
            user.keyClick(header, Qt.Key.Key_Space)
        assert button.isVisible() == visible
    assert told == [("Train", False), ("Train", True)]


def test_set_expanded_is_silent(sections: Sections, qtbot: QtBot) -> None:
    button = QPushButton("x")
    sections.add_section("Train", button)
    sections.show()
    with qtbot.assertNotEmitted(sections.expanded_changed):
        sections.set_expanded("Train", False)
    assert not button.isVisible()
    assert not sections.is_expanded("Train")


def test_contents_may_grow(sections: Sections, qtbot: QtBot) -> None:
    label = QLabel("one line")
    sections.add_section("Train", label)
    sections.show()
    label.setText("many\n" * 40)
    qtbot.waitUntil(lambda: label.height() >= label.sizeHint().height() > 300)


def test_panels_fit_a_small_screen(sections: Sections) -> None:
    classes = ClassesPanel()
    classes.set_classes([ClassRow(i, "stroma", "#377eb8", "1", 2, 9) for i in range(4)])
    results = ResultsPanel()
    results.set_areas([("stroma", "#377eb8", 0.2)] * 5)
    panels = (ImagePanel(), classes, TrainingPanel(), results)
    for title, panel in zip(
        ("Image", "Classes", "Train", "Results"), panels, strict=True
    ):
        sections.add_section(title, panel)
    inner = sections.widget()
    assert inner is not None
    assert inner.sizeHint().height() <= 640
    assert sections.minimumSizeHint().width() <= 340
    for panel in panels:
        for child in panel.findChildren(QPushButton):
            assert child.toolTip() != ""


def test_text_that_wraps_is_shown_whole(qtbot: QtBot) -> None:
    sections, label = Sections(), QLabel("many words that need some lines " * 8)
    qtbot.addWidget(sections)
    label.setWordWrap(True)
    sections.add_section("Text", label)
    sections.resize(150, 400)
    sections.show()
    inner = sections.widget()
    assert inner is not None
    qtbot.waitUntil(lambda: label.height() >= label.heightForWidth(label.width()))


def test_larger_letters_take_more_width_and_reach_tables(qtbot: QtBot) -> None:
    sections, table, button = Sections(), QTableWidget(1, 1), QPushButton("Some words")
    qtbot.addWidget(sections)
    for title, widget in (("Table", table), ("Button", button)):
        sections.add_section(title, widget)
    sections.show()
    told: list[int] = []
    sections.font_resized.connect(told.append)
    narrow = sections.minimumSizeHint().width()
    sections.setStyleSheet("QPushButton { font-size: 30px; }")
    qtbot.waitUntil(lambda: told == [30])
    qtbot.waitUntil(lambda: table.fontInfo().pixelSize() == 30)
    qtbot.waitUntil(lambda: sections.minimumSizeHint().width() > narrow)

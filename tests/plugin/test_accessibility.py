from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QHeaderView,
    QLineEdit,
    QMenu,
    QScrollBar,
    QWidget,
)

from napari_ood_seg.plugin.panels.pick_list import PickRow
from tests.plugin.driver import Driver, two_halves

if TYPE_CHECKING:
    from collections.abc import Iterator

INTERACTIVE = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
)
WITHIN = (QComboBox, QAbstractSpinBox, QAbstractItemView, QMenu)
"""Their parts are Qt's own; the menus are pyqtgraph's, and nobody opens them."""


@pytest.fixture
def full(driver: Driver) -> Driver:
    """A panel that shows all it can, and is tall enough for it."""
    driver.add_image(two_halves())
    driver.paint_both()
    driver.train()
    row = PickRow(color="#112233", cells=("a", "b", "c"), tip="It.")
    guide = driver.panel.guide_panel
    guide.set_groups([row])
    guide.set_current_group(0)
    guide.set_doubts([row])
    for title in driver.panel.sections.titles:
        driver.panel.sections.set_expanded(title, expanded=True)
    driver.spin()
    return driver


def controls(panel: QWidget) -> list[QWidget]:
    """Return what a person can use, but for what hides until it is needed."""
    return [w for w in panel.findChildren(QWidget) if is_control(w)]


def is_control(widget: QWidget) -> bool:
    if not isinstance(widget, INTERACTIVE):
        return False
    if isinstance(widget, (QHeaderView, QScrollBar)):
        return False
    return not any(isinstance(parent, WITHIN) for parent in parents(widget))


def parents(widget: QWidget) -> Iterator[QWidget]:
    above = widget.parentWidget()
    while above is not None:
        yield above
        above = above.parentWidget()


def name(widget: QWidget) -> str:
    text = widget.text() if isinstance(widget, QAbstractButton) else ""
    return widget.accessibleName() or text


def test_every_control_says_what_it_is(full: Driver) -> None:
    found = controls(full.panel)
    assert len(found) > 60
    for widget in found:
        told = f"{type(widget).__name__} {name(widget)!r} in {widget.parentWidget()}"
        assert widget.toolTip(), f"no tooltip: {told}"
        assert any(c.isalpha() for c in name(widget)), f"no name: {told}"


def test_every_control_can_be_reached_by_tab(full: Driver) -> None:
    for widget in controls(full.panel):
        policy = widget.focusPolicy()
        assert Qt.FocusPolicy.TabFocus in policy, name(widget)


def tab_order(driver: Driver, first: QWidget) -> list[QWidget]:
    """Press Tab from a control on until it leads out of the panel, or round.

    Walking along `nextInFocusChain` would be simpler, but PySide takes what that
    returns for a child, a ring of which keeps napari's window for ever.
    """
    driver.viewer.window._qt_window.activateWindow()
    first.setFocus(Qt.FocusReason.TabFocusReason)
    order = [first]
    while True:
        driver.tab(order[-1])
        here = QApplication.focusWidget()
        if here is None or not driver.panel.isAncestorOf(here) or here in order:
            return order
        order.append(here)


def test_tab_goes_from_top_to_bottom(full: Driver) -> None:
    expected = [w for w in controls(full.panel) if w.isVisible() and w.isEnabled()]
    inner = full.panel.sections.widget()
    assert inner is not None
    order = tab_order(full, min(expected, key=lambda w: place(w, inner)))
    assert set(order) == set(expected)
    for first, second in pairwise(order):
        above, below = place(first, inner)[0], place(second, inner)[0]
        assert below > above - 8, f"{name(second)!r} comes after {name(first)!r}"


def place(widget: QWidget, within: QWidget) -> tuple[int, int]:
    """Return row and column of a widget's corner."""
    corner = widget.mapTo(within, QPoint(0, 0))
    return corner.y(), corner.x()


def test_no_two_mnemonics_are_the_same(full: Driver) -> None:
    of_napari = {a.text() for a in full.viewer.window._qt_window.menuBar().actions()}
    texts = [t for w in full.panel.findChildren(QWidget) if (t := shown_text(w))]
    letters = [letter for text in (*texts, *of_napari) if (letter := mnemonic(text))]
    assert len(letters) == len(set(letters)), sorted(letters)
    assert "t" in letters


def shown_text(widget: QWidget) -> str:
    text = getattr(widget, "text", None)
    return str(text()) if callable(text) else ""


def mnemonic(text: str) -> str:
    _, found, letter = text.replace("&&", "").partition("&")
    return letter[:1].lower() if found else ""

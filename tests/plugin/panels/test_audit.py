from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_ood_seg.plugin.panels.audit import HEADINGS, AuditPanel, AuditRow

if TYPE_CHECKING:
    from qtpy.QtWidgets import QTableWidget

ROC = (np.array([0.0, 0.5, 1.0]), np.array([0.0, 0.75, 1.0]))
PR = (np.array([0.0, 1.0]), np.array([1.0, 0.25]))
ROWS = (
    AuditRow(
        name="a very long class name",
        color="#56b4e9",
        values=(0.9, 0.8, 0.25, 0.7, 0.95),
        roc=ROC,
        pr=PR,
    ),
    AuditRow(
        name="nuclei",
        color="#f0e442",
        values=(float("nan"), 0.5, 1.0, 0.0, 0.5),
        roc=ROC,
        pr=PR,
    ),
)
ANSWERS = ("a very long class name", "nuclei", "unknown")
CONFUSION = ((0.75, 0.05, 0.2), (0.0, 1.0, 0.0))


@pytest.fixture
def panel(user: Any) -> AuditPanel:
    panel = AuditPanel()
    user.addWidget(panel)
    return panel


def texts(table: QTableWidget) -> list[list[str]]:
    cells = []
    for r in range(table.rowCount()):
        row = [table.item(r, c) for c in range(table.columnCount())]
        cells.append([item.text() for item in row if item is not None])
    return cells


def test_the_button_asks_unless_a_job_runs(panel: AuditPanel, user: Any) -> None:
    with user.waitSignal(panel.audit_requested):
        user.mouseClick(panel._run, Qt.MouseButton.LeftButton)
    panel.set_running(True)
    with user.assertNotEmitted(panel.audit_requested):
        user.mouseClick(panel._run, Qt.MouseButton.LeftButton)


def test_nothing_to_save_before_an_audit(panel: AuditPanel) -> None:
    assert not panel._save.isEnabled()
    panel.set_audit(ROWS, ANSWERS, CONFUSION, "fine")
    assert panel._save.isEnabled()
    panel.clear()
    assert not panel._save.isEnabled()
    assert panel._table.rowCount() == 0


def test_a_class_of_which_nothing_could_be_held_out(panel: AuditPanel) -> None:
    nothing = (float("nan"),) * 3
    panel.set_audit(ROWS, ANSWERS, (CONFUSION[0], nothing), "fine")
    assert texts(panel._confusion) == [["0.75", "0.05", "0.20"], ["-", "-", "-"]]


def test_the_table(panel: AuditPanel) -> None:
    panel.set_audit(ROWS, ANSWERS, CONFUSION, "fine")
    assert texts(panel._table) == [
        ["0.90", "0.80", "0.25", "0.70", "0.95"],
        ["-", "0.50", "1.00", "0.00", "0.50"],
    ]
    heads = [panel._table.horizontalHeaderItem(c) for c in range(len(HEADINGS))]
    assert [h.text() for h in heads if h is not None] == list(HEADINGS)
    first = panel._table.verticalHeaderItem(0)
    assert first is not None
    assert first.toolTip() == "a very long class name"
    assert panel._note.text() == "fine"


def test_the_confusion(panel: AuditPanel) -> None:
    panel.set_audit(ROWS, ANSWERS, CONFUSION, "fine")
    assert texts(panel._confusion) == [
        ["0.75", "0.05", "0.20"],
        ["0.00", "1.00", "0.00"],
    ]
    full, empty = panel._confusion.item(1, 1), panel._confusion.item(1, 0)
    assert full is not None
    assert empty is not None
    assert full.background().color().alpha() > empty.background().color().alpha()


@pytest.mark.parametrize(("view", "curve"), [(1, ROC), (2, PR)], ids=["roc", "pr"])
def test_the_curves(
    panel: AuditPanel, view: int, curve: tuple[np.ndarray, np.ndarray]
) -> None:
    panel.set_audit(ROWS, ANSWERS, CONFUSION, "fine")
    panel._view.setCurrentIndex(view)
    assert panel._pages.currentIndex() == 1
    plot: Any = panel._plot
    drawn = plot.getPlotItem().listDataItems()
    assert len(drawn) == len(ROWS)
    np.testing.assert_array_equal(drawn[0].getData(), curve)
    styles = {d.opts["pen"].style() for d in drawn}
    assert len(styles) == len(ROWS)  # told apart without colours

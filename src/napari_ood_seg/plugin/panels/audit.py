"""How well each class is recognised as unknown when it was never painted."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pyqtgraph as pg
from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QColor
from qtpy.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QStackedWidget,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from napari_ood_seg.plugin.panels.swatch import swatch_icon
from napari_ood_seg.plugin.panels.wheel import WheelGuard

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

HEADINGS: Final = ("AUROC", "AP", "FPR95", "found", "kept")
MEANINGS: Final = (
    "How well unknown is ranked above known: 1 is perfect, 0.5 is chance.",
    "Average precision of finding the unknown; chance is the share of unknown.",
    "Known pixels called unknown when 95 % of the unknown are found; 0 is perfect.",
    "Share of the held-out class that is called unknown at your threshold.",
    "Share of the other classes that stays known at your threshold.",
)
VIEWS: Final = ("Table", "ROC curves", "Precision-recall curves", "Confusion")
HEIGHT: Final = 150


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRow:
    """One held-out class.

    Attributes
    ----------
    values
        In the order of `HEADINGS`, each 0 to 1.
    roc, pr
        `(x, y)` of the curves: false against true positive rate, and recall against
        precision.
    """

    name: str
    color: str
    values: tuple[float, ...]
    roc: tuple[Floats, Floats] = field(repr=False)
    pr: tuple[Floats, Floats] = field(repr=False)


class AuditPanel(QWidget):
    """A button, and what came of it as a table, curves or a confusion table."""

    audit_requested = Signal()
    save_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: tuple[AuditRow, ...] = ()
        self._run = QPushButton("&Audit my classes")
        self._run.setToolTip(
            "Leave each class out of the scribbles in turn, train on the others, and "
            "see whether it is called unknown. Needs two classes or more."
        )
        self._save = QPushButton("Save...")
        self._save.setToolTip("Save the audit as JSON or CSV.")
        self._view = QComboBox()
        self._view.addItems(VIEWS)
        self._view.setMinimumContentsLength(6)
        self._view.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self._view.setToolTip("What to show of the audit.")
        self._view.setAccessibleName("View of the audit")
        WheelGuard(self._view)
        self._table = _table("Audit", "What came of each class that was held out.")
        self._confusion = _table(
            "Confusion", "What the pixels of each class are called, as shares of 1."
        )
        self._plot = _plot()
        self._pages = QStackedWidget()
        for page in (self._table, self._plot, self._confusion):
            self._pages.addWidget(page)
        self._pages.setFixedHeight(HEIGHT)
        self._note = QLabel()
        self._note.setWordWrap(True)
        self._arrange()
        self._run.clicked.connect(self.audit_requested)
        self._save.clicked.connect(self.save_requested)
        self._view.currentIndexChanged.connect(self._show_view)
        self.clear()

    def set_running(self, running: bool) -> None:
        """Show whether a job runs."""
        self._run.setEnabled(not running)

    def clear(self) -> None:
        """Show that nothing was audited yet."""
        self.set_audit((), (), (), "Nothing was audited yet.")

    def set_audit(
        self,
        rows: Sequence[AuditRow],
        answers: Sequence[str],
        confusion: Sequence[Sequence[float]],
        note: str,
    ) -> None:
        """Show an audit.

        Parameters
        ----------
        rows
            One per held-out class.
        answers
            Names of the columns of `confusion`.
        confusion
            One row per class: the share of its pixels per answer.
        note
            One sentence below.
        """
        self._rows = tuple(rows)
        _fill(self._table, HEADINGS, [(r.name, r.color, r.values) for r in rows])
        for column, meaning in enumerate(MEANINGS):
            item = self._table.horizontalHeaderItem(column)
            if item is not None:
                item.setToolTip(meaning)
        cells = [
            (r.name, r.color, tuple(shares))
            for r, shares in zip(rows, confusion, strict=True)
        ]
        _fill(self._confusion, answers, cells, shaded=True)
        self._note.setText(note)
        self._save.setEnabled(bool(rows))
        self._view.setEnabled(bool(rows))
        self._show_view()

    def _arrange(self) -> None:
        buttons = QHBoxLayout()
        for widget in (self._run, self._view, self._save):
            buttons.addWidget(widget)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addLayout(buttons)
        layout.addWidget(self._pages)
        layout.addWidget(self._note)

    def _show_view(self) -> None:
        view = self._view.currentIndex()
        self._pages.setCurrentIndex((0, 1, 1, 2)[view])
        if view in (1, 2):
            self._draw(roc=view == 1)

    def _draw(self, *, roc: bool) -> None:
        item = self._plot.getPlotItem()
        item.clear()
        color = self.palette().color(self.foregroundRole())
        names = ("false positive rate", "true positive rate")
        for side, name in zip(
            ("bottom", "left"), names if roc else ("recall", "precision"), strict=True
        ):
            axis = item.getAxis(side)
            axis.setPen(color)
            axis.setTextPen(color)
            axis.setLabel(name)
        item.setRange(xRange=(0, 1), yRange=(0, 1.02), padding=0.02)
        for number, row in enumerate(self._rows):
            x, y = row.roc if roc else row.pr
            style = (Qt.PenStyle.SolidLine, Qt.PenStyle.DashLine, Qt.PenStyle.DotLine)
            pen = pg.mkPen(row.color, width=2, style=style[number % len(style)])
            item.plot(x, y, pen=pen, name=row.name)


def _plot() -> pg.PlotWidget:
    """Return a plot without menus; pyqtgraph makes them as windows of their own."""
    plot = pg.PlotWidget(background=None, enableMenu=False)
    menu = plot.getPlotItem().ctrlMenu
    for each in (menu, *(action.menu() for action in menu.actions())):
        if each is not None:
            each.setParent(plot, each.windowFlags())
    return plot


def _table(name: str, tip: str) -> QTableWidget:
    table = QTableWidget()
    table.setAccessibleName(name)
    table.setToolTip(tip)
    table.setTabKeyNavigation(False)  # Tab leaves the table
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
    header = table.horizontalHeader()
    if header is not None:
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        header.setStyleSheet("QHeaderView::section { padding: 0px; font-size: 8pt; }")
    return table


def _fill(
    table: QTableWidget,
    headings: Sequence[str],
    rows: Sequence[tuple[str, str, tuple[float, ...]]],
    *,
    shaded: bool = False,
) -> None:
    """Show rows of `(name, colour, values)`; shading grows with the value.

    What is not known, NaN, is a dash.
    """
    table.setRowCount(len(rows))
    table.setColumnCount(len(headings))
    table.setHorizontalHeaderLabels([str(h) for h in headings])
    for r, (name, color, values) in enumerate(rows):
        head = QTableWidgetItem(swatch_icon(color), _short(name))
        head.setToolTip(name)
        table.setVerticalHeaderItem(r, head)
        for c, value in enumerate(values):
            known = not math.isnan(value)
            item = QTableWidgetItem(f"{value:.2f}" if known else "-")
            item.setTextAlignment(Qt.AlignmentFlag.AlignCenter)
            if shaded and known:
                item.setBackground(QColor(128, 128, 128, round(160 * value)))
            table.setItem(r, c, item)


def _short(name: str) -> str:
    return name if len(name) <= 9 else f"{name[:8]}\N{HORIZONTAL ELLIPSIS}"

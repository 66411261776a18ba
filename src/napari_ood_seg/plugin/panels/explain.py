"""Why a pixel is what it is, and how typicality is spread in each class."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel

from napari_ood_seg.plugin.panels.meter import TypicalityMeter
from napari_ood_seg.plugin.panels.pick_list import PickList
from napari_ood_seg.plugin.panels.plots import BarPlot, Histogram, HistogramPlot
from napari_ood_seg.plugin.panels.swatch import swatch_icon
from napari_ood_seg.plugin.panels.wheel import WheelGuard
from napari_ood_seg.plugin.panels.wrapped import WrappedLabel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_ood_seg.plugin.panels.pick_list import PickRow
    from napari_ood_seg.plugin.panels.plots import Bar

HINT: Final = "Shift+click a pixel, also while painting, or point at one and press W."
_UPDATING: Final = "updating\N{HORIZONTAL ELLIPSIS}"
VIEWS: Final = ("Distance to each class", "Probability of each class")
DISTANCE_TIP: Final = (
    "How far the pixel is from the middle of each class, over all scales. 1 (dashed)"
    " is usual for a pixel of that class; the shortest bar is the class it is given."
)
PROBABILITY_TIP: Final = (
    "How probable each class is, provided that the pixel is of one of them."
)
HISTOGRAM_TIP: Final = (
    "How typical pixels of this class are. Bars: pixels of the image that are nearest"
    " to it. Line: scribbles while they were held out; even (grey line) if the"
    " threshold keeps what it promises. Left of the dashed line: unknown. Triangle:"
    " the pixel."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PixelView:
    """What is shown of a pixel.

    Attributes
    ----------
    color, title
        What it is.
    place
        Where it is.
    typicality
        0 to 1.
    distances, probabilities
        One bar for each class, the best on top.
    note, reasons
        Why, in a sentence or two; and in numbers.
    """

    color: str
    title: str
    place: str
    typicality: float
    distances: tuple[Bar, ...] = field(repr=False)
    probabilities: tuple[Bar, ...] = field(repr=False)
    note: str
    reasons: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HistogramRow:
    """The histogram of one class, and one sentence on it."""

    name: str
    histogram: Histogram = field(repr=False)
    note: str


class ExplainPanel(QWidget):
    """A hint, what a pixel is, bars, nearest strokes, histograms."""

    stroke_picked = Signal(int)
    follow_toggled = Signal(bool)
    clear_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._pixel: PixelView | None = None
        self._histograms: tuple[HistogramRow, ...] = ()
        self._threshold = 0.05
        self._hint = WrappedLabel(HINT)
        self._follow = QCheckBox("Follow the pointer")
        self._follow.setToolTip(
            "Explain whatever the pointer is over; Shift+click stays with a pixel."
        )
        self._clear = QPushButton("Clear")
        self._clear.setToolTip("Explain no pixel, and take its mark off the image.")
        self._swatch, self._title, self._place = QLabel(), QElidingLabel(), QLabel()
        self._place.setToolTip("Row and column of the pixel.")
        self._note = WrappedLabel()
        self._meter = TypicalityMeter()
        self._meter.setToolTip(
            "Share of your held-out scribbles that look less typical than this pixel;"
            " below the threshold (hatched) it is called unknown."
        )
        self._view = _choice("What to show of the classes.", VIEWS)
        self._bars = BarPlot()
        self._bars.setToolTip(DISTANCE_TIP)
        self._near = QLabel("Nearest of your strokes (click to go there)")
        self._strokes = PickList(
            "Nearest strokes",
            "Your strokes that look most like the pixel, in the features of the model;"
            " 1 is usual within a class. Click (or press Enter) to go there.",
        )
        self._class = _choice("Which class the histogram is of.")
        self._histogram = HistogramPlot()
        self._histogram.setToolTip(HISTOGRAM_TIP)
        self._spread = WrappedLabel()
        self._key = WrappedLabel("In %. Bars: the image. Line: held-out scribbles.")
        self._arrange()
        self._connect()
        self.set_pixel(None)
        self.set_strokes(())
        self.set_histograms(())

    def set_pixel(self, pixel: PixelView | None, *, stale: bool = False) -> None:
        """Show a pixel, or none.

        Parameters
        ----------
        stale
            Whether a newer answer is on its way.
        """
        new, self._pixel = pixel != self._pixel, pixel
        self._hint.setVisible(pixel is None)
        self._about.setVisible(pixel is not None)
        self._clear.setEnabled(pixel is not None)
        self._meter.set_typicality(None if pixel is None else pixel.typicality)
        if pixel is not None:
            edge = self._title.fontMetrics().ascent()
            self._swatch.setPixmap(swatch_icon(pixel.color).pixmap(edge, edge))
            self._title.setText(pixel.title)
            self._title.setToolTip(pixel.title)
            self._place.setText(
                "updating\N{HORIZONTAL ELLIPSIS}" if stale else pixel.place
            )
            self._note.setText(pixel.note)
            self._note.setToolTip(pixel.reasons)
        if new:
            self._show_bars()
        self._show_marks()

    def set_strokes(self, rows: Sequence[PickRow]) -> None:
        """Show the strokes that are nearest to the pixel, the nearest first."""
        self._strokes.set_rows(rows)
        self._strokes.set_current(-1)
        self._near.setVisible(bool(rows))
        self._strokes.setVisible(bool(rows))

    def set_keep(self, keep: float) -> None:
        """Show the threshold that keeps this share of the scribbles, 0 to 1."""
        self._threshold = 1.0 - keep
        self._meter.set_threshold(self._threshold)
        self._show_marks()

    def set_histograms(self, rows: Sequence[HistogramRow]) -> None:
        """Show the histogram of one of these classes; the chosen one stays."""
        chosen = self._class.currentText()
        self._histograms = tuple(rows)
        with QSignalBlocker(self._class):
            self._class.clear()
            for row in rows:
                self._class.addItem(swatch_icon(row.histogram.color), row.name)
            self._class.setCurrentIndex(max(self._class.findText(chosen), 0))
        self._spreads.setVisible(bool(rows))
        self._show_histogram()

    def choose_class(self, name: str) -> None:
        """Show the histogram of a class, if there is one."""
        at = self._class.findText(name)
        if at >= 0:
            self._class.setCurrentIndex(at)

    def set_following(self, following: bool) -> None:
        """Show whether the pixel under the pointer is explained."""
        with QSignalBlocker(self._follow):
            self._follow.setChecked(following)

    def _show_bars(self) -> None:
        if self._pixel is None:
            return
        distances = self._view.currentIndex() == 0
        self._bars.setToolTip(DISTANCE_TIP if distances else PROBABILITY_TIP)
        if distances:
            self._bars.set_bars(self._pixel.distances, mark=1.0)
        else:
            self._bars.set_bars(self._pixel.probabilities)

    def _show_histogram(self) -> None:
        at = self._class.currentIndex()
        if 0 <= at < len(self._histograms):
            row = self._histograms[at]
            self._histogram.set_histogram(row.histogram)
            self._spread.setText(row.note)
            self._show_marks()

    def _show_marks(self) -> None:
        value = None if self._pixel is None else self._pixel.typicality
        self._histogram.set_marks(self._threshold, value)

    def _arrange(self) -> None:
        self._about = _column(
            _row(self._swatch, self._title, self._place, stretch=1),
            self._note,
            self._meter,
            self._view,
            self._bars,
        )
        self._spreads = _column(
            _row(QLabel("Typicality of"), self._class, stretch=1),
            self._histogram,
            self._key,
            self._spread,
        )
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        for widget in (
            _row(self._follow, self._clear, stretch=0),
            self._hint,
            self._about,
            self._near,
            self._strokes,
            self._spreads,
        ):
            column.addWidget(widget)

    def _connect(self) -> None:
        self._follow.toggled.connect(self.follow_toggled)
        self._clear.clicked.connect(lambda: self.clear_requested.emit())
        self._view.currentIndexChanged.connect(lambda _: self._show_bars())
        self._class.currentIndexChanged.connect(lambda _: self._show_histogram())
        self._strokes.picked.connect(self.stroke_picked)


def _choice(tip: str, items: Sequence[str] = ()) -> QComboBox:
    box = QComboBox()
    box.addItems(items)
    box.setMinimumContentsLength(8)
    box.setSizeAdjustPolicy(
        QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
    )
    box.setToolTip(tip)
    box.setAccessibleName(tip)
    WheelGuard(box)
    return box


def _row(*widgets: QWidget, stretch: int) -> QWidget:
    holder = QWidget()
    row = QHBoxLayout(holder)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(6)
    for i, widget in enumerate(widgets):
        row.addWidget(widget, 1 if i == stretch else 0)
    return holder


def _column(*widgets: QWidget) -> QWidget:
    holder = QWidget()
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(3)
    for widget in widgets:
        column.addWidget(widget)
    return holder

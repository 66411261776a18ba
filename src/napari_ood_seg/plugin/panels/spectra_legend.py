"""Which line is what: a sample of each line, and its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QColor, QIcon, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QAbstractItemView, QListWidget, QListWidgetItem, QWidget

from napari_ood_seg.plugin.panels.spectra_plot import STYLES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_ood_seg.plugin.panels.spectra_plot import SpectrumRow

_SAMPLE: Final = QSize(34, 12)


class SpectraLegend(QListWidget):
    """Names in the order of the lines, the pixel first; scrolls if there are many."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._known: tuple[tuple[str, str, int, int], ...] = ()
        self.setIconSize(_SAMPLE)
        self.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setTextElideMode(Qt.TextElideMode.ElideRight)
        self.setMinimumHeight(self.fontMetrics().height())
        self.setAccessibleName("Legend of the spectra")

    def sizeHint(self) -> QSize:
        """Return the room of a few lines: the dock is low."""
        return QSize(180, 4 * self.fontMetrics().height())

    def set_rows(self, rows: Sequence[SpectrumRow], pixel: SpectrumRow | None) -> None:
        """Show the rows of a plot; those without pixels are left out."""
        shown = [*([pixel] if pixel is not None else []), *rows]
        known = tuple((r.name, r.color, r.dash, r.n) for r in shown if r.n)
        if known == self._known:
            return
        if [k[1:3] for k in known] == [k[1:3] for k in self._known]:
            for i, (name, _, _, n) in enumerate(known):  # the pointer moved
                self._write(self.item(i), name, n)
        else:
            self.clear()
            for name, color, dash, n in known:
                item = QListWidgetItem(self._sample(color, dash), "")
                self.addItem(item)
                self._write(item, name, n)
        self._known = known

    def texts(self) -> list[str]:
        """Return the names as shown."""
        return [item.text() for i in range(self.count()) if (item := self.item(i))]

    @staticmethod
    def _write(item: QListWidgetItem | None, name: str, n: int) -> None:
        if item is not None:
            item.setText(name)
            item.setToolTip(f"{name}: {n} pixel{'s'[: n != 1]}")

    def _sample(self, color: str, dash: int) -> QIcon:
        pixmap = QPixmap(_SAMPLE)
        pixmap.fill(Qt.GlobalColor.transparent)
        ink = QColor(color) if color else self.palette().color(self.foregroundRole())
        painter = QPainter(pixmap)
        painter.setPen(QPen(ink, 2.5, STYLES[dash % len(STYLES)]))
        middle = _SAMPLE.height() // 2
        painter.drawLine(0, middle, _SAMPLE.width(), middle)
        painter.end()
        return QIcon(pixmap)

"""How much of the image each class takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QWidget
from superqt import QElidingLabel

from napari_ood_seg.plugin.panels.swatch import swatch_icon

if TYPE_CHECKING:
    from collections.abc import Sequence

COLUMNS = 2


def percent(share: float) -> str:
    """Return a share as a percentage that never rounds something to nothing.

    >>> percent(0.1234), percent(0.0), percent(0.0001)
    ('12.3 %', '0.0 %', '<0.1 %')
    """
    return "<0.1 %" if 0 < share < 0.0005 else f"{100 * share:.1f} %"


class Share(QWidget):
    """Swatch, name and share of one class.

    Attributes
    ----------
    area
        Name, colour and share that are shown; the latter from 0 to 1.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.area = ("", "", 0.0)
        self._swatch, self._name, self._share = QLabel(), QElidingLabel(), QLabel()
        for label in (self._swatch, self._name, self._share):
            label.setIndent(0)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(4)
        row.addWidget(self._swatch)
        row.addWidget(self._name, 1)
        row.addWidget(self._share)

    def show_share(self, name: str, color: str, share: float) -> None:
        """Show what part of the image `name` takes."""
        self.area = (name, color, share)
        edge = self._name.fontMetrics().ascent()
        self._swatch.setPixmap(swatch_icon(color).pixmap(edge, edge))
        self._name.setText(name)
        self._share.setText(percent(share))
        self.setToolTip(f"{name}: {percent(share)} of the image")

    def texts(self) -> tuple[str, str]:
        """Return the name and the share as shown."""
        return self._name.text(), self._share.text()


class AreaShares(QWidget):
    """A legend in two columns that tells how much there is of each class."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shares: list[Share] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(0)
        for column in range(COLUMNS):
            self._grid.setColumnStretch(column, 1)

    def set_areas(self, areas: Sequence[tuple[str, str, float]]) -> None:
        """Show `(name, color, share)`, shares from 0 to 1."""
        while len(self._shares) < len(areas):
            self._append()
        for share in self._shares[len(areas) :]:
            self._grid.removeWidget(share)
            share.hide()
            share.deleteLater()
        del self._shares[len(areas) :]
        for share, area in zip(self._shares, areas, strict=True):
            if share.area != area:
                share.show_share(*area)

    def texts(self) -> list[tuple[str, str]]:
        """Return names and shares as shown."""
        return [share.texts() for share in self._shares]

    def _append(self) -> None:
        row, column = divmod(len(self._shares), COLUMNS)
        share = Share(self)
        self._grid.addWidget(share, row, column)
        self._shares.append(share)

"""Off, Once, Live: one control that says what happens, and changes it."""

from __future__ import annotations

from functools import partial
from typing import Final

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QSizePolicy, QWidget

OFF: Final = "off"
ONCE: Final = "once"
LIVE: Final = "live"
_BUTTONS: Final = (
    (OFF, "&Off", "Stop what is running, and learn nothing; the last result stays."),
    (ONCE, "O&nce", "Learn from the scribbles now, and show the result."),
    (LIVE, "L&ive", "Learn again after each stroke."),
)


class ModeSwitch(QWidget):
    """Three buttons in a row, one of which is down.

    The one that is down says what happens now; only a press tells.
    """

    chosen = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._buttons: dict[str, QPushButton] = {}
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(0)
        for mode, text, tip in _BUTTONS:
            button = QPushButton(text)
            button.setToolTip(tip)
            button.setCheckable(True)
            button.setSizePolicy(
                QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred
            )
            button.clicked.connect(partial(self._on_clicked, mode))
            self._buttons[mode] = button
            row.addWidget(button)
        self.set_mode(OFF)

    def mode(self) -> str:
        """Return which button is down."""
        return next(m for m, b in self._buttons.items() if b.isChecked())

    def set_mode(self, mode: str) -> None:
        """Press a button down without telling."""
        for own, button in self._buttons.items():
            if button.isChecked() != (own == mode):
                button.setChecked(own == mode)

    def _on_clicked(self, mode: str, _checked: bool = True) -> None:
        self.set_mode(mode)
        self.chosen.emit(mode)

"""Start, stop, progress, and what happened."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from napari_ood_seg.plugin.panels.choices import ChoiceBox
from napari_ood_seg.plugin.panels.message import MessageLine
from napari_ood_seg.plugin.panels.mode import LIVE, OFF, ONCE, ModeSwitch

if TYPE_CHECKING:
    from collections.abc import Sequence


def time_left(seconds: float) -> str:
    """Return a duration in words, rounded up.

    >>> time_left(0.4), time_left(59.2), time_left(61), time_left(3700)
    ('1 s left', '1 min 00 s left', '1 min 01 s left', '1 h 02 min left')
    """
    whole = max(math.ceil(seconds), 1)
    if whole < 60:
        return f"{whole} s left"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s left"
    minutes = math.ceil(whole / 60)
    return f"{minutes // 60} h {minutes % 60:02d} min left"


class TrainingPanel(QWidget):
    """Off, Once or Live, a device, a bar and a message."""

    once_requested = Signal()
    live_toggled = Signal(bool)
    stop_requested = Signal()
    device_selected = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._mode = ModeSwitch()
        self._running = self._is_live = self._stopping = False
        self._device = ChoiceBox(
            name="Device", tip="What computes: the processor or a graphics card."
        )
        self._bar = QProgressBar()
        self._memory = QLabel()
        self._message = MessageLine()
        self._set_tips()
        self._lay_out()
        self._mode.chosen.connect(self._on_mode)
        self._device.chosen.connect(self.device_selected)
        self.set_running(False)
        self._bar.setRange(0, 1)
        self._bar.setFormat("")

    def set_running(self, running: bool, *, ahead: bool = False) -> None:
        """Show whether a job runs.

        Parameters
        ----------
        ahead
            Whether what is visible is done, and the rest follows.
        """
        self._running = running or ahead
        self._stopping = self._stopping and self._running
        self._show_mode()

    def set_live(self, live: bool) -> None:
        """Show whether each stroke trains."""
        self._is_live = live
        self._show_mode()

    def mode(self) -> str:
        """Return what is shown: ``off``, ``once`` or ``live``."""
        return self._mode.mode()

    def _show_mode(self) -> None:
        runs = self._running and not self._stopping
        self._mode.set_mode(LIVE if self._is_live else ONCE if runs else OFF)

    def _on_mode(self, mode: str) -> None:
        self._stopping = mode == OFF
        if mode == OFF:
            self.stop_requested.emit()
        elif mode == LIVE:
            self.live_toggled.emit(True)
        else:
            if self._is_live:
                self.live_toggled.emit(False)
            self.once_requested.emit()
        self._show_mode()  # nothing may have come of it

    def set_progress(
        self, done: int, total: int, stage: str, eta_s: float | None
    ) -> None:
        """Show `done` of `total` steps; a `total` of 0: how many is not known."""
        self._bar.setRange(0, max(total, 0))
        self._bar.setValue(done)
        words = [stage]
        if total > 0:
            words.append(f"{100 * done // total} %")
        if eta_s is not None and math.isfinite(eta_s):
            words.append(time_left(eta_s))
        self._bar.setFormat(", ".join(words))

    def clear_progress(self) -> None:
        """Empty the bar; it keeps its place."""
        if not self._bar.format():
            return
        self._bar.setRange(0, 1)
        self._bar.setValue(0)
        self._bar.setFormat("")

    def set_memory(self, used: int, budget: int) -> None:
        """Show how many bytes of features are kept, and how many may be."""
        self._memory.setText(f"{used / 2**20:,.0f} MB of {budget / 2**30:.1f} GB")

    def set_devices(self, options: Sequence[tuple[str, str]], current: str) -> None:
        """Show the devices, as `(key, label)`."""
        self._device.set_options(options, current)

    def set_message(self, text: str, kind: str = "info") -> None:
        """Show what happened; `kind` is "info", "warning" or "error"."""
        self._message.set_message(text, kind)

    def _set_tips(self) -> None:
        self._bar.setToolTip("What is running, how far it is and how long it takes.")
        self._bar.setAccessibleName("Progress")
        self._memory.setToolTip(
            "Memory that features take, so that they are not computed again, and how "
            "much they may take."
        )

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self._mode)
        row.addWidget(self._device, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(row)
        line = QHBoxLayout()
        line.setSpacing(6)
        line.addWidget(self._bar, 1)
        line.addWidget(self._memory)
        column.addLayout(line)
        column.addWidget(self._message)

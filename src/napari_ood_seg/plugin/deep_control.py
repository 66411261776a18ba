"""The network that is trained in the background, and what is shown of it."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from qtpy.QtCore import QObject, QTimer

from napari_ood_seg.core.types import Learning
from napari_ood_seg.plugin.file_control import settings
from napari_ood_seg.plugin.panels.deep import INTRO
from napari_ood_seg.plugin.panels.plots import Curves
from napari_ood_seg.session.refining import Refining

if TYPE_CHECKING:
    from napari_ood_seg.plugin.image_control import ImageControl
    from napari_ood_seg.plugin.panels.deep import DeepPanel
    from napari_ood_seg.session.jobs import Compared
    from napari_ood_seg.session.session import Session

_TELL_MS: Final = 1000
"""How often the curves are drawn anew: each time costs a frame of the whole window."""


class DeepControl(QObject):
    """Starts and pauses the training of a network, and shows how it goes.

    Parameters
    ----------
    panel
        Buttons, curves and settings.
    session
        Trains.
    images
        Its scribbles are compared with the layer before training.
    """

    def __init__(
        self, panel: DeepPanel, session: Session, images: ImageControl
    ) -> None:
        super().__init__()
        self._panel = panel
        self._session = session
        self._images = images
        self._steps: list[tuple[int, float]] = []
        self._checks: list[tuple[int, float]] = []
        self._total = 0
        self._tell = QTimer(self)
        self._tell.setSingleShot(True)
        self._tell.setInterval(_TELL_MS)
        self._tell.timeout.connect(self._show_curves)
        panel.start_requested.connect(self.start)
        panel.pause_requested.connect(session.pause)
        panel.anew_requested.connect(self._on_anew)
        panel.resume_requested.connect(self._on_resume)
        panel.settings_changed.connect(session.set_deep)
        session.refining_changed.connect(self._on_state)
        session.refined.connect(self._on_step)
        session.compared.connect(self._on_compared)
        session.deep_changed.connect(panel.settings.set_settings)
        session.kept_changed.connect(self._on_kept)
        panel.set_started(False)
        session.keep_training_in(Path(settings().fileName()).parent / "training")

    def close(self) -> None:
        """Tell nothing more."""
        with suppress(RuntimeError):  # Qt may have deleted it at the very end
            self._tell.stop()

    def start(self) -> None:
        """Train on whatever is on the scribbles layer now, or go on."""
        self._sync()
        self._session.refine()

    def _on_anew(self) -> None:
        self._sync()
        self._forget()
        self._session.refine_anew()

    def _on_resume(self) -> None:
        self._sync()
        self._session.resume_kept()

    def _on_kept(self, since: float | None) -> None:
        when = (
            "" if since is None else f"{datetime.fromtimestamp(since):%Y-%m-%d %H:%M}"
        )
        self._panel.set_kept(when)

    def _sync(self) -> None:
        if self._images.tracker is not None:
            self._images.tracker.sync()

    def _on_state(self, state: str) -> None:
        self._panel.set_state(state)
        if state != Refining.ON:
            self._tell.stop()
            self._show_curves()

    def _on_step(self, event: object) -> None:
        """Remember a step; those of a training that began anew replace the old ones."""
        if not isinstance(event, Learning):
            return
        if self._steps and event.done <= self._steps[-1][0]:
            self._forget()
        self._steps.append((event.done, event.loss))
        self._total = event.total
        news = not self._checks or self._checks[-1][1] != event.held_out
        if math.isfinite(event.held_out) and news:
            self._checks.append((event.done, event.held_out))
        self._panel.set_started(True)
        if not self._tell.isActive():
            self._tell.start()

    def _forget(self) -> None:
        self._steps.clear()
        self._checks.clear()
        self._panel.set_verdict(INTRO)

    def _on_compared(self, found: Compared) -> None:
        self._panel.set_verdict(found.verdict)

    def _show_curves(self) -> None:
        if not self._steps:
            self._panel.set_curves(None)
            return
        steps = np.array(self._steps, float)
        checks = np.array(self._checks, float).reshape(-1, 2)
        self._panel.set_curves(
            Curves(
                steps=steps[:, 0],
                loss=steps[:, 1],
                checked=checks[:, 0],
                held_out=checks[:, 1],
                total=self._total,
            )
        )

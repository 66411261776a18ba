"""Training: buttons, progress, device and messages."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QObject, QTimer

from napari_ood_seg.core.data.palette import UNKNOWN_COLOR
from napari_ood_seg.core.types import UNKNOWN, Progress

if TYPE_CHECKING:
    from napari_ood_seg.plugin.image_control import ImageControl
    from napari_ood_seg.plugin.panels.results import ResultsPanel
    from napari_ood_seg.plugin.panels.training import TrainingPanel
    from napari_ood_seg.session.jobs import TileDone
    from napari_ood_seg.session.session import Session

_ETA_AFTER = 1.0
"""Seconds after which a stage is worth an estimate."""

_REST_MS: Final = 400
"""After so long without a job, what is not visible is predicted as well."""

_NOBODY_WAITS_MS: Final = 1000
"""How often progress is shown, and what is found is counted, where nobody waits: of
what is predicted ahead, and while a series is played."""

_TELL_MS: Final = 250
"""How often progress is shown. Each change of a widget has napari's window put together
anew, canvas included, which costs as much as drawing the result."""


class JobControl(QObject):
    """Starts and stops jobs, and shows how they go.

    Parameters
    ----------
    panel, results
        Buttons and bar; areas and promise.
    session
        Runs the jobs.
    images
        Its scribbles are compared with the layer before a training by hand.
    """

    def __init__(
        self,
        panel: TrainingPanel,
        results: ResultsPanel,
        session: Session,
        images: ImageControl,
    ) -> None:
        super().__init__()
        self._panel = panel
        self._results = results
        self._session = session
        self._images = images
        self._stage = ""
        self._stage_began = 0.0
        self._done_before = 0
        self._warned = False
        self._latest: Progress | None = None
        self._memory = (0, 0)
        self._tell = QTimer(self)
        self._tell.setSingleShot(True)
        self._tell.timeout.connect(self._show_progress)
        self._count = QTimer(self)  # once the result is drawn
        self._count.setSingleShot(True)
        self._count.timeout.connect(self._show_result)
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(_REST_MS)
        self._rest.timeout.connect(session.predict_ahead)
        panel.once_requested.connect(self.train)
        panel.live_toggled.connect(self._on_live)
        panel.stop_requested.connect(session.stop)
        panel.device_selected.connect(session.set_device)
        session.live_changed.connect(panel.set_live)
        session.busy_changed.connect(self._on_busy)
        session.ahead_changed.connect(self._show_running)
        session.painting_changed.connect(self._on_painting)
        session.job_ended.connect(self._on_end)
        session.progressed.connect(self._on_progress)
        session.tile_done.connect(self._on_tile)
        session.message.connect(self._on_message)
        session.image_changed.connect(self._show_areas)
        session.model_changed.connect(self._on_model)
        session.keep_changed.connect(self._show_areas)
        session.result_started.connect(self._on_result)

    def close(self) -> None:
        """Tell nothing more."""
        with suppress(RuntimeError):  # Qt may have deleted them at the very end
            for timer in (self._tell, self._count, self._rest):
                timer.stop()

    def train(self) -> None:
        """Train once, with whatever is on the scribbles layer now."""
        if self._images.tracker is not None:
            self._images.tracker.sync()
        if not (self._session.live and self._session.busy):
            self._session.train()
        self._show_running()

    def _on_live(self, live: bool) -> None:
        if live and self._images.tracker is not None:
            self._images.tracker.sync()
        self._session.set_live(live)
        self._show_running()

    def _on_message(self, text: str, kind: str) -> None:
        """Show a message; the end of a job does not hide what went wrong meanwhile."""
        if self._warned and kind == "info" and not self._session.busy:
            self._warned = False
            return
        self._warned = kind != "info" and self._session.busy
        self._panel.set_message(text, kind)

    def _on_busy(self, busy: bool) -> None:
        if busy:
            self._rest.stop()
            self._tell.start(_TELL_MS)
        else:
            self._clear_progress()
            self._show_running()
            self._count.start(_TELL_MS)
            self._rest.start()

    def _clear_progress(self) -> None:
        self._tell.stop()
        self._latest = None
        self._panel.clear_progress()

    def _on_painting(self, painting: bool) -> None:
        if painting:
            self._rest.stop()
        elif not self._session.busy:
            self._rest.start()

    def _show_running(self) -> None:
        self._panel.set_running(self._session.busy, ahead=self._session.ahead)

    def _on_end(self) -> None:
        kept, budget = self._memory
        if budget:
            self._panel.set_memory(kept, budget)
        if not self._session.busy:
            self._clear_progress()
            self._count.start(_TELL_MS)

    def _on_progress(self, progress: Progress) -> None:
        if progress.stage != self._stage:
            self._stage, self._stage_began = progress.stage, time.perf_counter()
            self._done_before = progress.done  # by a training that was paused
        self._latest = progress
        if not self._tell.isActive():
            self._tell.start(_NOBODY_WAITS_MS if self._session.ahead else _TELL_MS)

    def _show_progress(self) -> None:
        self._show_running()
        progress, eta = self._latest, None
        if progress is None:
            return
        spent = time.perf_counter() - self._stage_began
        done = progress.done - self._done_before
        if done > 0 and spent > _ETA_AFTER:
            eta = spent / done * (progress.total - progress.done)
        self._panel.set_progress(progress.done, progress.total, progress.stage, eta)

    def _on_tile(self, event: TileDone) -> None:
        stage = "predicting" if event.seen else "predicting around the view"
        if event.rough:
            stage = "a rough look first"
        self._on_progress(Progress(done=event.done, total=event.total, stage=stage))
        self._memory = (event.kept, event.budget)

    def _on_model(self) -> None:
        """Tell what the threshold keeps; in live mode not before the result."""
        if not self._session.busy:
            self._show_promise()

    def _show_promise(self) -> None:
        model = self._session.model
        if model is None:
            return
        held = model.calibration.n_strokes
        if held:
            text = f"Checked on {held} held-out strokes."
        else:
            text = "Too few strokes to check: a guess."
        self._results.set_promise(" ".join([text, *model.remarks]))

    def _show_result(self) -> None:
        if self._session.painting:  # whose hand must not wait for it
            self._count.start(_TELL_MS)
        elif not self._session.busy:  # else its end shows what there is then
            self._show_promise()
            self._show_areas()

    def _on_result(self) -> None:
        """Count what is in it soon: it is drawn first, and a series may be played."""
        if self._session.result is not None:
            self._results.set_enabled(True)
        if not self._count.isActive():
            self._count.start(_NOBODY_WAITS_MS if self._session.playing else _TELL_MS)

    def _show_areas(self) -> None:
        result = self._session.result
        self._results.set_enabled(result is not None)
        if result is None or self._session.busy:
            return
        shares = result.shares(self._session.keep)
        rows = [
            (c.name, c.color, shares[c.id])
            for c in self._session.classes
            if c.id in shares
        ]
        if UNKNOWN in shares:
            rows.append(("unknown", UNKNOWN_COLOR, shares[UNKNOWN]))
        self._results.set_areas(rows)

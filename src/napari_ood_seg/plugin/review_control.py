"""Frames of a series below the canvas: what was found in each, and going there."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QObject, QTimer

from napari_ood_seg.core.data.palette import UNKNOWN_COLOR
from napari_ood_seg.core.errors import OODSegError
from napari_ood_seg.core.io.table_files import save_areas
from napari_ood_seg.core.types import UNKNOWN
from napari_ood_seg.plugin.docks import Dock
from napari_ood_seg.plugin.layers import own_axes
from napari_ood_seg.plugin.panels.areas import percent
from napari_ood_seg.plugin.panels.frames import FramesPanel
from napari_ood_seg.plugin.panels.time_strip import FrameColumn

if TYPE_CHECKING:
    from pathlib import Path

    from napari.viewer import Viewer

    from napari_ood_seg.core.data.areas import Areas
    from napari_ood_seg.plugin.file_control import FileControl
    from napari_ood_seg.plugin.image_control import ImageControl
    from napari_ood_seg.plugin.panels.review import ReviewPanel
    from napari_ood_seg.plugin.report_control import ReportControl
    from napari_ood_seg.session.review import Review

_COUNT_MS: Final = 120
"""Frames are counted, and the strip is drawn, at most so often."""


class ReviewControl(QObject):
    """Opens and closes the dock of frames, and fills it.

    Parameters
    ----------
    viewer
        Is moved to another frame; gets the dock.
    panel
        Its button opens and closes the dock.
    review
        Knows the frames.
    images
        Knows the image, whose axis is stepped along.
    files
        Asks for file names.
    reports
        Writes a report on the frame that is shown.
    """

    def __init__(
        self,
        viewer: Viewer,
        panel: ReviewPanel,
        review: Review,
        images: ImageControl,
        files: FileControl,
        reports: ReportControl,
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self._panel = panel
        self._session = review.session
        self.review = review
        self._images = images
        self._files = files
        self._reports = reports
        self.view: FramesPanel | None = None
        self.dock = Dock(viewer, "Frames")
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._count)
        panel.frames_toggled.connect(self.set_open)
        self.dock.toggled.connect(self._on_dock)
        review.changed.connect(self._on_changed)
        self._session.classes_changed.connect(self._show)
        images.changed.connect(self._on_image)
        self._on_image()

    def close(self) -> None:
        """Stop following; the dock goes."""
        with suppress(RuntimeError):  # Qt may have deleted it at the very end
            self._soon.stop()
        self.review.changed.disconnect(self._on_changed)
        self._session.classes_changed.disconnect(self._show)
        self._images.changed.disconnect(self._on_image)
        self.review.close()
        self.dock.close()

    def set_open(self, on: bool) -> None:
        """Open the dock, or close it."""
        if not on:
            self.dock.close()
        elif not self.dock.is_open:
            self.view = FramesPanel()
            self._connect(self.view)
            self.view.strip.set_unknown_color(UNKNOWN_COLOR)
            self.view.set_least(self.review.least)
            self.dock.open(self.view)
            self._count()

    def go(self, frame: int) -> None:
        """Show a frame."""
        image, source = self._images.image, self._session.source
        if image is None or source is None or not self.review.n:
            return
        own = own_axes(image, source.axes)
        axis = own.index(source.plane_axes[self.review.axis])
        at = [0.0] * image.ndim
        at[axis] = frame
        first = self._viewer.dims.ndim - image.ndim
        world = image.data_to_world(at)
        self._viewer.dims.set_point(first + axis, float(world[axis]))

    def go_next(self, _key: str = "") -> None:
        """Go to the next frame with more unknown than is usual."""
        found = self.review.next_unknown()
        if found is not None:
            self.go(found)
            return
        least = percent(self.review.least)
        text = f"in no predicted frame more than {least} is unknown"
        self._session.message.emit(text, "info")

    def save_csv(self, path: Path) -> None:
        """Write areas of all predicted frames; trouble becomes a message."""
        source = self._session.source
        if source is None:
            return
        try:
            save_areas(path, self.review.exact(), self._session.classes, source)
        except OODSegError as error:
            self._session.message.emit(str(error), "error")
        else:
            self._session.message.emit(f"wrote {path.name}", "info")

    def _connect(self, view: FramesPanel) -> None:
        view.picked.connect(self.go)
        view.next_requested.connect(self.go_next)
        view.least_changed.connect(self._on_least)
        view.predict_requested.connect(self.review.predict)
        view.stop_requested.connect(self._session.cancel)
        view.csv_requested.connect(self._on_csv)
        view.report_requested.connect(self._reports.ask)

    def _on_dock(self, is_open: bool) -> None:
        self._panel.set_open(frames=is_open)
        if not is_open:
            self.view = None

    def _on_image(self) -> None:
        self._panel.set_possible(
            spectra=self._session.source is not None, frames=self.review.n > 1
        )
        if self.review.n < 2:
            self.dock.close()

    def _on_least(self, least: float) -> None:
        self.review.least = least
        self._show()

    def _on_csv(self) -> None:
        kinds = "Comma-separated values (*.csv)"
        path = self._files.save_as("Export areas", "areas.csv", kinds)
        if path is not None:
            self.save_csv(path)

    def _on_changed(self) -> None:
        if self.view is not None:
            if self.view.strip.current() != self.review.at:
                self.view.strip.set_current(self.review.at)
                self.view.set_note(self._note())  # both at once: one drawing
            if not self._soon.isActive():
                self._soon.start(_COUNT_MS)

    def _count(self) -> None:
        if self.view is None:
            return
        self.review.count()
        self._show()
        if self.review.stale:
            self._soon.start(0)

    def _show(self) -> None:
        if self.view is None:
            return
        self.view.set_frames([self._column(a) for a in self.review.frames])
        self.view.strip.set_current(self.review.at)
        self.view.set_running(running=self.review.predicting)
        self.view.set_note(self._note())

    def _column(self, areas: Areas | None) -> FrameColumn | None:
        if areas is None:
            return None
        shares = [(c.name, c.color, areas.share(c.id)) for c in self._session.classes]
        return FrameColumn(unknown=areas.share(UNKNOWN), classes=tuple(shares))

    def _note(self) -> str:
        review = self.review
        parts = [f"Frame {review.at}"]
        share = review.unknown_share()
        if share is not None:
            parts.append(f"{percent(share)} unknown")
        parts.append(f"{review.done} of {review.n} predicted")
        left = review.seconds_left()
        if left is not None:
            parts.append(f"{left:.0f} s left")
        return ", ".join(parts)

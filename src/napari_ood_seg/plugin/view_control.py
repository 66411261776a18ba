"""What lies on the image: which results, how opaque, and the legend."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from psygnal import Signal
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QApplication

from napari_ood_seg.core.data.palette import UNKNOWN_COLOR
from napari_ood_seg.plugin.camera import canvas_of
from napari_ood_seg.plugin.file_control import settings
from napari_ood_seg.plugin.panels.legend import Legend

if TYPE_CHECKING:
    from collections.abc import Iterator

    from napari.layers import Labels
    from napari.viewer import Viewer

    from napari_ood_seg.plugin.image_control import ImageControl
    from napari_ood_seg.plugin.overlays import Overlays
    from napari_ood_seg.plugin.panels.classes import ClassesPanel
    from napari_ood_seg.plugin.panels.results import ResultsPanel
    from napari_ood_seg.session.session import Session

VIEWS: Final = (
    ("classes and OOD", {"classes": True, "heatmap": True}),
    ("image", {"classes": False, "heatmap": False}),
    ("classes", {"classes": True, "heatmap": False}),
    ("OOD", {"classes": False, "heatmap": True}),
)
_STEP = 0.1


class ViewControl(QObject):
    """Shows and hides the overlays and the legend, by panel and by key.

    Parameters
    ----------
    viewer
        The legend lies on its canvas.
    results, classes
        Check boxes and slider; the legend's check box.
    overlays
        The result layers.
    images
        Knows the scribbles layer, which is hidden with them while a key is held.
    session
        Its classes are in the legend.
    """

    changed = Signal()
    """Other results are shown, or more or less opaque; a held key is no change."""

    def __init__(
        self,
        viewer: Viewer,
        results: ResultsPanel,
        classes: ClassesPanel,
        overlays: Overlays,
        images: ImageControl,
        session: Session,
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self._results = results
        self._classes = classes
        self._overlays = overlays
        self._images = images
        self._session = session
        self._held: set[object] = set()
        self._put_away: Labels | None = None
        self.legend = Legend(canvas_of(viewer))
        results.visibility_changed.connect(self.set_shown)
        results.opacity_changed.connect(self._on_panel_opacity)
        results.set_opacity(overlays.opacity)
        overlays.wanted_changed.connect(self._on_wanted)
        classes.legend_toggled.connect(self.set_legend)
        session.classes_changed.connect(self._show_legend)
        images.changed.connect(self._show_legend)
        self._app = QApplication.instance()
        if isinstance(self._app, QApplication):
            self._app.focusWindowChanged.connect(self._end_peek)
        self.set_legend(str(settings().value("legend")) == "true")

    def close(self) -> None:
        """Stop following, and take the legend away."""
        self._end_peek()
        self._overlays.wanted_changed.disconnect(self._on_wanted)
        self._session.classes_changed.disconnect(self._show_legend)
        self._images.changed.disconnect(self._show_legend)
        if isinstance(self._app, QApplication):
            self._app.focusWindowChanged.disconnect(self._end_peek)
        with suppress(RuntimeError):  # the canvas may be gone, and the legend with it
            self.legend.setParent(None)
            self.legend.deleteLater()

    @contextmanager
    def peek(self, _key: str = "") -> Iterator[None]:
        """Show the bare image meanwhile."""
        held = object()
        self._held.add(held)
        self._show_peek()
        try:
            yield
        finally:
            self._held.discard(held)
            self._show_peek()

    def next_view(self, _key: str = "") -> None:
        """Show the image, then the classes, then the OOD heatmap, then both."""
        if self._session.result is None:
            self._viewer.status = "there is no result to show yet"
            return
        views = [wanted for _, wanted in VIEWS]
        at = views.index(self._overlays.wanted)
        name, wanted = VIEWS[(at + 1) % len(VIEWS)]
        for key, visible in wanted.items():
            self._overlays.set_visible(key, visible=visible)
        self._viewer.status = f"view: {name}"

    def fainter(self, _key: str = "") -> None:
        """Make the results more transparent."""
        self._set_opacity(self._overlays.opacity - _STEP)

    def stronger(self, _key: str = "") -> None:
        """Make the results more opaque."""
        self._set_opacity(self._overlays.opacity + _STEP)

    def toggle_legend(self, _key: str = "") -> None:
        """Show the legend, or hide it."""
        self.set_legend(not self._with_legend)

    def set_legend(self, on: bool) -> None:
        """Show or hide the legend, now and the next time."""
        self._with_legend = on
        self._classes.set_legend(on)
        settings().setValue("legend", "true" if on else "false")
        self._show_legend()

    def set_opacity(self, opacity: float) -> None:
        """Make the results more or less transparent, 0 to 1."""
        opacity = round(min(max(opacity, 0.0), 1.0), 2)
        self._overlays.set_opacity(opacity)
        self._results.set_opacity(opacity)
        self.changed.emit()

    def set_shown(self, key: str, shown: bool) -> None:
        """Show or hide ``classes``, ``heatmap`` or ``unknown``."""
        self._results.set_visible_layers({key: shown})
        self._overlays.set_visible(key, visible=shown)
        self._show_legend()
        self.changed.emit()

    def _set_opacity(self, opacity: float) -> None:
        self.set_opacity(opacity)
        self._viewer.status = f"opacity of the results: {self._overlays.opacity:.0%}"

    def _on_panel_opacity(self, opacity: float) -> None:
        self._overlays.set_opacity(opacity)
        self.changed.emit()

    def _on_wanted(self) -> None:
        self._results.set_visible_layers(self._overlays.wanted)
        self.changed.emit()

    def _end_peek(self) -> None:
        """Do not wait for a key that was released elsewhere."""
        self._held.clear()
        self._show_peek()

    def _show_peek(self) -> None:
        hidden = bool(self._held)
        self._overlays.set_hidden(hidden=hidden)
        layer = self._images.scribbles
        if hidden and self._put_away is None and layer is not None and layer.visible:
            self._put_away = layer
            layer.visible = False
        elif not hidden and self._put_away is not None:
            self._put_away.visible = True
            self._put_away = None

    def _show_legend(self) -> None:
        entries = [(c.name, c.color) for c in self._session.classes]
        if self._overlays.show_unknown:
            entries.append(("unknown", UNKNOWN_COLOR))
        self.legend.set_entries(entries)
        there = self._images.image is not None and bool(self._session.classes)
        self.legend.setVisible(self._with_legend and there)

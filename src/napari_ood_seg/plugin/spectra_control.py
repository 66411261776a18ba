"""Spectra below the canvas: under the pointer, of classes, of what is unknown."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from weakref import ref

from qtpy.QtCore import QObject, QTimer

from napari_ood_seg.core.data.spectra import band_axis
from napari_ood_seg.core.errors import OODSegError
from napari_ood_seg.core.io.files import write_bytes
from napari_ood_seg.core.io.spectra_svg import SpectrumLine, spectra_svg
from napari_ood_seg.core.io.table_files import save_spectra
from napari_ood_seg.plugin.band_layer import BandLayer
from napari_ood_seg.plugin.docks import Dock
from napari_ood_seg.plugin.panels.spectra import SpectraPanel
from napari_ood_seg.plugin.panels.spectra_plot import SpectrumRow

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from weakref import ReferenceType

    from napari.viewer import Viewer

    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.data.spectra import Spectrum
    from napari_ood_seg.plugin.explain_control import ExplainControl
    from napari_ood_seg.plugin.file_control import FileControl
    from napari_ood_seg.plugin.image_control import ImageControl
    from napari_ood_seg.plugin.panels.review import ReviewPanel
    from napari_ood_seg.session.spectra import Both, Spectra

_FOLLOW_MS: Final = 40
"""The pixel under the pointer is read at most so often."""

_STRANGE: Final = ("#e0559c", "#f2a3cb", "#a01f66")
"""Of groups of unknown, in turn: the hues of the heatmap."""

_INK: Final = "#222222"
"""Of the pixel on white paper."""

_GROUPS: Final = 4
"""So many groups of unknown are shown, the most interesting ones."""

UNITS: Final = ("value", "value / mean of the pixel")


class SpectraControl(QObject):
    """Opens and closes the dock of spectra, and fills it.

    Parameters
    ----------
    viewer
        Its pointer is followed; it gets the dock, and a layer for a map of bands.
    panel
        Its button opens and closes the dock.
    spectra
        Measures.
    images
        Knows the image.
    explains
        Knows which pixel is where.
    files
        Asks for file names.
    """

    def __init__(
        self,
        viewer: Viewer,
        panel: ReviewPanel,
        spectra: Spectra,
        images: ImageControl,
        explains: ExplainControl,
        files: FileControl,
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self._panel = panel
        self._session = spectra.session
        self.spectra = spectra
        self._explains = explains
        self._files = files
        self.normalised = False
        self.view: SpectraPanel | None = None
        self.dock = Dock(viewer, "Spectra")
        self.layer = BandLayer(viewer, images)
        self._axis_of: ReferenceType[ImageSource] | None = None
        self._under: tuple[int, int] | None = None
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self._read_under)
        panel.spectra_toggled.connect(self.set_open)
        self.dock.toggled.connect(self._on_dock)
        viewer.mouse_move_callbacks.append(self._on_move)
        spectra.changed.connect(self._show)
        spectra.pointed.connect(self._show_pixel)
        spectra.mapped.connect(self._show_map)
        self._session.classes_changed.connect(self._show)

    def close(self) -> None:
        """Stop following; dock and layer go."""
        with suppress(RuntimeError):  # Qt may have deleted it at the very end
            self._soon.stop()
        self._viewer.mouse_move_callbacks.remove(self._on_move)
        self.spectra.changed.disconnect(self._show)
        self.spectra.pointed.disconnect(self._show_pixel)
        self.spectra.mapped.disconnect(self._show_map)
        self._session.classes_changed.disconnect(self._show)
        self.spectra.watch(on=False)
        self.spectra.close()
        self.layer.remove()
        self.dock.close()

    def set_open(self, on: bool) -> None:
        """Open the dock, or close it."""
        if not on:
            self.dock.close()
        elif not self.dock.is_open:
            self.view = SpectraPanel()
            self._connect(self.view)
            self._axis_of = None
            self.view.set_normalised(self.normalised)
            self.dock.open(self.view)
            self._show()
            self.spectra.watch(on=True)

    def save_csv(self, path: Path) -> None:
        """Write what is shown to a table; trouble becomes a message."""
        source = self._session.source
        if source is not None:
            lines = [(line.name, line.spectrum) for line in self.lines()]
            self._write(path, lambda: save_spectra(path, band_axis(source), lines))

    def save_svg(self, path: Path) -> None:
        """Write what is shown to a picture; trouble becomes a message."""
        text = self.picture()
        if text:
            self._write(path, lambda: write_bytes(path, text.encode()))

    def picture(self) -> str:
        """Return what is shown as SVG; empty without an image."""
        source, label = self._session.source, UNITS[self.normalised]
        if source is None:
            return ""
        return spectra_svg(list(self.lines()), band_axis(source), y_label=label)

    def lines(self) -> Iterator[SpectrumLine]:
        """Yield what is shown: classes, groups of unknown, the pixel."""
        names = {c.id: (c.name, c.color) for c in self._session.classes}
        measured = self.spectra.measured
        for dash, (class_id, (name, color)) in enumerate(names.items()):
            both = measured.classes.get(class_id)
            if both is not None:
                yield self._line(name, color, dash, both)
        groups = zip(self.spectra.guide.groups, measured.groups, strict=False)
        unknown = [both for group, both in groups if group.kind == "unknown"]
        for i, both in enumerate(unknown[:_GROUPS]):
            color = _STRANGE[i % len(_STRANGE)]
            yield self._line(f"Unknown {i + 1}", color, i, both)
        if self.spectra.pixel is not None and self.spectra.point is not None:
            row, column = self.spectra.point
            name = f"Pixel {row}, {column}"
            yield self._line(name, _INK, 0, self.spectra.pixel)

    def _line(self, name: str, color: str, dash: int, both: Both) -> SpectrumLine:
        spectrum: Spectrum = both[self.normalised]
        return SpectrumLine(name=name, color=color, dash=dash, spectrum=spectrum)

    def _write(self, path: Path, write: Any) -> None:  # noqa: ANN401 - any callable
        try:
            write()
        except OODSegError as error:
            self._session.message.emit(str(error), "error")
        else:
            self._session.message.emit(f"wrote {path.name}", "info")

    def _connect(self, view: SpectraPanel) -> None:
        view.normalised_toggled.connect(self._on_normalised)
        view.bands_toggled.connect(self._on_bands)
        view.bands_dragged.connect(self._on_dragged)
        view.csv_requested.connect(self._on_csv)
        view.svg_requested.connect(self._on_svg)

    def _on_dock(self, is_open: bool) -> None:
        self._panel.set_open(spectra=is_open)
        if not is_open:
            self.view = None
            self._soon.stop()
            self.spectra.watch(on=False)

    def _on_normalised(self, normalised: bool) -> None:
        self.normalised = normalised
        self._show()

    def _on_bands(self, on: bool) -> None:
        source = self._session.source
        bands = None
        if on and source is not None:
            third = source.n_channels // 3
            bands = (third, max(source.n_channels - 1 - third, third))
        if self.view is not None:
            self.view.set_bands(bands)
        self.spectra.map_bands(bands)

    def _on_dragged(self, first: int, last: int) -> None:
        self.spectra.map_bands((first, last))

    def _on_move(self, _viewer: object, event: Any) -> None:  # noqa: ANN401 - napari event
        if self.view is not None:
            self._under = self._explains.point_at(event.position)
            if not self._soon.isActive():
                self._soon.start(_FOLLOW_MS)

    def _read_under(self) -> None:
        if self._under != self.spectra.point:
            self.spectra.point_at(self._under)

    def _on_csv(self) -> None:
        kinds = "Comma-separated values (*.csv)"
        path = self._files.save_as("Export spectra", "spectra.csv", kinds)
        if path is not None:
            self.save_csv(path)

    def _on_svg(self) -> None:
        kinds = "Scalable vector graphics (*.svg)"
        path = self._files.save_as("Export spectra", "spectra.svg", kinds)
        if path is not None:
            self.save_svg(path)

    def _show(self) -> None:
        """Show all lines but the pixel's."""
        source = self._session.source
        if self.view is None or source is None:
            return
        if self._axis_of is None or self._axis_of() is not source:
            self._axis_of = ref(source)
            self.view.set_bands(None)
            self.view.set_axis(*band_axis(source))
        rows = [_row(line) for line in self.lines() if line.color != _INK]
        self.view.set_rows(rows)
        self._show_pixel()

    def _show_pixel(self) -> None:
        if self.view is None:
            return
        found = [_row(line, color="") for line in self.lines() if line.color == _INK]
        self.view.set_pixel(found[0] if found else None)

    def _show_map(self) -> None:
        self.layer.show(self._session.source, self.spectra.map)
        if self.view is not None and self.spectra.bands is None:
            self.view.set_bands(None)


def _row(line: SpectrumLine, *, color: str | None = None) -> SpectrumRow:
    s = line.spectrum
    return SpectrumRow(
        name=line.name,
        color=line.color if color is None else color,
        dash=line.dash,
        mean=s.mean,
        spread=s.spread,
        n=s.n,
    )

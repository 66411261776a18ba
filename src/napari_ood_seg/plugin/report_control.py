"""Write a page on what is shown: image, result, spectra and areas."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np
from qtpy.QtCore import QObject

from napari_ood_seg.core.data.areas import Areas
from napari_ood_seg.core.data.palette import UNKNOWN_COLOR
from napari_ood_seg.core.data.preview import preview
from napari_ood_seg.core.errors import OutputError
from napari_ood_seg.core.types import UNKNOWN
from napari_ood_seg.plugin.colormaps import class_colors, ood_colors
from napari_ood_seg.plugin.panels.areas import percent
from napari_ood_seg.plugin.report import Figure, Page, save_page

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.plugin.file_control import FileControl
    from napari_ood_seg.plugin.spectra_control import SpectraControl
    from napari_ood_seg.session.result import Result
    from napari_ood_seg.session.session import Session

    Picture = npt.NDArray[np.uint8]

KINDS: Final = "Picture (*.png);;Document (*.pdf)"
_MOST: Final = 2**24
"""An image of more pixels is not read for a picture."""

_SHORT: Final = {"micrometer": "µm", "millimeter": "mm", "nanometer": "nm"}


@dataclass(frozen=True, slots=True)
class _Shown:
    """What a report is about, kept while the image is read."""

    source: ImageSource = field(repr=False)
    result: Result = field(repr=False)
    plane: tuple[int, ...]
    path: Path


class ReportControl(QObject):
    """Reads the frame on the worker, then draws the page.

    Parameters
    ----------
    session
        Has image and result.
    spectra
        Draws the spectra.
    files
        Asks for a file name.
    """

    def __init__(
        self, session: Session, spectra: SpectraControl, files: FileControl
    ) -> None:
        super().__init__()
        self._session = session
        self._spectra = spectra
        self._files = files

    def ask(self) -> None:
        """Ask where to write a report, then write it."""
        path = self._files.save_as("Write a report", "report.png", KINDS)
        if path is not None:
            self.save(path)

    def save(self, path: Path) -> None:
        """Write a report on what is shown; trouble becomes a message."""
        session = self._session
        if session.source is None or session.result is None:
            session.message.emit("there is no result to report on yet", "warning")
            return
        if session.source.height * session.source.width > _MOST:
            session.message.emit(
                "the image is too large for a report: export it instead", "warning"
            )
            return
        shown = _Shown(session.source, session.result, session.plane, path)
        source, plane = shown.source, shown.plane
        session.look(
            lambda: preview(source, plane=plane),
            lambda picture: self._write(shown, picture),
            kind="report",
        )

    def _write(self, shown: _Shown, picture: Picture) -> None:
        try:
            save_page(shown.path, self._page(shown, picture))
        except OutputError as error:
            self._session.message.emit(str(error), "error")
        else:
            self._session.message.emit(f"wrote {shown.path.name}", "info")

    def _page(self, shown: _Shown, picture: Picture) -> Page:
        session, source = self._session, shown.source
        labels = shown.result.labels(session.keep)
        heat = shown.result.ood_in(shown.result.whole)
        where = ", ".join(
            f"{a} {i}" for a, i in zip(source.plane_axes, shown.plane, strict=True)
        )
        return Page(
            title=" ".join([source.name, *([f"({where})"] if where else [])]),
            note=f"Threshold: keeps {percent(session.keep)} of held-out scribbles. "
            f"{source.height} x {source.width} pixels, {source.n_channels} channels.",
            image=picture,
            overlay=self._overlay(picture, labels, heat),
            spectra=self._spectra.picture(),
            figures=tuple(self._figures(Areas.of(labels), source)),
        )

    def _overlay(
        self, picture: Picture, labels: Picture, heat: npt.NDArray[np.float32]
    ) -> Picture:
        """Lay classes and heatmap on a picture, as opaque as on the canvas."""
        out = picture.astype(np.float64)
        classes = np.asarray(class_colors(self._session.classes).map(labels))
        colors = ood_colors().map(heat.ravel()).reshape(*heat.shape, 4)
        for layer, opacity in ((classes, 0.55), (np.asarray(colors), 1.0)):
            alpha = opacity * layer[..., 3:]
            out = out * (1 - alpha) + 255 * layer[..., :3] * alpha
        overlay: Picture = out.round().clip(0, 255).astype(np.uint8)
        return overlay

    def _figures(self, areas: Areas, source: ImageSource) -> list[Figure]:
        known = [(c.id, c.name, c.color) for c in self._session.classes]
        pixel = math.prod(source.pixel_size)
        physical = source.unit != "pixel"
        unit = _SHORT.get(source.unit, source.unit)
        return [
            Figure(
                name=name,
                color=color,
                pixels=areas.pixels.get(class_id, 0),
                share=percent(areas.share(class_id)),
                area=f"{areas.pixels.get(class_id, 0) * pixel:.4g} {unit}²"
                if physical
                else "",
            )
            for class_id, name, color in [*known, (UNKNOWN, "unknown", UNKNOWN_COLOR)]
        ]

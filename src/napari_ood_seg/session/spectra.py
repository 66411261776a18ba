"""`Spectra`: what is measured under the pointer, on the strokes, in some bands."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from psygnal import Signal

from napari_ood_seg.core.data.spectra import (
    Spectrum,
    StrokeSpectra,
    band_mean,
    spectra_of,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from napari_ood_seg.session.guide import Guide
    from napari_ood_seg.session.session import Session

    Both = tuple[Spectrum, Spectrum]
    Map = npt.NDArray[np.float32]
    Point = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Spectra, each as measured and normalised.

    Attributes
    ----------
    classes
        By class, of the strokes on all planes of the image.
    groups
        Of what the guide found on the shown plane, in its order; see `Guide.groups`.
    """

    classes: dict[int, Both] = field(default_factory=dict, repr=False)
    groups: tuple[Both, ...] = field(default=(), repr=False)


class Spectra:
    """Follows a session; everything is read on the worker, between two of its steps.

    Nothing is read as long as nobody watches.

    Parameters
    ----------
    session
        Reads (`Session.look`).
    guide
        Knows groups of unknown.
    """

    changed: ClassVar[Signal] = Signal()
    """There are other spectra of classes and groups."""
    pointed: ClassVar[Signal] = Signal()
    """There is another spectrum under the pointer, or none."""
    mapped: ClassVar[Signal] = Signal()
    """There is another map of bands, or none."""

    def __init__(self, session: Session, guide: Guide) -> None:
        self.session = session
        self.guide = guide
        self._strokes = StrokeSpectra()  # touched on the worker alone
        self.watched = False
        self.measured = Measured()
        self.point: Point | None = None
        self.pixel: Both | None = None
        self.bands: tuple[int, int] | None = None
        self.map: Map | None = None
        session.scribbles_changed.connect(self._measure)
        guide.changed.connect(self._measure)
        session.image_changed.connect(self._on_image)
        session.plane_changed.connect(self._on_plane)

    def close(self) -> None:
        """Stop following."""
        self.session.scribbles_changed.disconnect(self._measure)
        self.guide.changed.disconnect(self._measure)
        self.session.image_changed.disconnect(self._on_image)
        self.session.plane_changed.disconnect(self._on_plane)

    def watch(self, on: bool) -> None:
        """Begin to measure, with what was missed, or stop doing so."""
        self.watched = on
        if on:
            self._measure()
        else:
            self.point_at(None)
            self.map_bands(None)

    def point_at(self, point: Point | None) -> None:
        """Measure a pixel of the shown plane; `None`: nothing is pointed at."""
        self.point = point
        if point is None:
            self.pixel = None
            self.pointed.emit()
        else:
            self._read_pixel()

    def map_bands(self, bands: tuple[int, int] | None) -> None:
        """Show the mean of the bands from the first to the last; `None`: nothing."""
        if bands is None:
            self.bands = self.map = None
            self.mapped.emit()
        elif bands != self.bands:
            self.bands = bands
            self._read_map()

    def _on_image(self) -> None:
        self.point_at(None)  # first: what is of another image has other bands
        self.map_bands(None)
        self.measured = Measured()
        self.changed.emit()
        self._measure()

    def _on_plane(self) -> None:
        """What is pointed at, and the map, are of the plane that is shown."""
        if self.point is not None:
            self._read_pixel()
        if self.bands is not None:
            self._read_map()

    def _measure(self) -> None:
        session = self.session
        if self.watched and session.source is not None:
            groups = [[r.stroke for r in g.regions] for g in self.guide.groups]
            source, plane, strokes = (
                session.source,
                session.plane,
                session.scribbles.strokes,
            )

            def measure() -> Measured:
                return Measured(
                    classes=self._strokes.of(source, strokes),
                    groups=tuple(spectra_of(source, g, plane=plane) for g in groups),
                )

            session.look(measure, self._on_measured, kind="spectra")

    def _read_pixel(self) -> None:
        source, plane, point = self.session.source, self.session.plane, self.point
        if source is not None and point is not None:
            read = partial(spectra_of, source, [_one(point)], plane=plane)

            def answer(found: Both) -> None:
                if (self.point, self.session.plane) == (point, plane):
                    self.pixel = found
                    self.pointed.emit()

            self.session.look(read, answer, kind="spectrum")

    def _read_map(self) -> None:
        source, plane, bands = self.session.source, self.session.plane, self.bands
        if source is not None and bands is not None:
            read = partial(band_mean, source, *bands, plane=plane)

            def answer(found: Map) -> None:
                if (self.bands, self.session.plane) == (bands, plane):
                    self.map = found
                    self.mapped.emit()

            self.session.look(read, answer, kind="bands")

    def _on_measured(self, found: Measured) -> None:
        self.measured = found
        self.changed.emit()


def _one(point: Point) -> npt.NDArray[np.int32]:
    return np.array([point], np.int32)

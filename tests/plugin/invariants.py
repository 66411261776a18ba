"""What must hold whenever nothing is going on, whatever was done before."""

from __future__ import annotations

import logging
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from napari.utils.notifications import NotificationSeverity, notification_manager
from qtpy.QtCore import QtMsgType, qInstallMessageHandler
from qtpy.QtWidgets import QApplication, QDialog

import napari_ood_seg.core as ood
from napari_ood_seg.plugin.layers import is_candidate, role_of
from napari_ood_seg.plugin.panels.class_table import NAME, ClassTable
from napari_ood_seg.plugin.scribble_layer import index_of, planes_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from napari.layers import Layer

    from napari_ood_seg.session.session import Session
    from tests.plugin.driver import Driver

OURS: Final = "napari_ood_seg"
RESULTS: Final = ("classes", "heatmap")
NOISE: Final = ("QStandardPaths", "propagateSizeHints", "This plugin does not support")
"""Qt says so on a screen without a window manager."""


class Troubles(logging.Handler):
    """Collects what went wrong where nobody looks: in slots, threads, finalisers.

    Attributes
    ----------
    found
        One line each.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        found = logging.Formatter("log: %(message)s").format(record)
        self.found.append(found)  # with the traceback, if there is one

    def on_exception(
        self,
        kind: type[BaseException],
        error: BaseException,
        trace: TracebackType | None,
    ) -> None:
        sys.__excepthook__(kind, error, trace)
        self.found.append(f"exception: {kind.__name__}: {error}")

    def on_thread(self, args: Any) -> None:
        self.found.append(f"in a thread: {args.exc_type.__name__}: {args.exc_value}")

    def on_unraisable(self, args: Any) -> None:
        self.found.append(f"unraisable: {args.exc_value!r} in {args.object!r}")

    def on_qt(self, kind: Any, _context: object, text: str | None) -> None:
        quiet = kind in (QtMsgType.QtDebugMsg, QtMsgType.QtInfoMsg)
        if text and not quiet and not text.startswith(NOISE):
            self.found.append(f"Qt: {text}")

    def on_notification(self, notification: Any) -> None:
        if notification.severity >= NotificationSeverity.ERROR:
            self.found.append(f"napari: {notification.message}")

    def on_message(self, text: str, _kind: str) -> None:
        if "went wrong inside" in text:
            self.found.append(f"panel: {text}")

    @contextmanager
    def watch(self) -> Iterator[None]:
        """Listen everywhere meanwhile."""
        hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
        sys.excepthook, threading.excepthook = self.on_exception, self.on_thread
        sys.unraisablehook = self.on_unraisable
        before = qInstallMessageHandler(self.on_qt)
        logging.getLogger().addHandler(self)
        ready = notification_manager.notification_ready
        ready.connect(self.on_notification)
        try:
            yield
        finally:
            ready.disconnect(self.on_notification)
            logging.getLogger().removeHandler(self)
            qInstallMessageHandler(before)
            sys.excepthook, threading.excepthook, sys.unraisablehook = hooks


class Freshness:
    """Whether the plane was predicted with the model of now: all of it, or the view.

    Also notes when live training failed, which leaves the last result.
    """

    def __init__(self, session: Session) -> None:
        self.failed = False
        self._session = session
        session.tile_done.connect(self._on_tile)
        session.message.connect(self._on_message)

    @property
    def complete(self) -> bool:
        result = self._session.result
        return result is not None and not result.lacks(None)

    @property
    def filled(self) -> bool:
        result = self._session.result
        return result is not None and not result.lacks(self._session.view)

    def _on_tile(self, _: object) -> None:
        self.failed = False

    def _on_message(self, _text: str, kind: str) -> None:
        self.failed = self.failed or kind != "info"


def broken(
    driver: Driver, fresh: Freshness, images_of: dict[Layer, Layer | None]
) -> list[str]:
    """Return what does not hold now, one line each; nothing may be going on.

    Parameters
    ----------
    images_of
        The image that each layer of ours was made for; `None` if it is gone.
    """
    return [
        *_strokes(driver),
        *_rows(driver),
        *_legend(driver),
        *_colors(driver),
        *_layers(driver, images_of),
        *_overlays(driver, fresh),
        *_results(driver),
        *_leaks(driver),
    ]


def _strokes(driver: Driver) -> Iterator[str]:
    """The session's strokes are what the scribbles layer shows."""
    layer, scribbles = driver.images.scribbles, driver.session.scribbles
    if driver.images.image is None:
        if scribbles.strokes:
            yield "strokes without an image"
        return
    if layer is None:
        return
    if layer not in driver.viewer.layers:
        yield "the scribbles layer is gone, and nobody noticed"
    for plane in np.ndindex(*planes_of(layer)):
        seen = layer.data[index_of(layer, plane)]
        if not np.array_equal(seen, scribbles.to_labels(plane=plane)):
            yield f"the layer shows other strokes than the session has, plane {plane}"
    current = driver.panel.classes.current
    if current is not None and layer.selected_label != current:
        yield f"label {layer.selected_label} is painted, not class {current}"


def _rows(driver: Driver) -> Iterator[str]:
    """The table lists the session's classes, with their strokes."""
    session, panel = driver.session, driver.panel.classes_panel
    table = panel.findChildren(ClassTable)[0]
    cells = [
        [table.item(row, c).text() for c in range(NAME, table.columnCount())]  # type: ignore[union-attr]
        for row in range(table.rowCount())
    ]
    strokes, pixels = (
        session.scribbles.stroke_counts(),
        session.scribbles.pixel_counts(),
    )
    wanted = [
        [
            c.name,
            str(place) if place <= 9 else "",
            f"{strokes.get(c.id, 0):,}",
            f"{pixels.get(c.id, 0):,}",
        ]
        for place, c in enumerate(session.classes, start=1)
    ]
    if cells != wanted:
        yield f"the table shows {cells}, not {wanted}"
    if panel.current_id() != driver.panel.classes.current:
        yield f"row {panel.current_id()} is current, {driver.panel.classes.current} not"
    ids = [c.id for c in session.classes]
    if len(set(ids)) < len(ids) or not set(session.scribbles.class_ids) <= set(ids):
        yield f"classes {ids}, painted {session.scribbles.class_ids}"


def _legend(driver: Driver) -> Iterator[str]:
    """The legend names the session's classes, and unknown if that is shown."""
    legend = driver.panel.views.legend
    names = [c.name for c in driver.session.classes]
    if driver.panel.overlays.show_unknown:
        names.append("unknown")
    if legend.accessibleDescription() != ", ".join(names):
        yield f"the legend says {legend.accessibleDescription()!r}, not {names}"


def _colors(driver: Driver) -> Iterator[str]:
    """Layers have the colours of the classes."""
    for layer in (driver.images.scribbles, driver.panel.overlays.classes):
        for c in driver.session.classes if layer is not None else ():
            assert layer is not None
            wanted = [int(c.color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
            if not np.allclose(layer.colormap.map(c.id)[:3], wanted, atol=2e-3):
                yield f"{layer.name} shows {c.name} in another colour"


def _layers(driver: Driver, images_of: dict[Layer, Layer | None]) -> Iterator[str]:
    """An image has one layer of each kind; nothing of ours is made for no image."""
    layers = driver.viewer.layers
    images = [layer for layer in layers if is_candidate(layer)]
    seen: dict[tuple[int, str], str] = {}
    for layer in layers:
        role = role_of(layer)
        if role is None:
            continue
        if layer not in images_of:
            yield f"{layer.name} was made for no image"
            continue
        image = images_of[layer]
        if image is None:  # which is gone
            continue
        key = (id(image), role)
        if image in images and key in seen and role in RESULTS:
            yield f"{layer.name} and {seen[key]} both lie on {image.name}"
        seen[key] = layer.name
    held = [driver.images.image, driver.images.scribbles]
    held += [driver.panel.overlays.classes, driver.panel.overlays.heatmap]
    yield from (
        f"{la.name} is held, but gone" for la in held if la and la not in layers
    )


def _results(driver: Driver) -> Iterator[str]:
    """Layers on other images show what the session has of those."""
    overlays, wanted = driver.panel.overlays, driver.session.result_of
    for image, shown in overlays._shown_of.items():
        there = any(layer in driver.viewer.layers for layer in shown.layers())
        other = image is not driver.images.image and there
        if shown.source and other and shown.result is not wanted(shown.source):
            yield f"{image.name} shows a result that the session has not"
        for layer in shown.layers() if image in driver.viewer.layers else ():
            if layer not in driver.viewer.layers:
                yield f"{layer.name} is held, but gone"


def _overlays(driver: Driver, fresh: Freshness) -> Iterator[str]:
    """What lies on the image is what the model says of the shown plane."""
    session, overlays = driver.session, driver.panel.overlays
    waits = session.live and session.scribbles.strokes and not fresh.failed
    if waits and not fresh.filled:
        yield "live mode has not predicted what is visible"
    source, model = session.source, session.model
    if not fresh.complete or source is None or model is None or source.plane_shape:
        return  # features of a stack are adapted to all of its planes
    wanted = ood.predict(model, source, device="cpu")
    keep = session.keep
    if overlays.classes is not None:
        labels = wanted.labels(keep=keep)
        same = (np.asarray(overlays.classes.data[0]) == labels).mean()
        if same < 0.99:
            yield f"{same:.0%} of the classes layer are what the model says"
    if overlays.heatmap is not None:
        apart = np.abs(np.asarray(overlays.heatmap.data[0]) - (1 - wanted.typicality))
        if (apart > 0.02).mean() > 0.01:
            yield f"the heatmap is {apart.max():.2f} from what the model says"
    for key, layer in (("classes", overlays.classes), ("heatmap", overlays.heatmap)):
        if layer is not None and layer.visible != overlays.wanted[key]:
            yield f"{layer.name} is visible: {layer.visible}, wanted otherwise"


def _leaks(driver: Driver) -> Iterator[str]:
    """There is one worker, no dialog, no widget of a panel that was closed."""
    workers = [t.name for t in threading.enumerate() if t.name.startswith("job_")]
    if len(workers) > 1:
        yield f"workers: {workers}"
    panel = driver.panel
    docks = (panel.spectra.view, panel.reviews.view)
    open_now = [w for w in (panel, panel.views.legend, *docks) if w is not None]
    for widget in QApplication.allWidgets():
        ours = type(widget).__module__.startswith(OURS)
        inside = any(w is widget or w.isAncestorOf(widget) for w in open_now)
        if ours and not inside:
            yield f"left: {widget}"
        if isinstance(widget, QDialog) and panel.isAncestorOf(widget):
            yield f"a dialog is left: {widget}"

"""How long from the end of a stroke to the new overlay, in a real viewer.

Opens napari on a stained section with 1024 x 1024 pixels of it in view, docks the
panel, switches Live on and paints strokes with a simulated mouse. Measures, from the
release of the mouse, the seconds until the first new pixels are there and until all
that is in view has been drawn; the gaps between ticks of the event loop from the
first press to that; and how long a stroke takes to paint. Then the same strokes are
painted in napari alone: image and labels, nothing else. Canvas, brush and what is in
view are the same for both, and for all sizes. Images above 2048 pixels are pyramids, as
slides are. Needs a display with OpenGL (Xvfb will do). With `GALLIUM_NOOP=1` Mesa draws
nothing, and what is left is what does not depend on the graphics card.

    python -m benchmarks.latency [--size 1024 4096 16384] [--strokes 30] [--csv FILE]
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import napari
import numpy as np
import torch
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from skimage import data, transform
from vispy.gloo import gl

import benchmarks.apart  # noqa: F401 - before napari
from napari_ood_seg.core.device import pick_device
from napari_ood_seg.plugin.camera import camera_of, canvas_of
from napari_ood_seg.plugin.widget import OODSegWidget

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Layer
    from qtpy.QtWidgets import QWidget

    from napari_ood_seg.plugin.brush_frames import BrushFrames
    from napari_ood_seg.session.jobs import TileDone

WINDOW = (1366, 768)
CANVAS = 680
"""Pixels of the screen, high and wide; with the panel it fits the window."""

IN_VIEW = 1024
BRUSH = 7


@dataclass
class Figures:
    """What was measured, in seconds; gaps in milliseconds."""

    first: list[float] = field(default_factory=list)
    drawn: list[float] = field(default_factory=list)
    painting: list[float] = field(default_factory=list)
    gaps: list[float] = field(default_factory=list)
    drawn_by: str = ""


class Ticks:
    """Notes the gaps between ticks of the event loop while it is on."""

    def __init__(self, gaps: list[float]) -> None:
        self.on = False
        self._gaps = gaps
        self._last = 0.0
        self._timer = QTimer()
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(5)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def start(self) -> None:
        """Note gaps from now on."""
        self.on, self._last = True, time.perf_counter()

    def stop(self) -> None:
        """Note no more."""
        self.on = False

    def _tick(self) -> None:
        now = time.perf_counter()
        if self.on:
            self._gaps.append(1000 * (now - self._last))
        self._last = now


class Drawn:
    """When a result layer changed last, and when all of the canvas had been drawn."""

    def __init__(self, viewer: napari.Viewer, frames: BrushFrames) -> None:
        self.at = self.changed = 0.0
        self._frames = frames
        scene = viewer.window._qt_viewer.canvas._scene_canvas  # noqa: SLF001 - no other
        scene.events.draw.connect(self._on_draw, position="last")

    def watch(self, layer: Layer | None) -> None:
        """Note when a layer is read again."""
        if layer is not None:
            layer.events.set_data.connect(self._on_change)

    @property
    def current(self) -> bool:
        """Whether what changed last has been drawn."""
        return self.at > self.changed

    def _on_change(self) -> None:
        self.changed = time.perf_counter()

    def _on_draw(self, _: object) -> None:
        if not self._frames.pending:
            self.at = time.perf_counter()


def picture(size: int) -> list[np.ndarray]:
    """Return the levels of a `(size, size, 3)` uint8 stained tissue section."""
    section = data.immunohistochemistry()
    wide = transform.resize(section, (1024, 1024), order=1, preserve_range=True)
    tiles = -(-size // 1024)
    whole = np.tile(wide.astype(np.uint8), (tiles, tiles, 1))[:size, :size]
    levels = [whole]
    while levels[-1].shape[0] > 2048:
        levels.append(np.ascontiguousarray(levels[-1][::2, ::2]))
    return levels


def drag(canvas: QWidget, points: list[tuple[int, int]]) -> None:
    """Paint with the left button through canvas positions (x, y)."""
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    first, *rest = [QPoint(x, y) for x, y in points]
    QTest.mouseMove(canvas, first)
    QTest.mousePress(canvas, left, none, first)
    for point in rest:
        QTest.mouseMove(canvas, point)
        QTest.qWait(1)
    QTest.mouseRelease(canvas, left, none, rest[-1])


def wait_until(done: Callable[[], bool], seconds: float = 120.0) -> None:
    """Run the event loop until `done()` holds."""
    end = time.perf_counter() + seconds
    while not done():
        QTest.qWait(5)
        if time.perf_counter() > end:
            raise TimeoutError("no overlay in time")


def open_viewer(size: int) -> napari.Viewer:
    """Return a window with the image."""
    viewer = napari.Viewer(show=True)
    viewer.window.resize(*WINDOW)
    levels = picture(size)
    viewer.add_image(levels if len(levels) > 1 else levels[0], rgb=True, name="section")
    return viewer


def look_at_middle(viewer: napari.Viewer, size: int) -> None:
    """Show the middle of the image, `IN_VIEW` pixels high and wide, and no more."""
    canvas, camera = canvas_of(viewer), camera_of(viewer)
    window = viewer.window._qt_window  # noqa: SLF001 - no other
    for _ in range(3):  # docks may take another width when they are laid out anew
        beside = window.size() - canvas.size()
        window.resize(CANVAS + beside.width(), CANVAS + beside.height())
        QTest.qWait(500)
    if (canvas.width(), canvas.height()) != (CANVAS, CANVAS):
        raise RuntimeError(f"the canvas is {canvas.width()} x {canvas.height()}")
    camera.zoom = CANVAS / IN_VIEW
    camera.center = (0.0, size / 2 - 0.5, size / 2 - 0.5)
    QTest.qWait(500)


def strokes_of(canvas: QWidget, n: int) -> list[list[tuple[int, int]]]:
    """Return `n` strokes near the middle of the canvas, the same each time."""
    rng = np.random.default_rng(0)
    middle = (canvas.width() // 2, canvas.height() // 2)
    out = []
    for _ in range(n):
        x, y = (int(m + rng.integers(-200, 120)) for m in middle)
        out.append([(x + 6 * k, y + 3 * (k % 3)) for k in range(15)])
    return out


def drawn_by(viewer: napari.Viewer) -> str:
    """Return what draws the canvas; NOOP: nothing does."""
    viewer.window._qt_viewer.canvas._scene_canvas.set_current()  # noqa: SLF001 - no other
    return str(gl.glGetParameter(gl.GL_RENDERER))


def live(size: int, n: int) -> Figures:
    """Paint with Live on."""
    figures = Figures()
    viewer = open_viewer(size)
    figures.drawn_by = drawn_by(viewer)
    widget = OODSegWidget(viewer)
    viewer.window.add_dock_widget(widget, name="OOD Seg")
    wait_until(lambda: widget.images.tracker is not None)
    QTest.qWait(3000)  # the heavy imports of the worker are not part of a stroke
    look_at_middle(viewer, size)
    canvas, session, overlays = canvas_of(viewer), widget.session, widget.overlays
    drawn, ticks = Drawn(viewer, widget.frames), Ticks(figures.gaps)
    session.add_class("second")
    session.set_live(live=True)
    widget.images.scribbles.brush_size = BRUSH
    drawn.watch(overlays.heatmap)
    arrived: list[float] = []

    def on_tile(event: TileDone) -> None:
        if event.seen:
            arrived.append(time.perf_counter())

    session.tile_done.connect(on_tile)
    rest = np.random.default_rng(1)
    for i, points in enumerate(strokes_of(canvas, n)):
        widget.classes.select(1 + i % 2)
        arrived.clear()
        ticks.start()
        pressed = time.perf_counter()
        drag(canvas, points)
        released = time.perf_counter()
        wait_until(lambda: bool(arrived))
        wait_until(lambda: not session.busy and not overlays.pending)
        wait_until(lambda: drawn.current)
        ticks.stop()
        figures.painting.append(released - pressed)
        figures.first.append(arrived[0] - released)
        figures.drawn.append(drawn.at - released)
        QTest.qWait(int(rest.integers(50, 700)))  # the hand moves
    viewer.window.remove_dock_widget("all")
    viewer.close()
    return figures


def alone(size: int, n: int) -> Figures:
    """Paint the same strokes in napari without us."""
    figures = Figures()
    viewer = open_viewer(size)
    layer = viewer.add_labels(np.zeros((size, size), np.uint8))
    layer.mode, layer.brush_size = "paint", BRUSH
    QTest.qWait(1000)
    look_at_middle(viewer, size)
    canvas, ticks = canvas_of(viewer), Ticks(figures.gaps)
    for i, points in enumerate(strokes_of(canvas, n)):
        layer.selected_label = 1 + i % 2
        ticks.start()
        pressed = time.perf_counter()
        drag(canvas, points)
        figures.painting.append(time.perf_counter() - pressed)
        QTest.qWait(300)
        ticks.stop()
    viewer.close()
    return figures


def computed_by() -> str:
    """Return the device that trains, and how many cores this process may use."""
    device = pick_device("auto")
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
    card = f"{torch.cuda.get_device_name()}, " if device.type == "cuda" else ""
    return f"{card}{cores} cores"


def row_of(size: int, ours: Figures, theirs: Figures) -> dict[str, object]:
    """Return the figures of one image size."""

    def at(values: list[float], q: float, digits: int = 3) -> float:
        return round(float(np.percentile(values, q)), digits)

    return {
        "size": size,
        "computed_by": computed_by(),
        "drawn_by": ours.drawn_by,
        "napari": napari.__version__,
        "python": platform.python_version(),
        "strokes": len(ours.drawn),
        "cold_s": round(ours.drawn[0], 3),
        "tile_p50_s": at(ours.first[1:], 50),
        "warm_p50_s": at(ours.drawn[1:], 50),
        "warm_p95_s": at(ours.drawn[1:], 95),
        "gap_p99_ms": at(ours.gaps, 99, 1),
        "gap_max_ms": at(ours.gaps, 100, 1),
        "alone_gap_p99_ms": at(theirs.gaps, 99, 1),
        "painting_speed": round(at(theirs.painting, 50) / at(ours.painting[1:], 50), 2),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs="+", default=[1024])
    parser.add_argument("--strokes", type=int, default=30)
    parser.add_argument("--csv", type=Path, help="append the figures to this file")
    args = parser.parse_args()
    for size in args.size:
        row = row_of(size, live(size, args.strokes), alone(size, 10))
        for name, value in row.items():
            print(f"{name:18s} {value}")
        if args.csv:
            new = not args.csv.exists()
            with args.csv.open("a", newline="") as file:
                writer = csv.DictWriter(file, row.keys())
                if new:
                    writer.writeheader()
                writer.writerow(row)


if __name__ == "__main__":
    main()

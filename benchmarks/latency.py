"""How long from the end of a stroke to the new overlay, in a real viewer.

Opens napari on a stained section with 1024 x 1024 pixels of it in view, docks the
panel, switches Live on and paints strokes with a simulated mouse. Prints seconds from
the release of the mouse until the first new pixels are drawn, and until all that is
in view has been drawn; and the gaps between ticks of the event loop meanwhile. Images
above 2048 pixels are pyramids, as slides are. Needs a display with OpenGL (Xvfb will
do).

    python benchmarks/latency.py [--size 1024 4096 16384] [--strokes 30] [--csv FILE]
"""

from __future__ import annotations

import argparse
import csv
import os
import platform
import time
from dataclasses import dataclass, field
from pathlib import Path

import napari
import numpy as np
from qtpy.QtCore import QPoint, Qt, QTimer
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QWidget
from skimage import data, transform

from napari_ood_seg.plugin.camera import camera_of, canvas_of
from napari_ood_seg.plugin.widget import OODSegWidget
from napari_ood_seg.session.jobs import TileDone


@dataclass
class Ticks:
    """Gaps between ticks of the event loop, in milliseconds."""

    gaps: list[float] = field(default_factory=list)
    last: float = 0.0
    on: bool = False

    def tick(self) -> None:
        """Note the time since the last tick."""
        now = time.perf_counter()
        if self.on and self.last:
            self.gaps.append(1000 * (now - self.last))
        self.last = now


def picture(size: int) -> list[np.ndarray]:
    """Return the levels of a `(size, size, 3)` uint8 stained tissue section."""
    section = data.immunohistochemistry()
    wide = transform.resize(section, (1024, 1024), order=1, preserve_range=True)
    tiles = -(-size // 1024)
    whole = np.tile(wide.astype(np.uint8), (tiles, tiles, 1))[:size, :size]
    levels = [whole]
    while levels[-1].shape[0] > 1024:
        levels.append(np.ascontiguousarray(levels[-1][::2, ::2]))
    return levels


def drag(canvas: object, points: list[tuple[int, int]]) -> None:
    """Paint with the left button through canvas positions (x, y)."""
    left, none = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    first, *rest = [QPoint(x, y) for x, y in points]
    QTest.mouseMove(canvas, first)
    QTest.mousePress(canvas, left, none, first)
    for point in rest:
        QTest.mouseMove(canvas, point)
        QTest.qWait(1)
    QTest.mouseRelease(canvas, left, none, rest[-1])


def wait_until(done: object, seconds: float = 120.0) -> None:
    """Run the event loop until `done()` holds."""
    end = time.perf_counter() + seconds
    while not done():
        QTest.qWait(5)
        if time.perf_counter() > end:
            raise TimeoutError("no overlay in time")


class Drawn:
    """When a result layer changed last, and when the canvas was drawn last."""

    def __init__(self, viewer: napari.Viewer) -> None:
        self.at = self.changed = 0.0
        scene = viewer.window._qt_viewer.canvas._scene_canvas  # noqa: SLF001 - no other way
        scene.events.draw.connect(self._on_draw, position="last")

    def watch(self, layer: object) -> None:
        """Note when a layer is read again."""
        layer.events.set_data.connect(self._on_change)

    def _on_change(self) -> None:
        self.changed = time.perf_counter()

    def _on_draw(self, _: object) -> None:
        self.at = time.perf_counter()


def look_at_middle(viewer: napari.Viewer, canvas: QWidget, size: int) -> None:
    """Show 1024 x 1024 pixels of the middle of the image."""
    camera = camera_of(viewer)
    camera.zoom = min(canvas.width(), canvas.height()) / 1024
    camera.center = (0.0, size / 2 - 0.5, size / 2 - 0.5)


def measure(size: int, strokes: int, seed: int = 0) -> dict[str, list[float]]:
    """Return seconds per stroke, and event-loop gaps in ms while busy."""
    rng = np.random.default_rng(seed)
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1366, 768)
    levels = picture(size)
    viewer.add_image(levels if len(levels) > 1 else levels[0], rgb=True, name="section")
    widget = OODSegWidget(viewer)
    viewer.window.add_dock_widget(widget, name="OOD Seg")
    wait_until(lambda: widget.images.tracker is not None)
    QTest.qWait(3000)  # the heavy imports of the worker are not part of a stroke
    canvas = canvas_of(viewer)
    look_at_middle(viewer, canvas, size)
    QTest.qWait(500)
    drawn = Drawn(viewer)
    ticks = Ticks()
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.setInterval(5)
    timer.timeout.connect(ticks.tick)
    timer.start()
    session = widget.session
    session.add_class("second")
    session.set_live(live=True)
    drawn.watch(widget.overlays.heatmap)
    first_tile = {"at": 0.0}

    def on_tile(event: TileDone) -> None:
        if not first_tile["at"] and event.seen:
            first_tile["at"] = time.perf_counter()

    session.tile_done.connect(on_tile)
    out: dict[str, list[float]] = {"first": [], "seconds": []}
    middle = (canvas.width() // 2, canvas.height() // 2)
    for i in range(strokes):
        widget.classes.select(1 + i % 2)
        x, y = (int(m + rng.integers(-200, 120)) for m in middle)
        points = [(x + 6 * k, y + 3 * (k % 3)) for k in range(15)]
        first_tile["at"] = 0.0
        ticks.on, ticks.last = True, 0.0
        drag(canvas, points)
        begin = time.perf_counter()
        wait_until(lambda: bool(first_tile["at"]))
        out["first"].append(first_tile["at"] - begin)
        wait_until(lambda: not session.busy and not widget.overlays.pending)
        wait_until(lambda: drawn.at > drawn.changed)
        out["seconds"].append(drawn.at - begin)
        ticks.on = False
        QTest.qWait(int(rng.integers(50, 400)))  # the work goes on; the hand moves
    viewer.close()
    out["gaps"] = ticks.gaps
    return out


def row_of(size: int, found: dict[str, list[float]]) -> dict[str, object]:
    """Return the figures of one image size."""
    warm, gaps = found["seconds"][1:], found["gaps"]
    return {
        "size": size,
        "cores": os.cpu_count(),
        "napari": napari.__version__,
        "python": platform.python_version(),
        "strokes": len(found["seconds"]),
        "cold_s": round(found["seconds"][0], 3),
        "tile_p50_s": round(float(np.percentile(found["first"][1:], 50)), 3),
        "warm_p50_s": round(float(np.percentile(warm, 50)), 3),
        "warm_p95_s": round(float(np.percentile(warm, 95)), 3),
        "gap_p99_ms": round(float(np.percentile(gaps, 99)), 1),
        "gap_max_ms": round(max(gaps), 1),
        "ticks": len(gaps),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs="+", default=[1024])
    parser.add_argument("--strokes", type=int, default=30)
    parser.add_argument("--csv", type=Path, help="append the figures to this file")
    args = parser.parse_args()
    for size in args.size:
        row = row_of(size, measure(size, args.strokes))
        for name, value in row.items():
            print(f"{name:12s} {value}")
        if args.csv:
            new = not args.csv.exists()
            with args.csv.open("a", newline="") as file:
                writer = csv.DictWriter(file, row.keys())
                if new:
                    writer.writeheader()
                writer.writerow(row)


if __name__ == "__main__":
    main()

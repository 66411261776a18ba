"""How long from the end of a stroke to the new overlay, in a real viewer.

Opens napari on a 1024 x 1024 colour image, docks the panel, switches Live on and
paints strokes with a simulated mouse. Prints seconds from the release of the mouse
until the last tile has been drawn, and the gaps between ticks of the event loop
while training and predicting. Needs a display with OpenGL (Xvfb will do).

    python benchmarks/latency.py [--size 1024] [--strokes 12] [--csv FILE]
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
from skimage import data, transform

from napari_ood_seg.plugin.widget import OODSegWidget


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


def picture(size: int) -> np.ndarray:
    """Return a `(size, size, 3)` uint8 stained tissue section, enlarged."""
    section = data.immunohistochemistry()
    wide = transform.resize(section, (1024, 1024), order=1, preserve_range=True)
    tiles = -(-size // 1024)
    return np.tile(wide.astype(np.uint8), (tiles, tiles, 1))[:size, :size]


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


def measure(size: int, strokes: int, seed: int = 0) -> tuple[list[float], list[float]]:
    """Return seconds per stroke, and event-loop gaps in ms while busy."""
    rng = np.random.default_rng(seed)
    viewer = napari.Viewer(show=True)
    viewer.window.resize(1366, 768)
    viewer.add_image(picture(size), name="section")
    widget = OODSegWidget(viewer)
    viewer.window.add_dock_widget(widget, name="OOD Seg")
    wait_until(lambda: widget.images.tracker is not None)
    QTest.qWait(3000)  # the heavy imports of the worker are not part of a stroke
    canvas = viewer.window._qt_viewer.canvas.native  # noqa: SLF001 - the real mouse
    ticks = Ticks()
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.setInterval(5)
    timer.timeout.connect(ticks.tick)
    timer.start()
    widget.session.add_class("second")
    widget.session.set_live(live=True)
    seconds = []
    drawn = {"done": False}

    def on_end(busy: bool) -> None:
        drawn["done"] = not busy

    widget.session.busy_changed.connect(on_end)
    for i in range(strokes):
        widget.classes.select(1 + i % 2)
        x, y = rng.integers(100, (canvas.width() - 200, canvas.height() - 200))
        points = [(int(x) + 6 * k, int(y) + 3 * (k % 3)) for k in range(15)]
        drawn["done"] = False
        ticks.on, ticks.last = True, 0.0
        drag(canvas, points)
        begin = time.perf_counter()
        wait_until(lambda: drawn["done"] and not widget.overlays.pending)
        seconds.append(time.perf_counter() - begin)
        ticks.on = False
    viewer.close()
    return seconds, ticks.gaps


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--strokes", type=int, default=12)
    parser.add_argument("--csv", type=Path, help="append the figures to this file")
    args = parser.parse_args()
    seconds, gaps = measure(args.size, args.strokes)
    warm = seconds[1:]
    row = {
        "size": args.size,
        "cores": os.cpu_count(),
        "napari": napari.__version__,
        "python": platform.python_version(),
        "cold_s": round(seconds[0], 3),
        "warm_p50_s": round(float(np.percentile(warm, 50)), 3),
        "warm_p95_s": round(float(np.percentile(warm, 95)), 3),
        "gap_p99_ms": round(float(np.percentile(gaps, 99)), 1),
        "gap_max_ms": round(max(gaps), 1),
        "ticks": len(gaps),
    }
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

"""A whole slide on the screen: seconds until it is covered, roughly, by a result.

Opens napari with a generated slide, paints three strokes of each of three tissues close
up with a simulated mouse, Live on, then shows all of the slide. Measures, from that
moment, the seconds until the first blocks are drawn, until all of the slide is
covered, and until the smallest blocks cover it, and the gaps of the event loop
meanwhile. Then one more stroke is painted close up, the slide is shown again, and
the same is measured: what is known of the spots is used again. A fourth tissue is
never painted. Prints which share of the blocks is right as well, those that tissues
meet in left out. Needs a display with OpenGL (Xvfb will do).

    python -m benchmarks.overview [--size 16384 100000] [--csv FILE]
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

import napari
import numpy as np
from qtpy.QtTest import QTest

import benchmarks.apart  # noqa: F401 - before napari
from benchmarks import tables
from benchmarks.latency import WINDOW, Drawn, Ticks, drag, wait_until
from benchmarks.slides import Level
from napari_ood_seg.core.types import UNKNOWN
from napari_ood_seg.plugin.camera import camera_of, canvas_of
from napari_ood_seg.plugin.widget import OODSegWidget

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

    from napari_ood_seg.session.jobs import TileDone

N_TISSUES = 4
"""The last one is never painted."""

WIDE = 4_000
"""Edge in pixels of a patch of one tissue."""


def textures() -> npt.NDArray[np.uint8]:
    """Return `(4, 512, 512, 3)` textures: waves of four colours and widths."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:512, :512] * (2 * np.pi / 512)
    waves = [
        np.sin(40 * x),
        np.sin(16 * (x + y)),
        np.cos(25 * y),
        np.sin(9 * x - 9 * y),
    ]
    tint = np.array([[1, 0.5, 0.7], [0.6, 0.5, 1], [1, 0.9, 0.5], [0.3, 0.8, 0.5]])
    grey = np.stack(waves) * 40 + rng.normal(140, 15, (4, 512, 512))
    coloured = grey[..., None] * tint[:, None, None]
    return coloured.clip(0, 255).astype(np.uint8)


def tissue(rows: Ints, columns: Ints) -> Ints:
    """Return which tissue, from 0, lies at rows and columns, in square patches."""
    return (rows[:, None] // WIDE + 2 * (columns // WIDE)) % N_TISSUES


def look_at(viewer: napari.Viewer, row: float, column: float, *, across: float) -> None:
    """Show `across` pixels of the slide around a place."""
    canvas, camera = canvas_of(viewer), camera_of(viewer)
    camera.zoom = min(canvas.width(), canvas.height()) / across
    camera.center = (0.0, row, column)
    QTest.qWait(300)


def paint(viewer: napari.Viewer, widget: OODSegWidget, which: int, turn: int) -> None:
    """Paint a stroke into the middle of a patch of a tissue."""
    row, column = (which + 0.5) * WIDE + 250 * turn, WIDE / 2
    look_at(viewer, row, column, across=700)
    widget.classes.select(1 + which)
    canvas = canvas_of(viewer)
    x, y = canvas.width() // 2, canvas.height() // 2
    drag(canvas, [(x - 60 + 8 * i, y + 3 * (i % 3)) for i in range(15)])
    wait_until(lambda: not widget.session.busy and not widget.overlays.pending)


def measure(size: int) -> list[dict[str, object]]:
    """Return the figures of a slide, cold and after one more stroke."""
    viewer = napari.Viewer(show=True)
    viewer.window.resize(*WINDOW)
    steps = [2**i for i in range(20) if i == 0 or size / 2**i > 500]
    levels = [Level(size, step, textures(), tissue) for step in steps]
    viewer.add_image(levels, rgb=True, name="slide")
    widget = OODSegWidget(viewer)
    viewer.window.add_dock_widget(widget, name="OOD Seg")
    wait_until(lambda: widget.images.tracker is not None)
    QTest.qWait(3000)
    session, out = widget.session, []
    for name in ("second", "third"):
        session.add_class(name)
    session.set_live(live=True)
    drawn = Drawn(viewer, widget.frames)
    for i in range(9):
        paint(viewer, widget, i % 3, i // 3)
    drawn.watch(widget.overlays.heatmap)
    for case in ("cold", "one stroke more"):
        if case != "cold":
            paint(viewer, widget, 0, 3)
        out.append({"size": size, "case": case, **zoomed_out(viewer, widget, drawn)})
        print(out[-1], flush=True)
    widget.session.stop()
    viewer.window.remove_dock_widget("all")
    viewer.close()
    return out


def zoomed_out(
    viewer: napari.Viewer, widget: OODSegWidget, drawn: Drawn
) -> dict[str, object]:
    """Show the whole slide and return what was measured until it is covered."""
    session, (h, w) = widget.session, widget.session.result.shape
    marks: dict[int, list[float]] = {}
    fine: list[float] = []

    def on_tile(event: TileDone) -> None:
        now = time.perf_counter()
        if event.rough:
            marks.setdefault(event.stride, []).append(now)
        elif event.seen and marks:
            fine.append(now)

    gaps: list[float] = []
    ticks = Ticks(gaps)
    session.tile_done.connect(on_tile)
    began = time.perf_counter()
    ticks.start()
    look_at(viewer, h / 2, w / 2, across=max(h, w))
    wait_until(lambda: bool(marks))
    wait_until(lambda: drawn.at > min(marks.values())[0])
    first = drawn.at - began
    wait_until(lambda: bool(fine), 300)
    ticks.stop()
    session.tile_done.disconnect(on_tile)
    result, edge = session.result, min(marks)
    labels = result.labels(session.keep, step=edge)
    rows, columns = np.arange(0, h, edge), np.arange(0, w, edge)
    truth = tissue(rows, columns)
    far = tissue(np.minimum(rows + edge, h) - 1, np.minimum(columns + edge, w) - 1)
    alike = (truth == far) & (truth == tissue(rows, np.minimum(columns + edge, w) - 1))
    wanted = np.where(truth == N_TISSUES - 1, UNKNOWN, truth + 1)
    return {
        "first_s": round(first, 2),
        "covered_s": round(max(marks[max(marks)]) - began, 2),
        "finest_s": round(max(marks[edge]) - began, 2),
        "finest_edge": edge,
        "gap_p99_ms": round(float(np.percentile(gaps, 99)), 1),
        "right": round(float((labels == wanted)[alike].mean()), 3),
        "result_mb": round(result.n_bytes / 2**20, 1),
        "cores": os.cpu_count(),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs="+", default=[16_384, 100_000])
    parser.add_argument("--csv", type=Path, help="write the figures to this file")
    args = parser.parse_args()
    rows = [row for size in args.size for row in measure(size)]
    if args.csv:
        tables.write(args.csv, rows)


if __name__ == "__main__":
    main()

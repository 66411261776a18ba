"""How smoothly a series of spectral frames is reviewed, in a real viewer.

Opens a series of frames with 100 bands, paints two classes on the first frame, trains
once, and plays the series to its end with napari's own play button: right after the
training ("cold", frames are predicted ahead of the cursor meanwhile, at every second
pixel as long as it plays), some seconds after another training, and once more when all
are predicted ("warm"). Tells how many
frames were shown each second, and of how many the result was there when the cursor
came, at every second pixel and at every one. Then the model is applied anew, and
single steps to frames that are not predicted are timed until all of them is drawn.
Or the same of the simulated operation that `demo hyperspectral` shows, with its own
scribbles. Needs a display with OpenGL (Xvfb will do).

    python -m benchmarks.review [--operation | --quick] [--frames 60] [--fps 5]
                                [--head-start 10] [--csv FILE]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask.array as da
import napari
import numpy as np
from napari.layers import Layer
from qtpy.QtTest import QTest

import benchmarks.apart  # noqa: F401 - before napari
from benchmarks import tables
from benchmarks.latency import WINDOW, Drawn, wait_until
from napari_ood_seg.plugin.layers import FACTS
from napari_ood_seg.plugin.sample_data import layers_of
from napari_ood_seg.plugin.widget import OODSegWidget
from napari_ood_seg.surgical import operation

if TYPE_CHECKING:
    from napari.viewer import Viewer

    Row = dict[str, Any]

STEP = (1, 2)
"""Rows and columns that the scene moves by from frame to frame."""

AXIS = 1
"""Of the viewer: bands, time, rows, columns."""

FULL, QUICK = (480, 640, 100), (120, 160, 40)


def scene(height: int, width: int, bands: int) -> np.ndarray:
    """Return `(bands, h, w)`: two tissues in stripes, and islands of a third thing."""
    rng = np.random.default_rng(0)
    rise = np.linspace(0.2, 1.0, bands, dtype=np.float32)
    strange = (0.3 + 0.5 * (np.arange(bands) // 8 % 2)).astype(np.float32)
    y, x = np.mgrid[:height, :width]
    kind = (x // (width // 5) % 2).astype(np.intp)
    kind[((y - height / 2) ** 2 + (x - 0.8 * width) ** 2) < (height / 6) ** 2] = 2
    spectra = np.stack([rise, rise[::-1], strange])
    cube = spectra[kind]
    cube += 0.03 * rng.standard_normal(cube.shape, dtype=np.float32)
    return np.ascontiguousarray(cube.transpose(2, 0, 1))


def series(n: int, shape: tuple[int, int, int]) -> da.Array:
    """Return `(bands, t, h, w)`, views of one scene that moves: nothing is copied."""
    height, width, bands = shape
    whole = scene(height + n * STEP[0], width + n * STEP[1], bands)
    frames = []
    for t in range(n):
        top, left = t * STEP[0], t * STEP[1]
        view = whole[:, top : top + height, left : left + width]
        frames.append(da.from_array(view, chunks=-1, name=False))
    return da.stack(frames, axis=AXIS)


def opened(n: int, shape: tuple[int, int, int]) -> tuple[Viewer, OODSegWidget]:
    """Return a viewer with a series, two painted classes, and all docks open."""
    viewer = napari.Viewer()
    viewer.window.resize(*WINDOW)
    facts = {FACTS: {"axes": "CTYX", "wavelengths": None, "bands": None}}
    viewer.add_image(
        series(n, shape), name="series", contrast_limits=(0, 1), metadata=facts
    )
    widget = OODSegWidget(viewer)
    viewer.window.add_dock_widget(widget, name="OOD Seg", area="right")
    wait_until(lambda: widget.images.image is not None)
    session = widget.session
    session.add_class()
    viewer.dims.set_current_step(AXIS, 0)
    stripe, rows = shape[1] // 5, range(10, shape[0] - 10, shape[0] // 4)
    scribbles = session.scribbles
    for class_id, left in ((1, 4), (2, stripe + 4)):
        for row in rows:
            pixels = [(row + d, left + k) for k in range(stripe - 10) for d in range(4)]
            scribbles = scribbles.add(class_id, pixels, plane=(0,))
    session.set_scribbles(scribbles)
    widget.images.tracker.show()
    viewer.reset_view()
    widget.reviews.set_open(True)
    return viewer, widget


def opened_operation(n: int) -> tuple[Viewer, OODSegWidget]:
    """Return a viewer as `demo hyperspectral` opens it, but not training yet."""
    viewer = napari.Viewer()
    viewer.window.resize(*WINDOW)
    for data in layers_of(operation(n)):
        viewer.add_layer(Layer.create(*data))
    widget = OODSegWidget(viewer)
    viewer.window.add_dock_widget(widget, name="OOD Seg", area="right")
    widget.images.choose_first()
    wait_until(lambda: widget.images.image is not None)
    widget.reviews.set_open(True)
    widget.reviews.go(0)
    viewer.reset_view()
    return viewer, widget


class Play:
    """Plays a series once, and notes what is there when the cursor comes."""

    def __init__(self, viewer: Viewer, widget: OODSegWidget) -> None:
        self._viewer = viewer
        self._widget = widget
        self.times: list[float] = []
        self.there: list[bool] = []
        self.fine: list[bool] = []
        self.ahead: list[int] = []

    def run(self, fps: float, n: int) -> Row:
        """Return figures of one pass over `n` frames."""
        viewer = self._viewer
        viewer.dims.set_current_step(AXIS, 0)
        drawn = Drawn(viewer, self._widget.frames)
        shown: list[float] = []
        scene_canvas = viewer.window._qt_viewer.canvas._scene_canvas  # noqa: SLF001
        scene_canvas.events.draw.connect(lambda _: shown.append(time.perf_counter()))
        viewer.dims.events.current_step.connect(self._on_step)
        dims = viewer.window._qt_viewer.dims  # noqa: SLF001 - the play button
        began = time.perf_counter()
        dims.play(AXIS, fps=fps, loop_mode="once")
        wait_until(lambda: viewer.dims.current_step[AXIS] == n - 1, seconds=1800)
        wait_until(lambda: drawn.current or drawn.at > self.times[-1], seconds=60)
        spent = time.perf_counter() - began
        dims.stop()
        viewer.dims.events.current_step.disconnect(self._on_step)
        marks = np.searchsorted(shown, self.times)
        distinct = len(np.unique(marks))
        return {
            "frames": len(self.times),
            "steps a second": round(len(self.times) / spent, 2),
            "drawn a second": round(distinct / spent, 2),
            "predicted when the cursor came": round(float(np.mean(self.there)), 3),
            "at every pixel": round(float(np.mean(self.fine)), 3),
            "frames ahead (median)": int(np.median(self.ahead)),
        }

    def _on_step(self) -> None:
        session, at = self._widget.session, self._viewer.dims.current_step[AXIS]
        self.times.append(time.perf_counter())
        self.there.append(_is_there(self._widget, at))
        self.fine.append(_is_fine(self._widget, at))
        n = session.source.plane_shape[0]
        run = 0
        while at + run + 1 < n and _is_there(self._widget, at + run + 1):
            run += 1
        self.ahead.append(run)


def _is_there(widget: OODSegWidget, frame: int) -> bool:
    """Whether a frame was predicted, all of it, at every second pixel or better."""
    result = widget.session.result_at((frame,))
    if result is None:
        return False
    return result.coverage.missing(result.whole, 2) is None


def _is_fine(widget: OODSegWidget, frame: int) -> bool:
    """Whether a frame was predicted as finely as the screen shows it."""
    result = widget.session.result_at((frame,))
    return result is not None and not result.lacks(widget.session.view)


def steps(viewer: Viewer, widget: OODSegWidget, n: int) -> list[float]:
    """Return seconds from a step to a frame that is not predicted until it is drawn."""
    session = widget.session
    drawn = Drawn(viewer, widget.frames)
    drawn.watch(widget.overlays.classes)
    found = []
    for frame in range(n // 6, n, n // 6):
        session._runner.cancel()  # noqa: SLF001 - what is predicted ahead is in the way
        wait_until(lambda: not session.busy and not session.ahead, seconds=600)
        session._age_results()  # noqa: SLF001 - as if there were another model
        for own in session._workshop._stores().values():  # noqa: SLF001
            for store in own:
                store.clear()  # as if the frame had never been looked at
        began = time.perf_counter()
        viewer.dims.set_current_step(AXIS, frame)
        wait_until(lambda at=frame: _is_fine(widget, at), seconds=600)
        wait_until(lambda: not widget.overlays.pending and drawn.current, seconds=600)
        found.append(time.perf_counter() - began)
    return found


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    scenes = parser.add_mutually_exclusive_group()
    scenes.add_argument("--quick", action="store_true", help="small frames")
    scenes.add_argument("--operation", action="store_true", help="those of the demo")
    parser.add_argument("--frames", type=int, default=60)
    parser.add_argument("--fps", type=float, default=5.0)
    parser.add_argument("--head-start", type=float, default=10.0, help="seconds")
    parser.add_argument("--csv", type=Path)
    args = parser.parse_args()
    shape = QUICK if args.quick else FULL
    if args.operation:
        viewer, widget = opened_operation(args.frames)
    else:
        viewer, widget = opened(args.frames, shape)
    session, rows = widget.session, []
    session.train()
    wait_until(lambda: not session.busy and session.model is not None, seconds=1800)
    image = session.source
    size = f"{image.height}x{image.width}x{image.n_channels}"
    rows.append(
        {"pass": "cold", "size": size} | Play(viewer, widget).run(args.fps, args.frames)
    )
    session.train()
    wait_until(lambda: not session.busy, seconds=1800)
    QTest.qWait(round(1000 * args.head_start))  # somebody looks at the first frame
    rows.append(
        {"pass": f"after {args.head_start:g} s", "size": size}
        | Play(viewer, widget).run(args.fps, args.frames)
    )
    began = time.perf_counter()
    widget.reviews.review.predict()
    wait_until(lambda: not session.busy, seconds=3600)
    print(f"predicting the rest took {time.perf_counter() - began:.1f} s", flush=True)
    rows.append(
        {"pass": "warm", "size": size} | Play(viewer, widget).run(args.fps, args.frames)
    )
    for row in rows:
        print(", ".join(f"{k} {v}" for k, v in row.items()), flush=True)
    taken = steps(viewer, widget, args.frames)
    print(f"next frame: median {np.median(taken):.2f} s, worst {max(taken):.2f} s")
    if args.csv:
        tables.write(args.csv, rows)
    viewer.window.remove_dock_widget(widget)
    viewer.close()


if __name__ == "__main__":
    main()

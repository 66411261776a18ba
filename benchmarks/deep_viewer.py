"""How much training a network and the window disturb each other.

A network is trained on a 2048 x 2048 image beside a viewer, and in a process of its own
without a window; the same settings, strokes and seed. Prints the gaps between turns of
the event loop, and the steps' times of both in one run. Needs a display with OpenGL.

    python -m benchmarks.deep_viewer [--steps 60]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import numpy as np

import benchmarks.apart  # noqa: F401 - before napari
from benchmarks.latency import (
    Ticks,
    look_at_middle,
    open_viewer,
    picture,
    wait_until,
)
from benchmarks.scene import strokes
from napari_ood_seg.core.config import DeepConfig
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.types import ClassInfo, Learning

if TYPE_CHECKING:
    from collections.abc import Sequence

SIZE = 2048
FIRST = 5
"""Steps that are not counted: caches fill, threads start."""


def config_of(steps: int) -> DeepConfig:
    """Return settings that train for so many steps, and are checked at the end."""
    return DeepConfig(steps=steps, seconds=1e6, patience=1_000_000, check_every=steps)


def scribbles() -> Scribbles:
    """Return four strokes of each of three classes."""
    out = Scribbles((SIZE, SIZE))
    for class_id, pixels in strokes(SIZE, 12):
        out = out.add(class_id, pixels)
    return out


def step_times(arrivals: Sequence[float]) -> list[float]:
    """Return milliseconds between steps, without the first ones."""
    found: list[float] = (1000 * np.diff(arrivals[FIRST:])).tolist()
    return found


def outside(steps: int) -> list[float]:
    """Return the times of the steps without a window."""
    from napari_ood_seg.core.device import pick_device
    from napari_ood_seg.core.training.instant import Scribbled
    from napari_ood_seg.core.training.refinement import Refinement

    source = ImageSource.from_array(picture(SIZE), axes="YXC", rgb=True)
    refinement = Refinement(config_of(steps), device=pick_device())
    arrivals = [
        time.perf_counter()
        for event in refinement.run([Scribbled(source, scribbles())])
        if isinstance(event, Learning)
    ]
    return step_times(arrivals)


def inside(steps: int) -> tuple[list[float], list[float]]:
    """Return the times of the steps in a viewer, and the gaps of its event loop."""
    viewer = open_viewer(SIZE)
    _, widget = viewer.window.add_plugin_dock_widget("napari-ood-seg")
    session = widget.session
    wait_until(lambda: widget.images.image is not None)
    look_at_middle(viewer, SIZE)
    while len(session.classes) < 3:
        session.add_class()
    assert isinstance(session.classes[0], ClassInfo)
    session.set_scribbles(scribbles())
    widget.images.tracker.show()
    session.set_deep(config_of(steps))
    arrivals: list[float] = []
    gaps: list[float] = []
    beat = Ticks(gaps)

    def on_step(event: object) -> None:
        if isinstance(event, Learning):
            arrivals.append(time.perf_counter())
            if len(arrivals) == FIRST:
                beat.start()
            elif len(arrivals) == steps:
                beat.stop()

    session.refined.connect(on_step)
    widget.sections.set_expanded("Network", expanded=True)
    widget.deeps.start()
    wait_until(lambda: len(arrivals) == steps, seconds=3600)
    wait_until(lambda: not session.ahead, seconds=600)
    viewer.close()
    return step_times(arrivals), gaps


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=60)
    parser.add_argument("--outside", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.outside:
        print(json.dumps(outside(args.steps)))
        return
    command = [sys.executable, "-m", "benchmarks.deep_viewer", "--outside"]
    alone: list[float] = []
    beside: list[float] = []
    gaps: list[float] = []
    for _ in range(2):  # in turn, so that a busy moment does not hit one of them alone
        done = subprocess.run(
            [*command, "--steps", str(args.steps)],
            capture_output=True,
            text=True,
            check=True,
        )
        alone += json.loads(done.stdout.splitlines()[-1])
        own, found = inside(args.steps)
        beside += own
        gaps += found
    p50, p99 = np.percentile(gaps, (50, 99))
    print(
        f"event loop gap      p50 {p50:.0f} ms, p99 {p99:.0f} ms, max {max(gaps):.0f}"
    )
    print(f"step without window {np.median(alone):.0f} ms (median of {len(alone)})")
    print(f"step in the viewer  {np.median(beside):.0f} ms (median of {len(beside)})")
    print(f"ratio               {np.median(beside) / np.median(alone):.2f}")


if __name__ == "__main__":
    main()

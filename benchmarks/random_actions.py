"""Does anything at random for a long time, and looks whether anything is left behind.

A seeded user paints, undoes, edits classes, deletes layers, starts and stops jobs and
closes the panel in a real viewer. Prints how often, what went wrong, what is left, and
the resident memory of the process as it went: each time with all images closed, after
garbage was collected and the allocators gave back what they could. With glibc also what
of that is in use; the rest is free, but shares pages with what is not. Exit code 1 if
anything failed. Needs a display with OpenGL (Xvfb will do).

    python -m benchmarks.random_actions [--actions 1000] [--seed 0]
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys
import tempfile
import threading
import time
from pathlib import Path

import napari
from qtpy.QtWidgets import QApplication

import benchmarks.apart
import benchmarks.mesa  # noqa: F401 - before a viewer is made
from napari_ood_seg.core.device import trim
from tests.plugin.driver import delete_what_was_closed
from tests.plugin.hand import Hand
from tests.plugin.invariants import OURS
from tests.plugin.random_actions import RandomUser

MARKS = (100, 300, 600, *range(1000, 10_000, 500))
ALLOWED = 1.05
"""Memory after any mark, relative to the first."""


def resident() -> float:
    """Return the resident memory in MB, without what allocators merely keep."""
    delete_what_was_closed()
    trim()
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


class _Heap(ctypes.Structure):
    """What glibc's `mallinfo2` returns."""

    _fields_ = tuple(
        (name, ctypes.c_size_t)
        for name in (
            *("arena", "ordblks", "smblks", "hblks", "hblkhd"),
            *("usmblks", "fsmblks", "uordblks", "fordblks", "keepcost"),
        )
    )


def in_use() -> float:
    """Return how many MB of the C library's heap are in use; NaN without glibc."""
    try:
        ask = ctypes.CDLL("libc.so.6").mallinfo2
    except (OSError, AttributeError):
        return float("nan")
    ask.restype = _Heap
    heap = ask()
    return float(heap.uordblks + heap.hblkhd) / 1e6


def threads() -> list[str]:
    """Return the names of our threads, once those that end have ended."""
    ours = [t for t in threading.enumerate() if t.name.startswith("job_")]
    for thread in ours:
        thread.join(10)
    return [t.name for t in ours if t.is_alive()]


def widgets() -> list[str]:
    """Return our widgets, and how many widgets there are in all."""
    found = QApplication.allWidgets()
    return [type(w).__name__ for w in found if type(w).__module__.startswith(OURS)]


def measure(user: RandomUser, actions: int) -> dict[int, float]:
    """Take the actions; return the memory after each mark."""
    marks = sorted({*(m for m in MARKS if m < actions), actions})
    memory, first = {}, 0
    for mark in marks:
        user.run(first, mark)
        user.do_delete_all()  # how many images are open by chance is not the question
        user.settle()
        memory[mark], first = resident(), mark
        n = len(QApplication.allWidgets())
        print(
            f"after {mark:5d} actions  {memory[mark]:7.1f} MB, of the heap "
            f"{in_use():6.1f} in use  {n} widgets  {len(user.viewer.layers)} layers",
            flush=True,
        )
    return memory


def show(user: RandomUser) -> None:
    """Print the actions by kind, and the troubles."""
    report = user.report
    for name in sorted({*report.done, *report.skipped}):
        print(f"{name:18s} {report.done[name]:4d}  no sense {report.skipped[name]:4d}")
    print(f"{'all':18s} {report.done.total():4d}  checked {report.checks} times")
    for trouble in report.troubles:
        print("!", trouble)


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--actions", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        viewer = napari.Viewer(show=True)
        viewer.window.resize(1366, 768)
        user = RandomUser(viewer, Hand(), Path(folder), seed=args.seed)
        begin = time.perf_counter()
        memory = measure(user, args.actions)
        seconds = time.perf_counter() - begin
        user.close()
        left = {"threads left": threads(), "widgets left": widgets()}
        show(user)
        for name, what in left.items():
            print(f"{name:18s} {len(what)} {' '.join(what)}")
        ratio = max(memory.values()) / next(iter(memory.values()))
        print(f"{'troubles':18s} {len(user.report.troubles)}")
        print(f"{'memory ratio':18s} {ratio:.3f}")
        print(f"{'seconds':18s} {seconds:.0f}", flush=True)
        viewer.close()
    failed = user.report.troubles or any(left.values()) or ratio > ALLOWED
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

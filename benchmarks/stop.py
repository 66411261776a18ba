"""How long a job of the session goes on after it was asked to stop, without a window.

Each kind of job is started in a session with a real worker thread on a simulated
spectral frame, and asked to stop after a random part of the time that it takes when it
is left alone. Seconds from then until the worker has ended, by kind: median and worst.

    python -m benchmarks.stop [--times 30] [--bands 100] [--seed 0] [--kinds ...]
        [--csv FILE]
"""

from __future__ import annotations

import argparse
import csv
import queue
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.spectral import frames, strokes
from napari_ood_seg.core.config import DeepConfig
from napari_ood_seg.core.data.preview import PICTURES
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.tissue import INDICES
from napari_ood_seg.core.types import Learning
from napari_ood_seg.session.session import Session
from napari_ood_seg.session.work import EXPOSURE

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari_ood_seg.core.data.source import ImageSource

LONGEST = 8.0
"""Seconds that a job is left alone at most, to see how long it takes."""

LOOKS = (*PICTURES, *INDICES, EXPOSURE)


class Worker(ThreadPoolExecutor):
    """One thread, as a panel has, that says whether it works."""

    def __init__(self) -> None:
        super().__init__(1, thread_name_prefix="job")
        self.idle = threading.Event()
        self.idle.set()
        self._left = 0
        self._lock = threading.Lock()

    def submit(self, fn, /, *args, **kwargs):  # noqa: ANN001, ANN002, ANN003, ANN201
        """Run a call, and note when nothing is left to do."""
        with self._lock:
            self._left += 1
            self.idle.clear()
        future = super().submit(fn, *args, **kwargs)
        future.add_done_callback(self._on_done)
        return future

    def _on_done(self, _: object) -> None:
        with self._lock:
            self._left -= 1
            if not self._left:
                self.idle.set()


class Bench:
    """A session on a frame with strokes, and the thread that owns it."""

    def __init__(self, source: ImageSource, scribbles: Scribbles) -> None:
        self.posted: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.worker = Worker()
        self.session = Session(executor=self.worker, post=self.posted.put)
        self.session.set_device("cpu")
        self.session.set_image(source)
        self.session.set_scribbles(scribbles)
        self.session.set_deep(replace(DeepConfig(), seconds=1e6, steps=100_000))
        self.ended: list[str] = []
        self.errors: list[str] = []
        self.steps = 0
        self.session.message.connect(self._on_message)
        self.session.refined.connect(self._on_refined)

    def _on_message(self, text: str, kind: str) -> None:
        if kind == "error":
            self.errors.append(text)

    def _on_refined(self, event: object) -> None:
        self.steps += isinstance(event, Learning)

    def tend(self, seconds: float, until: Callable[[], bool] = lambda: False) -> None:
        """Do what a window would, for some time or until something holds."""
        end = time.perf_counter() + seconds
        while (left := end - time.perf_counter()) > 0 and not until():
            try:
                self.posted.get(timeout=min(left, 0.002))()
            except queue.Empty:
                continue

    def at_rest(self) -> bool:
        """Whether the worker has nothing to do."""
        return self.worker.idle.is_set() and self.posted.empty()

    def stop(self) -> float:
        """Ask to stop, and return the seconds until the worker has ended."""
        begin = time.perf_counter()
        self.session.stop()
        ended = self.worker.idle.wait(300)
        seconds = time.perf_counter() - begin
        if not ended:
            raise RuntimeError("the worker has not ended")
        self.tend(LONGEST, self.at_rest)
        return seconds


def kinds(bench: Bench, folder: Path) -> dict[str, Callable[[], None]]:
    """Return what starts each kind of job."""
    session = bench.session
    turns = iter(range(10**9))

    def cold() -> None:
        session.release_memory()
        bench.tend(LONGEST, bench.at_rest)
        session.train()

    def export() -> None:
        session.export(folder / f"{next(turns)}.zarr")

    def picture() -> None:
        session.draw(LOOKS[next(turns) % len(LOOKS)])

    return {
        "train, cold": cold,
        "train, again": session.train,
        "predict": session.predict,
        "network": session.refine_anew,
        "network, from its first check on": session.refine,
        "audit": session.audit,
        "export": export,
        "guide": session.guide,
        "picture": picture,
    }


def alone(bench: Bench, start: Callable[[], None]) -> float:
    """Return the seconds that a job takes, at most `LONGEST`."""
    begin = time.perf_counter()
    start()
    bench.tend(LONGEST, bench.at_rest)
    seconds = time.perf_counter() - begin
    bench.stop()
    return seconds


def measured(
    bench: Bench, start: Callable[[], None], times: int, rng: np.random.Generator
) -> tuple[float, list[float]]:
    """Return how long a job takes, and the seconds that stopping took."""
    whole = alone(bench, start)
    found = []
    for part in rng.random(times):
        start()
        bench.tend(part * whole, bench.at_rest)
        found.append(bench.stop())
    return whole, found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=int, default=30)
    parser.add_argument("--bands", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="*", default=None)
    parser.add_argument("--csv", type=Path)
    options = parser.parse_args()
    (source, _), truth = frames(options.bands)
    scribbles = Scribbles((source.height, source.width))
    for class_id, pixels in strokes(truth, 8):
        scribbles = scribbles.add(class_id, pixels)
    bench = Bench(source, scribbles)
    rng = np.random.default_rng(options.seed)
    rows: list[tuple[str, float, float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        alone(bench, bench.session.train)
        for name, start in kinds(bench, Path(folder)).items():
            if options.kinds and name not in options.kinds:
                continue
            whole, found = measured(bench, start, options.times, rng)
            row = (name, whole, float(np.median(found)), max(found))
            rows.append(row)
            print(f"{name:34} alone {whole:6.2f} s  median {row[2]:.3f}", end="  ")
            print(f"worst {row[3]:.3f}  {bench.errors[-1:] or ''}", flush=True)
    bench.session.close()
    if options.csv:
        with options.csv.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(("job", "alone", "median", "worst"))
            writer.writerows((n, *(round(v, 4) for v in r)) for n, *r in rows)


if __name__ == "__main__":
    main()

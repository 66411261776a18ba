"""What a stroke costs without a window: fitting, and predicting what is in view.

1024 x 1024 pixels are in view, at every second pixel, as on a laptop's screen. Prints
medians over strokes, in milliseconds, by size of the image and device; `cold` is the
first stroke, with all features of the view. No display is needed.

    python benchmarks/stroke_cost.py [--size 1024 4096 16384] [--device cpu cuda]
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import torch

from napari_ood_seg.core.config import InstantConfig
from napari_ood_seg.core.data.coverage import Coverage
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.inference.live import predict_live
from napari_ood_seg.core.inference.view import Extent, View
from napari_ood_seg.core.training.instant import InstantTrainer, Scribbled

if TYPE_CHECKING:
    from collections.abc import Generator

Result = TypeVar("Result")
IN_VIEW, STROKES, CLASSES = 1024, 30, 3


def drive(steps: Generator[object, None, Result]) -> Result:
    """Run a generator to its end, and return what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def picture(size: int) -> np.ndarray:
    """Return a `(size, size, 3)` uint8 image of three textures, repeated."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:512, :512]
    waves = np.stack([np.sin(x / 3), np.sin((x + y) / 7), np.cos(y / 15)], axis=2)
    block = waves * 60 + rng.normal(128, 20, (512, 512, 3))
    block[:, 256:] = block[:, 256:, ::-1] * 0.7
    repeats = -(-size // 512)
    whole = np.tile(block.clip(0, 255).astype(np.uint8), (repeats, repeats, 1))
    return whole[:size, :size]


def measure(size: int, device: torch.device) -> tuple[float, float, float, float]:
    """Return cold, and the medians of fit, view and both, in ms."""
    source = ImageSource.from_array(picture(size))
    trainer = InstantTrainer(InstantConfig(), device=device)
    rng = np.random.default_rng(1)
    scribbles = Scribbles((size, size))
    first = (size - IN_VIEW) // 2
    view = View(region=(slice(first, first + IN_VIEW),) * 2, stride=2)
    fits, views = [], []
    for i in range(STROKES):
        row, column = first + rng.integers(40, IN_VIEW - 140, 2)
        stroke = [(row + d, column + k) for k in range(90) for d in range(7)]
        scribbles = scribbles.add(1 + i % CLASSES, np.array(stroke))
        begin = time.perf_counter()
        model = drive(trainer.fit([Scribbled(source, scribbles)], ()))
        fitted = time.perf_counter()
        store = trainer.store(source)
        assert store is not None
        coverage = Coverage.none((size, size), store.cell)
        for _ in predict_live(
            model, store, coverage, look=lambda: view, extent=Extent.VIEW
        ):
            pass
        fits.append(1000 * (fitted - begin))
        views.append(1000 * (time.perf_counter() - fitted))
    both = np.array(fits) + np.array(views)
    warm = slice(CLASSES, None)
    medians = (float(np.median(v[warm])) for v in (np.array(fits), np.array(views)))
    fit, seen = medians
    return float(both[0]), fit, seen, float(np.median(both[warm]))


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, nargs="+", default=[1024, 4096])
    parser.add_argument("--device", nargs="+", default=["cpu"])
    args = parser.parse_args()
    print("device,size,cold_ms,fit_ms,view_ms,stroke_ms")
    for name in args.device:
        device = torch.device(name)
        label = name
        if device.type == "cuda":
            label = torch.cuda.get_device_name(device)
        for size in args.size:
            figures = ",".join(f"{v:.0f}" for v in measure(size, device))
            print(f"{label},{size},{figures}", flush=True)


if __name__ == "__main__":
    main()

"""What a stroke and a step to the next frame cost on spectral frames, without a window.

Frames of 480 x 640 pixels of a simulated operation, two organs of which are painted on.
Prints seconds by number of bands: from the first strokes to the result of the whole
frame, from each further stroke (median and worst), and to the result of the next frame,
all of them with every pixel predicted. Frames are in memory. No display is needed.

    python -m benchmarks.spectral [--bands 30 100 300] [--csv FILE]
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from scipy import ndimage as ndi

from benchmarks import tables
from benchmarks.stroke_cost import drive
from napari_ood_seg.core.config import InstantConfig
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.device import one_thread
from napari_ood_seg.core.inference.predict import open_features, predict
from napari_ood_seg.core.training.instant import InstantTrainer, Scribbled
from napari_ood_seg.surgical import NAMES, Surgery

if TYPE_CHECKING:
    import numpy.typing as npt

SIZE = (480, 640)
ORGANS = ("liver", "bowel")
FIRST, FURTHER = 4, 8
"""Strokes of both organs together, before and after the first result."""


def frames(bands: int) -> tuple[list[ImageSource], npt.NDArray[np.uint8]]:
    """Return two frames, and the truth of the first."""
    nm = tuple(np.linspace(500.0, 1000.0, bands).tolist())
    video = Surgery(size=SIZE, wavelengths=nm, seed=0).video(2)
    whole = np.asarray(video.image.levels[0])
    truth: npt.NDArray[np.uint8] = np.asarray(video.truth[0])
    sources = [
        ImageSource.from_array(f, axes="YXC", rgb=False, wavelengths=nm) for f in whole
    ]
    return sources, truth


def strokes(truth: npt.NDArray[np.uint8], n: int) -> list[tuple[int, np.ndarray]]:
    """Return `n` strokes of 5 x 31 pixels on the organs in turn."""
    rng = np.random.default_rng(0)
    out = []
    for i in range(n):
        inside = truth == NAMES.index(ORGANS[i % len(ORGANS)])
        room = ndi.binary_erosion(inside, np.ones((5, 31)))
        row, column = rng.choice(np.argwhere(room))
        box = np.mgrid[row - 2 : row + 3, column - 15 : column + 16]
        out.append((1 + i % len(ORGANS), box.reshape(2, -1).T))
    return out


def measure(bands: int) -> dict[str, float]:
    """Return what is printed of frames with so many bands."""
    (first, following), truth = frames(bands)
    device = torch.device("cpu")
    trainer = InstantTrainer(InstantConfig(), device=device)
    scribbles, seconds = Scribbles(SIZE), []
    for i, (class_id, pixels) in enumerate(strokes(truth, FIRST + FURTHER), start=1):
        scribbles = scribbles.add(class_id, pixels)
        if i < FIRST:
            continue
        begin = time.perf_counter()
        with one_thread():
            model = drive(trainer.fit([Scribbled(first, scribbles)], ()))
        store = trainer.store(first)
        assert store is not None
        predict(model, store)
        seconds.append(time.perf_counter() - begin)
    begin = time.perf_counter()
    predict(model, open_features(model, following, device=device))
    return {
        "bands": bands,
        "first_s": seconds[0],
        "stroke_s": float(np.median(seconds[1:])),
        "worst_stroke_s": max(seconds[1:]),
        "next_frame_s": time.perf_counter() - begin,
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bands", type=int, nargs="+", default=[30, 100, 300])
    parser.add_argument("--csv", type=Path)
    args = parser.parse_args()
    measure(8)  # what is loaded and warmed up once
    rows = [measure(bands) for bands in args.bands]
    for row in rows:
        print("  ".join(f"{k} {v:.2f}" for k, v in row.items()))
    if args.csv:
        tables.write(args.csv, rows)


if __name__ == "__main__":
    main()

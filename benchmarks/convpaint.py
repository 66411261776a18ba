"""How long training and predicting after a stroke take, ours and napari-convpaint's.

Both get the image and the strokes of `stroke_cost.py` (`scene.py`): 1024 x 1024 colour
pixels, three classes. After all strokes but one, the last is added, and training and
predicting are timed, one after the other; medians of three, after one round that is
not counted. No window, the CPU, two threads.

Each runs in an environment of its own, as their versions of torch differ:

    python -m benchmarks.convpaint --engine ours [--csv FILE]
    python -m benchmarks.convpaint --engine convpaint [--csv FILE]
    python -m benchmarks.convpaint --ratios FILE

Convpaint's VGG16 gets random weights here, so that nothing has to be downloaded: what
it finds is worthless, but it computes as much.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import io
import os
import platform
import sys
import time
from contextlib import redirect_stdout
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np
import torch

from benchmarks.scene import Stroke, labels, picture, strokes

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SIZE, THREADS, REPEATS = 1024, 2, 3
COUNTS = (8, 16, 24)
"""After how many strokes."""
BASES = ("ours, view", "ours, every pixel", "ours, nothing kept")
"""What the others are compared with."""


class Engine(Protocol):
    """Something that learns from strokes on the image."""

    def train(self, painted: Sequence[Stroke]) -> None:
        """Learn from all strokes; those of earlier calls come first, unchanged."""

    def predict(self) -> None:
        """Predict the image."""


class Contender(NamedTuple):
    """An engine, and whether it may keep what it learned before the last stroke."""

    name: str
    versions: str
    make: Callable[[], Engine]
    keeps: bool = True


class Ours:
    """The instant engine as the session runs it; see `stroke_cost.py`."""

    def __init__(self, *, whole: bool) -> None:
        module = importlib.import_module("benchmarks.stroke_cost")
        self._painting = module.Painting(SIZE, torch.device("cpu"))
        self._predict = (
            self._painting.predict_whole if whole else self._painting.predict_view
        )
        self._n = 0

    def train(self, painted: Sequence[Stroke]) -> None:
        """Add what is new and fit."""
        for stroke in painted[self._n :]:
            self._painting.add(stroke)
        self._n = len(painted)
        self._painting.fit()

    def predict(self) -> None:
        """Predict the view, or the whole image."""
        self._predict()


class Convpaint:
    """Convpaint's model with the settings of its panel for a colour image.

    Parameters
    ----------
    alias
        Name of one of its own models.
    keep
        Whether it keeps the features of painted pixels, as its panel does.
    """

    def __init__(self, alias: str, *, keep: bool) -> None:
        models = importlib.import_module("napari_convpaint.convpaint_model")
        self._model: Any = models.ConvpaintModel(alias)
        self._model.set_params(channel_mode="rgb", ignore_warnings=True)
        self._image = np.ascontiguousarray(np.moveaxis(picture(SIZE), 2, 0))
        self._keep = keep

    def train(self, painted: Sequence[Stroke]) -> None:
        """Train the classifier; CatBoost prints every step."""
        with redirect_stdout(io.StringIO()):
            self._model.train(
                self._image,
                labels(painted, SIZE),
                memory_mode=self._keep,
                img_ids="image" if self._keep else None,
                fe_use_device="cpu",
                clf_use_device="cpu",
            )

    def predict(self) -> None:
        """Segment the image."""
        self._model.segment(self._image, fe_use_device="cpu")


def without_download() -> None:
    """Let convpaint make its VGG16 with random weights."""
    module = importlib.import_module("napari_convpaint.feature_extractors.nnlayers")
    vgg16 = importlib.import_module("torchvision.models").vgg16
    module.Hookmodel.create_model = staticmethod(lambda _: vgg16().eval())


def contenders(engine: str) -> list[Contender]:
    """Return what is measured in this environment."""
    if engine == "ours":
        own = f"napari-ood-seg {version('napari-ood-seg')}"
        return [
            Contender("ours, view", own, lambda: Ours(whole=False)),
            Contender("ours, every pixel", own, lambda: Ours(whole=True)),
            Contender("ours, nothing kept", own, lambda: Ours(whole=True), keeps=False),
        ]
    without_download()
    names = ("napari-convpaint", "catboost", "torchvision")
    own = ", ".join(f"{name} {version(name)}" for name in names)
    return [
        Contender("convpaint, VGG16", own, lambda: Convpaint("vgg", keep=True)),
        Contender(
            "convpaint, VGG16, nothing kept",
            own,
            lambda: Convpaint("vgg", keep=False),
            keeps=False,
        ),
        Contender("convpaint, Gaussian", own, lambda: Convpaint("gaussian", keep=True)),
    ]


def timed(contender: Contender, painted: Sequence[Stroke]) -> tuple[float, float]:
    """Return the seconds of training and of predicting after the last stroke."""
    engine = contender.make()
    if contender.keeps:
        engine.train(painted[:-1])
        engine.predict()
    begin = time.perf_counter()
    engine.train(painted)
    trained = time.perf_counter()
    engine.predict()
    return trained - begin, time.perf_counter() - trained


def row_of(contender: Contender, n: int, machine: str) -> dict[str, object]:
    """Return the figures after `n` strokes."""
    painted = strokes(SIZE, n)
    figures = np.array([timed(contender, painted) for _ in range(REPEATS)])
    train, predict = np.median(figures, axis=0)
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "machine": machine,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "versions": contender.versions,
        "engine": contender.name,
        "strokes": n,
        "train_s": round(float(train), 3),
        "predict_s": round(float(predict), 3),
        "seconds": round(float(np.median(figures.sum(1))), 3),
    }


def append(row: dict[str, object], file: Path) -> None:
    """Add a row to a file."""
    new = not file.exists()
    with file.open("a", newline="") as stream:
        writer = csv.DictWriter(stream, row.keys())
        if new:
            writer.writeheader()
        writer.writerow(row)


def print_ratios(file: Path) -> None:
    """Print how many times as long the others take, by the last rows of a file."""
    with file.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    seconds = {(r["engine"], int(r["strokes"])): float(r["seconds"]) for r in rows}
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(["engine", "strokes", "seconds", *(f"times {b}" for b in BASES)])
    for (engine, n), own in seconds.items():
        times = [round(own / seconds[base, n], 1) for base in BASES]
        out.writerow([engine, n, own, *times])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--engine", choices=["ours", "convpaint"])
    what.add_argument(
        "--ratios", type=Path, metavar="FILE", help="of what was measured"
    )
    parser.add_argument("--csv", type=Path, help="append the figures to this file")
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    parser.add_argument("--machine", default=machine, help="in words")
    args = parser.parse_args()
    if args.ratios:
        print_ratios(args.ratios)
        return
    torch.set_num_threads(THREADS)
    for contender in contenders(args.engine):
        timed(contender, strokes(SIZE, COUNTS[0]))
        for n in COUNTS:
            row = row_of(contender, n, args.machine)
            print(*(row[k] for k in ("engine", "strokes", "train_s", "predict_s")))
            print("    in all", row["seconds"], flush=True)
            if args.csv:
                append(row, args.csv)


if __name__ == "__main__":
    main()

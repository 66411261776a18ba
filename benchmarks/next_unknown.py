"""How often the first three suggestions find a class that nobody has painted.

On every hold-out task of scribblebench: train on scribbles of all classes but one,
ask for unknown regions, and see whether one of the first three jump points lies in
the class that was left out. By chance: three random points of the image, and three
random points of low typicality (expected values, no sampling).

    python benchmarks/next_unknown.py --data FOLDER [--seeds 6] [--csv FILE]

``--encoder FILE`` takes features of a pretrained network beside the filters.
With ``--part SEED`` the statistics of the features come from a random three quarters of
each image, which should make no difference.

``scribblebench.py`` is looked for beside the folder of the data (or in ``--bench``).
"""

from __future__ import annotations

import argparse
import csv
import importlib
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from unittest.mock import patch

import numpy as np

from benchmarks.stroke_cost import drive
from napari_ood_seg.core.config import InstantConfig, TileConfig
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.data.tiling import iter_tiles
from napari_ood_seg.core.device import pick_device
from napari_ood_seg.core.features import reading
from napari_ood_seg.core.guidance.groups import in_turn
from napari_ood_seg.core.guidance.regions import suggest
from napari_ood_seg.core.inference.predict import predict
from napari_ood_seg.core.training.instant import InstantTrainer, Scribbled

if TYPE_CHECKING:
    from collections.abc import Iterator

FIRST = 3
"""Suggestions that count."""

SQUARE = 64


class Row(NamedTuple):
    """One task."""

    dataset: str
    task: str
    seed: int
    share: float
    hit: float
    new: float
    chance: float
    chance_low: float


def holdouts(bench: Any, data: Path, only: list[str]) -> Iterator[Any]:  # noqa: ANN401 - a module
    """Yield the hold-out tasks of all data sets."""
    for folder in sorted(p.parent for p in data.glob("*/bench.json")):
        if not only or folder.name in only:
            for task in bench.tasks(folder.name, bench.load_scenes(folder)):
                if task.name.split("/")[-1].startswith("holdout"):
                    yield task


def some_of(shape: tuple[int, int], seed: int) -> list[tuple[slice, ...]]:
    """Return three quarters of the squares of `SQUARE` pixels of an image."""
    cells = list(iter_tiles(shape, TileConfig(size=SQUARE, halo=0)))
    rng = np.random.default_rng(seed)
    kept = sorted(rng.permutation(len(cells))[len(cells) // 4 :])
    return [cells[i].inner for i in kept]


def one(task: Any, marks: np.ndarray, seed: int, config: InstantConfig) -> Row:  # noqa: ANN401 - scribblebench's
    """Train, ask, and compare with the labels."""
    source = ImageSource.from_array(task.test.image, axes="YXC")
    trainer = InstantTrainer(config, device=pick_device())
    scribbles = Scribbles.from_labels(marks)
    model = drive(trainer.fit([Scribbled(source, scribbles)], []))
    store = trainer.store(source)
    assert store is not None
    groups = drive(suggest(model, store, scribbles=scribbles))
    points = [r.point for r in in_turn(groups)[:FIRST]]
    wanted = np.isin(task.test.labels, task.unknown)
    painted = np.isin(task.test.labels, task.known)
    low = predict(model, store).typicality < 0.05
    in_low = wanted[low].mean() if low.any() else wanted.mean()
    return Row(
        dataset=task.dataset,
        task=task.name,
        seed=seed,
        share=float(wanted.mean()),
        hit=float(any(wanted[p] for p in points)),
        new=float(np.mean([not painted[p] for p in points])) if points else 0.0,
        chance=1 - (1 - float(wanted.mean())) ** FIRST,
        chance_low=1 - (1 - float(in_low)) ** FIRST,
    )


def table(rows: list[Row]) -> str:
    """Return the means per data set and over all tasks."""
    lines = [
        f"{'data set':16s} {'n':>3s} {'hit':>6s} {'random':>7s} {'low':>6s} {'new':>6s}"
    ]
    for name in [*sorted({r.dataset for r in rows}), "all"]:
        part = [r for r in rows if name in (r.dataset, "all")]
        hit, chance, low, new = (
            np.mean([getattr(r, key) for r in part])
            for key in ("hit", "chance", "chance_low", "new")
        )
        lines.append(
            f"{name:16s} {len(part):3d} {hit:6.2f} {chance:7.2f} {low:6.2f} {new:6.2f}"
        )
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", type=Path, help="folder of scribblebench.py")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=6)
    parser.add_argument("--strokes", type=int, default=4)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--part", type=int, metavar="SEED")
    parser.add_argument("--encoder", default="", help="file of pretrained weights")
    parser.add_argument("--csv", type=Path)
    args = parser.parse_args()
    sys.path.insert(0, str(args.bench or args.data.parent))
    bench = importlib.import_module("scribblebench")
    if args.part is not None:
        patch.object(reading, "is_sampled_whole", lambda _: False).start()
        crops = partial(some_of, seed=args.part)
        patch.object(reading, "spread_crops", crops).start()
    rows, config = [], InstantConfig(encoder=args.encoder)
    for task in holdouts(bench, args.data, args.only):
        for seed in range(args.seeds):
            marks = bench.draw(task.test, task.known, args.strokes, seed)
            if all((marks == i).sum() >= 10 for i in range(1, len(task.known) + 1)):
                rows.append(one(task, marks, seed, config))
                print(*rows[-1], file=sys.stderr, flush=True)
    print(table(rows))
    print(
        f"hit: one of the first {FIRST} jump points lies in the class left out; "
        "random, low: the same for random points of the image and of typicality "
        "below 0.05; new: share of those jump points outside all painted classes"
    )
    if args.csv:
        with args.csv.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(Row._fields)
            writer.writerows(rows)


if __name__ == "__main__":
    main()

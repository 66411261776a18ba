"""How much a network should count for the classes, by what it does on dense labels.

On tasks of scribblebench the deep engine is trained as it would be, and the finished
model is then applied with the network counting from nothing to all, which its own
choice (`roles.chosen_share`, by held-out strokes) does not change. Prints the mIoU of
the known classes for each share, and what the held-out strokes said. One core, some
65 s a task.

    python -m benchmarks.network_shares --bench DIR --data DIR [--every 2] \
        [--deep '{"network": "backbone", "pretrained": FILE}'] [--encoder FILE] \
        [--csv FILE]
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks import tables
from benchmarks.stroke_cost import drive
from napari_ood_seg.core.config import DeepConfig, InstantConfig
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.inference.predict import open_features, predict
from napari_ood_seg.core.training.deep import DeepTrainer
from napari_ood_seg.core.training.instant import Scribbled
from napari_ood_seg.core.training.roles import SHARES, roles

STROKES, SEED = 4, 0


def shares_of(bench: Any, task: Any, config: DeepConfig) -> dict[str, object]:  # noqa: ANN401 - a module by path
    """Return the mIoU of the known classes for each share of the network."""
    scenes = {scene.name: scene for scene in (*task.train, task.test)}
    sources = {
        name: ImageSource.from_array(scene.image, axes="YXC")
        for name, scene in scenes.items()
    }
    drawn = {
        s.name: bench.draw(s, task.known, strokes=STROKES, seed=SEED)
        for s in task.train
    }
    images = [Scribbled(sources[n], Scribbles.from_labels(d)) for n, d in drawn.items()]
    device = torch.device("cpu")
    trainer = DeepTrainer(config, device=device)
    prepared = drive(trainer._fit_network(images, None))  # noqa: SLF001 - its network
    heads = trainer.heads(prepared)
    model = drive(heads.fit(images, []))
    n, own = len(model.descriptor.factors), len(heads.network.factors)
    truth = np.zeros(task.test.labels.shape, int)
    for index, label in enumerate(task.known, start=1):
        truth[task.test.labels == label] = index
    use = truth > 0
    if task.test.name in drawn:
        use &= drawn[task.test.name] == 0
    store = open_features(model, sources[task.test.name], device=device)
    row: dict[str, object] = {"dataset": task.dataset, "task": task.name}
    for share in SHARES:
        ensemble = model.ensemble.with_roles(roles(n, own, share, 0.0))
        found = predict(replace(model, ensemble=ensemble), store).classes
        ids = range(1, len(task.known) + 1)
        row[f"miou_{share}"] = round(bench.mean_iou(found[use], truth[use], ids), 3)
        row[f"held_{share}"] = round(heads._beside.accuracy[share].share, 3)  # noqa: SLF001 - what it chose by
    return row


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bench", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--every", type=int, default=2, help="take every so many tasks")
    parser.add_argument("--deep", default="{}", help="settings as JSON")
    parser.add_argument("--encoder", default="", help="weights beside the network")
    parser.add_argument("--csv", type=Path, help="write the figures to this file")
    args = parser.parse_args()
    sys.path.insert(0, str(args.bench))
    import scribblebench  # where it lies is an argument

    config = DeepConfig(
        **json.loads(args.deep), heads=InstantConfig(encoder=args.encoder)
    )
    rows = []
    for folder in sorted(p for p in args.data.iterdir() if p.is_dir()):
        scenes = scribblebench.load_scenes(folder)
        for task in list(scribblebench.tasks(folder.name, scenes))[:: args.every]:
            rows.append(shares_of(scribblebench, task, config))
            print(rows[-1], flush=True)
    if args.csv:
        tables.write(args.csv, rows)


if __name__ == "__main__":
    main()

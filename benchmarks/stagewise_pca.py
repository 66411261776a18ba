"""What it saves to reduce an encoder's stages at their own stride.

A reduction is linear and bilinear weights sum to 1, so it does not matter which comes
first. Ways from the stages of one picture:

own        reduce each stage at its own stride, then enlarge the few features
one        enlarge all channels of a stage, reduce, go on to the next stage
all        enlarge all channels of all stages, then reduce
reduced    only reduce each stage at its own stride: the features that are kept
scores     what a model does: reduce and score each class at the stage's own stride,
           then enlarge the scores

The first three end with the same features at full size. Each way runs in a process of
its own for its memory: how far the process's peak (`ru_maxrss`) rises above what it was
with the stages loaded. All ways run in turn in one process for their times (medians),
without the encoder, whose time is told apart. Differences are in units of each
feature's spread. Stages and reductions are those of `load_encoder` and
`Descriptor.fit`. A VGG of random weights is measured in any case. No display is needed;
not for Windows.

    python -m benchmarks.stagewise_pca [--weights FILE ...] [--threads 1 2] [--csv FILE]
"""

from __future__ import annotations

import argparse
import csv
import multiprocessing
import os
import resource
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import torch
from skimage import data, transform

from napari_ood_seg.core.config import FilterConfig, InstantConfig
from napari_ood_seg.core.features import pyramid
from napari_ood_seg.core.features.descriptor import Descriptor, Reduction
from napari_ood_seg.core.features.encoder import load_encoder
from napari_ood_seg.core.features.filters import enlarge
from napari_ood_seg.core.ood.base import TrainingPixels
from napari_ood_seg.core.ood.distance import MahalanobisPlusPlus
from napari_ood_seg.core.ood.ensemble import Ensemble

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import Tensor

Result = TypeVar("Result")
CLASSES: Final = 3
TINY: Final = 64
CHUNK: Final = 32_768
RANDOM: Final = "random VGG"
VGG: Final = ((0, 3, 64), (2, 64, 64), (5, 64, 128), (7, 128, 128))
"""Number in torchvision's names, channels that come in, channels that go out."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Scene:
    """The stages of a picture, and what reduces and scores them.

    Attributes
    ----------
    stages
        `(c_i, h / f_i, w / f_i)`.
    factors
        `f_i`, strides of the stages in pixels.
    size
        `(h, w)` of the picture.
    forward_s
        What the encoder took, in seconds.
    """

    stages: tuple[Tensor, ...]
    factors: tuple[int, ...]
    reductions: tuple[Reduction, ...]
    ensemble: Ensemble
    size: tuple[int, int]
    forward_s: float

    @property
    def tiny(self) -> Scene:
        """The same of the picture's corner."""
        pairs = zip(self.stages, self.factors, strict=True)
        return Scene(
            stages=tuple(z[:, : TINY // f, : TINY // f].contiguous() for z, f in pairs),
            factors=self.factors,
            reductions=self.reductions,
            ensemble=self.ensemble,
            size=(TINY, TINY),
            forward_s=0.0,
        )


def own(scene: Scene) -> list[Tensor]:
    """Reduce at the stage's own stride, then enlarge."""
    parts = zip(scene.stages, scene.reductions, scene.factors, strict=True)
    return [enlarge(reduce(z), f, scene.size) for z, reduce, f in parts]


def one_by_one(scene: Scene) -> list[Tensor]:
    """Enlarge and reduce one stage after the other."""
    parts = zip(scene.stages, scene.reductions, scene.factors, strict=True)
    return [reduce(enlarge(z, f, scene.size)) for z, reduce, f in parts]


def all_first(scene: Scene) -> list[Tensor]:
    """Enlarge all stages, then reduce."""
    pairs = zip(scene.stages, scene.factors, strict=True)
    wide = [enlarge(z, f, scene.size) for z, f in pairs]
    return [reduce(z) for z, reduce in zip(wide, scene.reductions, strict=True)]


def reduced(scene: Scene) -> list[Tensor]:
    """Reduce at the stage's own stride, and leave it there."""
    pairs = zip(scene.stages, scene.reductions, strict=True)
    return [reduce(z) for z, reduce in pairs]


def scores(scene: Scene) -> list[Tensor]:
    """Reduce and score at the stage's own stride; the scores are enlarged."""
    maps = []
    for level, z in enumerate(reduced(scene)):
        chunks = z.flatten(1).split(CHUNK, dim=1)
        columns = [scene.ensemble.columns(level, part.T).T for part in chunks]
        maps.append(torch.cat(columns, dim=1).unflatten(1, z.shape[1:]))
    smoothing = InstantConfig().smoothing
    return [pyramid.merge(maps, scene.factors, scene.size, smoothing=smoothing)]


WAYS: Final[dict[str, Callable[[Scene], list[Tensor]]]] = {
    "own": own,
    "one": one_by_one,
    "all": all_first,
    "reduced": reduced,
    "scores": scores,
}
FULL: Final = ("one", "all")
"""Ways that enlarge first; they must give what `own` gives."""


def picture(size: int) -> Tensor:
    """Return a `(3, size, size)` float32 stained tissue section, repeated."""
    section = data.immunohistochemistry()
    wide = transform.resize(section, (1024, 1024), order=1, preserve_range=True)
    tiles = -(-size // 1024)
    whole = np.tile(wide.astype(np.float32), (tiles, tiles, 1))[:size, :size]
    return torch.from_numpy(whole).permute(2, 0, 1).contiguous()


def write_random_vgg(path: Path) -> None:
    """Write a state dict with He-normal weights and torchvision's names."""
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for number, n_in, n_out in VGG:
        noise = torch.randn(n_out, n_in, 3, 3, generator=generator)
        weights[f"features.{number}.weight"] = noise * (2 / (9 * n_in)) ** 0.5
        weights[f"features.{number}.bias"] = torch.zeros(n_out)
    torch.save(weights, path)


def scorer(features: list[Tensor]) -> Ensemble:
    """Return the scores of an instant model of three classes: thirds of the picture."""
    config = InstantConfig()
    levels = []
    for z in features:
        rows = z.flatten(1)[:, :: max(1, z[0].numel() // 4_000)].T.contiguous()
        labels = 1 + torch.arange(len(rows)) * CLASSES // len(rows)
        levels.append(TrainingPixels.from_labels(rows, labels))
    make = partial(
        MahalanobisPlusPlus, shrinkage=config.shrinkage, own_shape=config.own_shape
    )
    return Ensemble.fit({"distance": make}, levels)


def prepare(weights: Path, size: int, repeats: int, scene_file: Path) -> None:
    """Write the scene of a picture."""
    x, encoder = picture(size), load_encoder(weights)
    descriptor = Descriptor.fit(FilterConfig(), lambda: [x], encoder=encoder)
    assert descriptor.colors is not None
    seconds: list[float] = []
    stages: tuple[Tensor, ...] = ()
    with torch.inference_mode():
        colours = descriptor.colors(x)
        for _ in range(repeats):
            begin = time.perf_counter()
            stages = encoder(colours)
            seconds.append(time.perf_counter() - begin)
        reductions = descriptor.reductions[-len(stages) :]
        features = [r(z) for r, z in zip(reductions, stages, strict=True)]
    scene = Scene(
        stages=stages,
        factors=encoder.factors,
        reductions=reductions,
        ensemble=scorer(features),
        size=(size, size),
        forward_s=float(np.median(seconds)),
    )
    torch.save(scene, scene_file)


def load(scene_file: Path) -> Scene:
    """Return the scene of a file that `prepare` wrote."""
    scene = torch.load(scene_file, weights_only=False)
    assert isinstance(scene, Scene)
    return scene


def peak(scene_file: Path, way: str) -> float:
    """Return by how many MB a way raises the peak of the process's memory."""
    scene = load(scene_file)
    with torch.inference_mode():
        WAYS[way](scene.tiny)  # what libraries set up for themselves
        before = resident()
        kept = WAYS[way](scene)
        after = resident()
    del kept
    return after - before


def resident() -> float:
    """Return the most memory that the process had so far, in MB."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (1e6 if sys.platform == "darwin" else 1e6 / 1024)


def compare(scene_file: Path, repeats: int) -> tuple[dict[str, float], dict[str, str]]:
    """Return the seconds of each way, and the differences to `own`."""
    scene = load(scene_file)
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    differences: dict[str, str] = {}
    with torch.inference_mode():
        for run in WAYS.values():
            run(scene.tiny)
        ours = own(scene)
        for _ in range(repeats):
            for way, run in WAYS.items():
                begin = time.perf_counter()
                found = run(scene)
                seconds[way].append(time.perf_counter() - begin)
                if way in FULL:
                    differences[way] = f"{difference(ours, found):.1e}"
                del found
    return {way: float(np.median(s)) for way, s in seconds.items()}, differences


def difference(ours: list[Tensor], theirs: list[Tensor]) -> float:
    """Return the largest difference, in units of the spread of its feature."""
    worst = 0.0
    for a, b in zip(ours, theirs, strict=True):
        spread = b.flatten(1).std(1)
        worst = max(worst, float(((a - b).abs().amax((1, 2)) / spread).max()))
    return worst


def apart(function: Callable[..., Result], *args: object) -> Result:
    """Return what a function gives in a fresh process.

    Linux counts the memory of the process that started it, so that one stays small.
    """
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *args).result()


def measure(weights: Path, name: str, size: int, repeats: int) -> list[dict[str, str]]:
    """Return a row for each way."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "scene.pt"
        apart(prepare, weights, size, repeats, file)
        peaks = {way: apart(peak, file, way) for way in WAYS}
        seconds, differences = apart(compare, file, repeats)
        described, forward = apart(describe, file)
    return [
        {
            "encoder": name,
            "channels_at_stride": described,
            "size": str(size),
            "threads": os.environ["OMP_NUM_THREADS"],
            "cores": str(os.cpu_count()),
            "torch": torch.__version__,
            "way": way,
            "encoder_s": f"{forward:.3f}",
            "seconds": f"{seconds[way]:.3f}",
            "peak_mb": f"{peaks[way]:.0f}",
            "times_own_s": f"{seconds[way] / seconds['own']:.2f}",
            "times_own_s_with_encoder": (
                f"{(forward + seconds[way]) / (forward + seconds['own']):.2f}"
            ),
            "times_own_mb": f"{peaks[way] / peaks['own']:.2f}",
            "difference": differences.get(way, ""),
        }
        for way in WAYS
    ]


def describe(scene_file: Path) -> tuple[str, float]:
    """Return the channels at each stride, and the encoder's seconds."""
    scene = load(scene_file)
    pairs = zip(scene.stages, scene.factors, strict=True)
    return " ".join(f"{len(z)}@{f}" for z, f in pairs), scene.forward_s


def show(rows: list[dict[str, str]]) -> None:
    """Print a table of the ways."""
    first = rows[0]
    print(
        f"{first['encoder']} ({first['channels_at_stride']}), {first['size']} pixels, "
        f"{first['threads']} threads, encoder {first['encoder_s']} s"
    )
    names = list(first)[list(first).index("way") :]
    names.remove("encoder_s")
    widths = {n: max(len(n), 8) for n in names}
    print("  ".join(f"{n:>{widths[n]}s}" for n in names))
    for row in rows:
        print("  ".join(f"{row[n]:>{widths[n]}s}" for n in names), flush=True)


def append(rows: list[dict[str, str]], path: Path) -> None:
    """Append rows to a file."""
    new = not path.exists()
    with path.open("a", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        if new:
            writer.writeheader()
        writer.writerows(rows)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, nargs="*", default=[])
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, nargs="+", default=[os.cpu_count() or 1])
    parser.add_argument("--csv", type=Path, help="append the figures to this file")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        vgg = Path(folder) / "vgg.pth"
        write_random_vgg(vgg)
        files = {path.stem: path for path in args.weights} | {RANDOM: vgg}
        for threads in args.threads:
            os.environ["OMP_NUM_THREADS"] = str(threads)  # of the processes to come
            for name, path in files.items():
                rows = measure(path, name, args.size, args.repeats)
                show(rows)
                if args.csv:
                    append(rows, args.csv)


if __name__ == "__main__":
    main()

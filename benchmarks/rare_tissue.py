"""How often a tissue that nobody painted is told from the painted ones, though rare.

Generates slides of 16,384 pixels: three tissues, a fourth in 2 % of the patches, glass
in 70 %, each a texture of its own. Three strokes on each of the first three train the
instant engine, without a window. Prints, for each slide, which share of the pixels of
the fourth is unknown at the usual threshold, and what became of the painted ones. What
the statistics of the image have not seen of a tissue cannot tell it.

    python -m benchmarks.rare_tissue [--slides 60] [--csv FILE]
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
import torch

from benchmarks import tables
from benchmarks.slides import Level
from benchmarks.stroke_cost import drive
from napari_ood_seg.core.config import InstantConfig
from napari_ood_seg.core.data.scribbles import Scribbles
from napari_ood_seg.core.data.source import ImageSource
from napari_ood_seg.core.training.instant import InstantTrainer, Scribbled

if TYPE_CHECKING:
    import numpy.typing as npt

    Ints = npt.NDArray[np.int64]

SIDE: Final = 16_384
PATCH: Final = 1_000
"""Edge in pixels of a patch of one tissue."""

RARE: Final = 3
GLASS: Final = 4
SHARES: Final = (0.28 / 3, 0.28 / 3, 0.28 / 3, 0.02, 0.7)
"""Of the patches: three tissues, the rare one, glass."""

UNKNOWN_BELOW: Final = 0.05


class Slide:
    """Patches of textures: what the image shows, and where."""

    def __init__(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        y, x = np.mgrid[:512, :512] * (2 * np.pi / 512)
        textures = []
        for _ in range(GLASS):
            fx, fy = rng.integers(5, 45, 2) * rng.choice([-1, 1], 2)
            waves = np.sin(fx * x + fy * y) * rng.uniform(20, 45)
            grey = waves + rng.normal(140, 15, (512, 512))
            textures.append(grey[..., None] * rng.uniform(0.45, 1, 3))
        textures.append(240 + rng.normal(0, 3, (512, 512, 3)))
        stacked = np.stack(textures).clip(0, 255).astype(np.uint8)
        self.image = Level(SIDE, 1, stacked, self.tissue)
        n = SIDE // PATCH
        self._patches = rng.choice(len(SHARES), (n, n), p=SHARES)
        for k in range(GLASS):  # each is somewhere
            if not (self._patches == k).any():
                self._patches.flat[rng.integers(n * n)] = k

    def tissue(self, rows: Ints, columns: Ints) -> Ints:
        """Return which tissue lies at rows and columns."""
        last = len(self._patches) - 1
        down, across = (np.minimum(at // PATCH, last) for at in (rows, columns))
        return self._patches[down[:, None], across]

    def somewhere(self, which: int, rng: np.random.Generator) -> Ints:
        """Return row and column of a random patch of a tissue."""
        return PATCH * rng.choice(np.argwhere(self._patches == which))


def painted(slide: Slide, rng: np.random.Generator) -> Scribbles:
    """Return three strokes on each of the tissues that are not rare."""
    scribbles = Scribbles(shape=(SIDE, SIDE))
    stroke = np.argwhere(np.ones((5, 100), bool))
    for k in range(RARE):
        for _ in range(3):
            at = slide.somewhere(k, rng) + rng.integers(250, 750, 2)
            scribbles = scribbles.add(1 + k, at + stroke)
    return scribbles


def measure(seed: int) -> dict[str, object]:
    """Return the shares of a slide."""
    slide, rng = Slide(seed), np.random.default_rng(seed + 1)
    source = ImageSource.from_array((slide.image,), axes="YXC", rgb=True, name="slide")
    trainer = InstantTrainer(InstantConfig(), device=torch.device("cpu"))
    model = drive(trainer.fit([Scribbled(source, painted(slide, rng))], ()))
    store = trainer.stores[source]
    unknown: dict[int, list[float]] = {k: [] for k in range(len(SHARES))}
    right = []
    for k, shares in unknown.items():
        for _ in range(6):
            first = (slide.somewhere(k, rng) + PATCH // 2) // 64 * 64 - 64
            there = tuple(slice(at, at + 128) for at in first.tolist())
            found = model.predict_tile(store.part((), there))
            shares.append(float((found.typicality < UNKNOWN_BELOW).mean()))
            if k < RARE:
                right.append(float((found.classes == 1 + k).mean()))
    known = [share for k in range(RARE) for share in unknown[k]]
    return {
        "slide": seed,
        "rare_unknown": round(float(np.mean(unknown[RARE])), 3),
        "glass_unknown": round(float(np.mean(unknown[GLASS])), 3),
        "painted_known": round(1 - float(np.mean(known)), 3),
        "painted_right": round(float(np.mean(right)), 3),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--slides", type=int, default=60)
    parser.add_argument("--csv", type=Path, help="write the shares to this file")
    args = parser.parse_args()
    rows = []
    for seed in range(args.slides):
        rows.append(measure(seed))
        print(rows[-1], flush=True)
    told = sum(float(str(row["rare_unknown"])) > 0.5 for row in rows)
    print(f"the rare tissue is mostly unknown on {told} of {len(rows)} slides")
    if args.csv:
        tables.write(args.csv, rows)


if __name__ == "__main__":
    main()

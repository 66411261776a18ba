"""The experiment behind the default settings, leave-one-data-set-out.

    PYTHONPATH=.:BENCH python benchmarks/choose_default.py --data BENCH/data [MORE]

Scores variants of the settings on every scribblebench task, keeps one row per variant
and data set, and prints what would have been chosen without each data set in turn,
and how that choice does on it.
"""

from __future__ import annotations

import argparse
import csv
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import scribblebench as bench

from benchmarks.scribblebench_adapter import run
from napari_ood_seg.core.config import DETECTORS, InstantConfig

if TYPE_CHECKING:
    from collections.abc import Mapping

KEEP, SLACK = 0.95, 0.02
"""Share of known pixels asked to be kept; variants further off are not chosen."""
KEYS = ("auroc", "ap", "fpr95", "open_miou", "id_kept", "id_miou")


def variants(encoder: str) -> dict[str, InstantConfig]:
    """Return the settings to compare, by name; the default comes first."""
    base = InstantConfig()
    out = {"default": base}
    out["fixed weights"] = replace(base, by_classes=False)
    for ambiguity in (0.0, 0.4, 1.0):
        name = f"ambiguity {ambiguity:g}"
        out[name] = replace(base, ambiguity=ambiguity, by_classes=False)
    for distance in (0.15, 0.5):
        name = f"distance {distance:g}"
        out[name] = replace(base, distance=distance, by_classes=False)
    out["threshold by counting pixels"] = replace(base, calibration="pixels")
    out["threshold per class"] = replace(base, per_class=True)
    out["edge-aware"] = replace(base, edge_aware=True)
    for smoothing in (0.0, 2.0, 3.0):
        out[f"smoothing {smoothing:.0f}"] = replace(base, smoothing=smoothing)
    for own in (0.0, 1.0):
        out[f"own shape {own:.0f}"] = replace(base, own_shape=own)
    for shrinkage in (0.005, 0.1):
        out[f"shrinkage {shrinkage}"] = replace(base, shrinkage=shrinkage)
    for n in (8, 24):
        filters = replace(base.filters, n_features=n)
        out[f"{n} features per scale"] = replace(base, filters=filters)
    for detector in DETECTORS:
        alone = replace(base, detectors=(detector,), ambiguity=0.0, by_classes=False)
        out[f"{detector} alone"] = alone
    for detector in ("nearest neighbour", "nnpu"):
        both = (*base.detectors, detector)
        out[f"with {detector}"] = replace(base, detectors=both)
    if encoder:
        out["encoder"] = replace(base, encoder=encoder)
    return out


def score(
    config: InstantConfig,
    data: list[Path],
    *,
    strokes: int,
    seeds: int,
    limit: int | None,
) -> list[dict]:
    """Return the rows of scribblebench for one variant."""

    def method(train: Any, test: Any, spacing: Any) -> Any:  # noqa: ANN401, ARG001
        return run(train, test, config)

    rows = (bench.run(folder, method, strokes, seeds, limit) for folder in data)
    return [row for part in rows for row in part]


def means(rows: list[dict]) -> dict[str, dict[str, float]]:
    """Return the mean of each figure per data set."""
    out = {}
    for name in sorted({r["dataset"] for r in rows}):
        mine = [r for r in rows if r["dataset"] == name]
        out[name] = {k: float(np.mean([r[k] for r in mine])) for k in KEYS}
    return out


def overall(table: Mapping[str, Mapping[str, float]], key: str) -> float:
    """Return the mean over data sets."""
    return float(np.mean([row[key] for row in table.values()]))


def merit(table: Mapping[str, Mapping[str, float]], names: list[str]) -> float:
    """Return what variants are chosen by: mean of AUROC and open-set mIoU."""
    return float(
        np.mean([table[n]["auroc"] + table[n]["open_miou"] for n in names]) / 2
    )


def mean_kept(table: Mapping[str, Mapping[str, float]], names: list[str]) -> float:
    """Return the share of known pixels that is kept."""
    return float(np.mean([table[n]["id_kept"] for n in names]))


def report(tables: dict[str, dict[str, dict[str, float]]]) -> str:
    """Return a Markdown table of all variants, and the leave-one-out choice."""
    sets = list(next(iter(tables.values())))
    lines = [
        "| variant | " + " | ".join(KEYS) + " | " + " | ".join(sets) + " |",
        "|" + "---|" * (1 + len(KEYS) + len(sets)),
    ]
    for name, table in tables.items():
        cells = [f"{overall(table, k):.3f}" for k in KEYS]
        cells += [f"{table[s]['auroc']:.3f}/{table[s]['open_miou']:.3f}" for s in sets]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    lines.append("")
    for left in sets:
        others = [s for s in sets if s != left]
        kept = {
            n: np.mean([t[s]["id_kept"] for s in others]) for n, t in tables.items()
        }
        fair = [n for n in tables if abs(kept[n] - KEEP) <= SLACK]
        best = max(fair, key=lambda n: merit(tables[n], others))
        got, base = tables[best][left], tables["default"][left]
        lines.append(
            f"- without {left}: {best} ({got['auroc']:.3f}/{got['open_miou']:.3f} "
            f"on it; default {base['auroc']:.3f}/{base['open_miou']:.3f})"
        )
    return "\n".join(lines)


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, nargs="+", required=True)
    parser.add_argument("--limit", type=int, help="at most so many tasks a data set")
    parser.add_argument("--strokes", type=int, default=4)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--encoder", default="", help="weights of an encoder")
    parser.add_argument("--only", nargs="*", help="variants by name")
    parser.add_argument("--csv", type=Path)
    args = parser.parse_args()
    tables = {}
    for name, config in variants(args.encoder).items():
        if args.only and name not in args.only and name != "default":
            continue
        rows = score(
            config,
            args.data,
            strokes=args.strokes,
            seeds=args.seeds,
            limit=args.limit,
        )
        tables[name] = means(rows)
        print(
            name, {k: round(overall(tables[name], k), 3) for k in KEYS}, file=sys.stderr
        )
        if args.csv:
            new = not args.csv.exists()
            with args.csv.open("a", newline="") as file:
                writer = csv.writer(file)
                if new:
                    writer.writerow(["variant", "dataset", *KEYS])
                for dataset, row in tables[name].items():
                    writer.writerow([name, dataset, *(f"{row[k]:.4f}" for k in KEYS)])
    print(report(tables))


if __name__ == "__main__":
    main()

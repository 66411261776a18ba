"""Tables of spectra and of areas as CSV files."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING

from napari_ood_seg.core.io.files import write_bytes
from napari_ood_seg.core.types import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from napari_ood_seg.core.data.areas import Areas
    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.core.data.spectra import Floats, Spectrum
    from napari_ood_seg.core.types import ClassInfo


def save_spectra(
    path: str | Path,
    axis: tuple[Floats, str],
    spectra: Sequence[tuple[str, Spectrum]],
) -> None:
    """Write one row per band: where it is, then mean and spread of each spectrum.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    bands, label = axis
    head = [label]
    for name, _ in spectra:
        head += [f"{name} mean", f"{name} standard deviation"]
    rows = [
        [f"{x:g}", *(f"{v:.7g}" for _, s in spectra for v in (s.mean[i], s.spread[i]))]
        for i, x in enumerate(bands.tolist())
    ]
    save_table(path, [head, *rows])


def save_areas(
    path: str | Path,
    frames: Sequence[tuple[int, Areas]],
    classes: Sequence[ClassInfo],
    source: ImageSource,
) -> None:
    """Write one row per frame and class: pixels, share, and area where it is known.

    Parameters
    ----------
    frames
        Numbers, counted from 0, and what is in each.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    names = [(c.id, c.name) for c in classes] + [(UNKNOWN, "unknown")]
    head = ["frame", "class", "pixels", "share"]
    pixel = source.pixel_size[0] * source.pixel_size[1]
    known = source.unit != "pixel"
    if known:
        head.append(f"area ({source.unit}^2)")
    rows = [
        [
            str(frame),
            name,
            str(areas.pixels.get(class_id, 0)),
            f"{areas.share(class_id):.6f}",
            *([f"{areas.pixels.get(class_id, 0) * pixel:.7g}"] if known else []),
        ]
        for frame, areas in frames
        for class_id, name in names
    ]
    save_table(path, [head, *rows])


def save_table(path: str | Path, rows: Iterable[Sequence[str]]) -> None:
    """Write rows of text.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows(rows)
    write_bytes(Path(path), out.getvalue().encode())

"""``napari-ood-seg evaluate``."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from napari_ood_seg.cli.options import (
    Axes,
    Dark,
    Device,
    Images,
    Reading,
    Variable,
    White,
)
from napari_ood_seg.core.errors import ImageError, OutputError, ScribbleError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import torch
    from rich.table import Table

    from napari_ood_seg.core.api import TrainingSet
    from napari_ood_seg.core.evaluation.report import Audit, TruthReport
    from napari_ood_seg.core.types import Progress

    Show = Callable[[Progress], None]


def evaluate(  # noqa: PLR0913 - one for each option of the command
    images: Images,
    scribbles: Annotated[
        list[Path],
        typer.Option(
            "--scribbles",
            "-s",
            metavar="MASK",
            show_default=False,
            help="Scribbles on the image, as for train. Once for each image, in their "
            "order.",
        ),
    ],
    *,
    truth: Annotated[
        list[Path],
        typer.Option(
            "--truth",
            "-t",
            metavar="TRUTH",
            show_default=False,
            help="Image of class numbers, 0 where nobody knows, other numbers for what "
            "is no class. Once for each image; painted pixels are not counted.",
        ),
    ] = [],  # noqa: B006 - typer copies it
    keep: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, help="Share of the scribbles taken to be typical."
        ),
    ] = 0.95,
    json: Annotated[
        Path | None,
        typer.Option("--json", metavar="FILE", help="Save everything as JSON."),
    ] = None,
    csv: Annotated[
        Path | None,
        typer.Option("--csv", metavar="FILE", help="Save a row per held-out class."),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE.svg", help="Save the ROC curves."),
    ] = None,
    classes: Annotated[
        str,
        typer.Option(
            metavar="NAMES",
            show_default=False,
            help='Names of classes 1, 2 and so on: "stroma,nuclei".',
        ),
    ] = "",
    axes: Axes = None,
    variable: Variable = None,
    white: White = None,
    dark: Dark = None,
    device: Device = "auto",
) -> None:
    """Hold each class out in turn and see whether it is called unknown."""
    _require_counts(len(images), scribbles=len(scribbles), truth=len(truth))
    for path in (json, csv, plot):
        _require_writable(path, needed=".svg" if path is plot else "")

    from rich.console import Console

    from napari_ood_seg.cli.progress import progress_bar
    from napari_ood_seg.core.api import training_set
    from napari_ood_seg.core.device import pick_device

    names = [name.strip() for name in classes.split(",")] if classes else []
    reading = Reading(axes, variable, white, dark)
    sources = [reading.opened(path) for path in images]
    prepared = training_set(sources, scribbles, names)
    chosen = pick_device(device)
    with progress_bar() as show:
        audit = _audit(prepared, keep, chosen, show)
        report = _against(prepared, truth, keep, chosen, show) if truth else None
    console = Console()
    console.print(_table(audit))
    console.print(_explained(audit), highlight=False)
    if report is not None:
        console.print(_truth_table(report))
        console.print(_summary_table(report))
    for path in _save(audit, report, json=json, csv=csv, plot=plot):
        console.print(f"saved {path}", highlight=False, soft_wrap=True)


def _require_counts(n_images: int, *, scribbles: int, truth: int) -> None:
    for option, n in (("--scribbles", scribbles), ("--truth", truth)):
        if n != n_images and (n or option == "--scribbles"):
            raise ScribbleError(
                f"got {n_images} image{'s' * (n_images != 1)} but {n} {option}: write "
                f"{option} FILE once for each image, in the same order"
            )


def _require_writable(path: Path | None, *, needed: str) -> None:
    """Fail before the work is done, not after."""
    from napari_ood_seg.core.io.files import temporary_folder

    if path is None:
        return
    if needed and path.suffix.lower() != needed:
        raise OutputError(f"cannot plot into {path.name!r}: end it in {needed}")
    if path.is_dir():
        raise OutputError(f"{str(path)!r} is a folder: choose another name")
    with temporary_folder(path):
        pass


def _audit(
    prepared: "TrainingSet", keep: float, device: "torch.device", show: "Show"
) -> "Audit":
    from napari_ood_seg.core.api import finish
    from napari_ood_seg.core.config import InstantConfig
    from napari_ood_seg.core.evaluation.protocol import leave_class_out

    steps = leave_class_out(
        prepared.images,
        prepared.classes,
        config=InstantConfig(),
        device=device,
        keep=keep,
    )
    return finish(steps, show)


def _against(
    prepared: "TrainingSet",
    paths: "Sequence[Path]",
    keep: float,
    device: "torch.device",
    show: "Show",
) -> "TruthReport":
    """Train on everything, predict every image, and compare with the truth."""
    from napari_ood_seg.core.api import finish
    from napari_ood_seg.core.config import InstantConfig
    from napari_ood_seg.core.data.scribbles import require_same_shape
    from napari_ood_seg.core.evaluation.truth import against_truth, unpainted
    from napari_ood_seg.core.inference.predict import open_features, predict
    from napari_ood_seg.core.io.images import read_labels
    from napari_ood_seg.core.training.instant import train

    truths = []
    for path, (source, scribbles) in zip(paths, prepared.images, strict=True):
        truth = read_labels(path)
        try:
            require_same_shape(scribbles, truth.shape)
        except ScribbleError as error:
            raise ImageError(
                f"the truth {path.name!r} has shape {truth.shape} but its image "
                f"{scribbles.shape}: use the truth of this image"
            ) from error
        first = (0,) * len(source.plane_shape)  # the plane that is predicted
        for plane in {(), first}:
            truth = unpainted(truth, scribbles, plane=plane)
        truths.append(truth)
    model = finish(
        train(
            prepared.images,
            config=InstantConfig(),
            device=device,
            classes=prepared.classes,
        ),
        show,
    )
    predictions = [
        predict(
            model, open_features(model, image.source, device=device), on_progress=show
        )
        for image in prepared.images
    ]
    return against_truth(predictions, truths, classes=model.classes, keep=keep)


def _table(audit: "Audit") -> "Table":
    """Return a row for each held-out class, and the means."""
    from napari_ood_seg.cli.tables import class_name, make_table
    from napari_ood_seg.core.evaluation.report import HEADINGS, numbers, shown

    title = f"each class held out in turn, threshold at keep {audit.keep:g}"
    table = make_table(title, "held out", *HEADINGS, "mistaken for")
    names = {c.id: class_name(c.name, c.color) for c in audit.classes}
    for c in audit.classes:
        mistaken = c.mistaken_for
        table.add_row(
            names[c.id], *numbers(c), "" if mistaken is None else names[mistaken]
        )
    table.add_section()
    table.add_row("mean", *map(shown, audit.mean.values()), "")
    return table


def _explained(audit: "Audit") -> str:
    return (
        f"{audit.n_fits} models, each without one class and some {audit.folds} of the "
        "others. TPR: share of the held-out class that is called unknown; kept: share "
        "of the held-out pixels of the others that is not. Worst deviation from any "
        f"share asked to be kept: {audit.max_deviation:.3f}."
    )


def _truth_table(report: "TruthReport") -> "Table":
    from napari_ood_seg.cli.tables import class_name, make_table
    from napari_ood_seg.core.evaluation.report import shown

    columns = ("pixels", "IoU", "Dice", "sensitivity", "specificity")
    table = make_table("against the truth", "class", *columns)
    for c in report.classes:
        values = map(shown, (c.iou, c.dice, c.sensitivity, c.specificity))
        table.add_row(class_name(c.name, c.color), str(c.n_pixels), *values)
    return table


def _summary_table(report: "TruthReport") -> "Table":
    from napari_ood_seg.cli.tables import make_table
    from napari_ood_seg.core.evaluation.report import shown

    table = make_table("", "all pixels that are not painted", "value")
    for name, value in report.summary().items():
        table.add_row(name, shown(value))
    return table


def _save(
    audit: "Audit",
    report: "TruthReport | None",
    *,
    json: Path | None,
    csv: Path | None,
    plot: Path | None,
) -> list[Path]:
    """Write what was asked for and return where it is."""
    from napari_ood_seg.core.evaluation.report import to_json
    from napari_ood_seg.core.evaluation.svg import roc_svg
    from napari_ood_seg.core.io.files import write_bytes

    truth = None if report is None else report.to_dict()
    texts = {
        json: to_json({"audit": audit.to_dict(), "truth": truth}),
        csv: audit.to_csv(),
        plot: roc_svg(audit),
    }
    written = [(path, text) for path, text in texts.items() if path is not None]
    for path, text in written:
        write_bytes(path, text.encode("utf-8"))
    return [path for path, _ in written]

"""What an evaluation found: values, and the same as a dictionary, JSON, CSV or text."""

from __future__ import annotations

import csv
import io
import json
import math
from dataclasses import dataclass, field, fields, is_dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np

from napari_ood_seg.core.evaluation.metrics import max_deviation, mean_of
from napari_ood_seg.core.types import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from napari_ood_seg.core.evaluation.ranking import Curve

MEASURES: Final = ("auroc", "ap", "fpr95", "tpr", "kept")
"""Of a held-out class, and their means over the classes."""

HEADINGS: Final = ("AUROC", "AP", "FPR95", "TPR", "kept")
"""What a person reads above the `MEASURES`."""

_ROW: Final = ("id", "name", *MEASURES, "ap_by_chance", "n_strokes", "n_pixels")


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """How well a class is recognised as unknown by a model that never saw it.

    Attributes
    ----------
    id, name, color
        Of the class.
    auroc, ap, fpr95
        Of its pixels (OOD, positive) against pixels of the other classes that were
        not fitted on; mean over the folds. See `ranking`.
    ap_by_chance
        What guessing gives for `ap`: the weight of the class.
    tpr
        Share of its pixels that are called unknown at the user's threshold.
    kept
        Share of the other classes' pixels that are not; the promise is `Audit.keep`.
    taken_for
        Share of its pixels per answer, `UNKNOWN` included, by class id.
    n_strokes, n_pixels, n_folds
        How much there was to judge by.
    roc, pr
        Mean over the folds; to plot.
    """

    id: int
    name: str
    color: str
    auroc: float
    ap: float
    fpr95: float
    ap_by_chance: float
    tpr: float
    kept: float
    taken_for: Mapping[int, float]
    n_strokes: int
    n_pixels: int
    n_folds: int
    roc: Curve = field(repr=False)
    pr: Curve = field(repr=False)

    @property
    def mistaken_for(self) -> int | None:
        """Id of the class that it is most often taken for, if any."""
        known = {i: s for i, s in self.taken_for.items() if i != UNKNOWN and s > 0}
        return max(known, key=lambda i: known[i]) if known else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Audit:
    """What came of holding every class out in turn.

    Attributes
    ----------
    classes
        One per held-out class, by id.
    keep
        Share of the scribbles that the threshold promises to keep.
    folds
        Whether the known pixels that are scored come from other ``"images"`` than
        those fitted on, or from other ``"strokes"``.
    n_images, n_fits
        Images audited, and models fitted.
    confusion
        One row per class, in order: the share of its held-out strokes per answer
        while another class was held out; `answers` are the columns.
    reliability
        Share of known pixels kept for each share asked for.
    """

    classes: tuple[HeldOut, ...]
    keep: float
    folds: Literal["strokes", "images"]
    n_images: int
    n_fits: int
    confusion: tuple[tuple[float, ...], ...]
    reliability: Curve = field(repr=False)

    @property
    def answers(self) -> tuple[int, ...]:
        """Ids of the columns of `confusion`: the classes, then `UNKNOWN`."""
        return (*(c.id for c in self.classes), UNKNOWN)

    @property
    def mean(self) -> dict[str, float]:
        """The mean of each of the `MEASURES` over the classes."""
        return {m: mean_of([getattr(c, m) for c in self.classes]) for m in MEASURES}

    @property
    def max_deviation(self) -> float:
        """How far `reliability` strays from the promise at most."""
        return max_deviation(self.reliability)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values; undefined numbers are `None`."""
        extra = {"mean": self.mean, "max_deviation": self.max_deviation}
        return {**plain(self), **plain({**extra, "answers": self.answers})}

    def to_csv(self) -> str:
        """Return one row per held-out class; undefined numbers are empty."""
        out = io.StringIO()
        table = csv.writer(out, lineterminator="\n")
        table.writerow(
            [*_ROW, *(f"taken_for_{i}" for i in self.answers[:-1]), "keep", "folds"]
        )
        for c in self.classes:
            shares = [c.taken_for.get(i, 0.0) for i in self.answers[:-1]]
            row = [getattr(c, name) for name in _ROW]
            cells = [*row, *shares, self.keep, self.folds]
            table.writerow(["" if v is None else v for v in map(plain, cells)])
        return out.getvalue()

    def to_text(self) -> str:
        """Return a table for a person, with a line of means."""
        heads = ["held out", *HEADINGS, "mistaken for"]
        names = {c.id: c.name for c in self.classes}
        rows = [
            [c.name, *numbers(c), "" if (i := c.mistaken_for) is None else names[i]]
            for c in self.classes
        ]
        means = [shown(v) for v in self.mean.values()]
        return aligned([heads, *rows, ["mean", *means, ""]])


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassTruth:
    """How well one class, or the unknown, is found at the user's threshold.

    Attributes
    ----------
    id, name, color
        Of the class; `UNKNOWN` for what is none.
    n_pixels
        Of the truth.
    iou, dice, sensitivity, specificity
        See `metrics.ClassScores`.
    """

    id: int
    name: str
    color: str
    n_pixels: int
    iou: float
    dice: float
    sensitivity: float
    specificity: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TruthReport:
    """A prediction against a dense ground truth.

    Attributes
    ----------
    classes
        The classes, and the unknown if the truth shows any; the threshold counts.
    keep
        As of `Audit`.
    n_known, n_unknown
        Pixels of the truth that are of the classes, and that are of none.
    miou, dice, balanced_accuracy
        Over the known pixels and classes, the threshold aside: how well classes are
        told apart. With labels only, `UNKNOWN` is a wrong answer.
    open_miou, open_balanced_accuracy
        Over all pixels, at the threshold, with the unknown as one more class.
    auroc, ap, fpr95
        Unknown (positive) against known pixels; NaN if the truth shows no unknown,
        or if there are labels only.
    tpr, kept
        Share of unknown pixels called so, and of known pixels not called so.
    reliability
        Share of known pixels kept for each share asked for.
    confusion
        Pixels: rows are the truth, columns the answers, as `answers`.
    roc, pr
        To plot; empty where `auroc` is NaN.
    """

    classes: tuple[ClassTruth, ...]
    keep: float
    n_known: int
    n_unknown: int
    miou: float
    dice: float
    balanced_accuracy: float
    open_miou: float
    open_balanced_accuracy: float
    auroc: float
    ap: float
    fpr95: float
    tpr: float
    kept: float
    answers: tuple[int, ...]
    confusion: tuple[tuple[float, ...], ...] = field(repr=False)
    reliability: Curve = field(repr=False)
    roc: Curve = field(repr=False)
    pr: Curve = field(repr=False)

    @property
    def max_deviation(self) -> float:
        """How far `reliability` strays from the promise at most."""
        return max_deviation(self.reliability)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values; undefined numbers are `None`."""
        return {**plain(self), **plain({"max_deviation": self.max_deviation})}

    def to_text(self) -> str:
        """Return a table of the classes and one of the whole, for a person."""
        heads = ["class", "IoU", "Dice", "sensitivity", "specificity"]
        rows = [
            [c.name, *map(shown, (c.iou, c.dice, c.sensitivity, c.specificity))]
            for c in self.classes
        ]
        facts = [[name, shown(value)] for name, value in self.summary().items()]
        return aligned([heads, *rows]) + "\n" + aligned(facts)

    def summary(self) -> dict[str, float]:
        """Return the measures of the whole by the names that a person reads."""
        return {
            "mIoU, known pixels": self.miou,
            "Dice, known pixels": self.dice,
            "balanced accuracy, known pixels": self.balanced_accuracy,
            "open-set mIoU": self.open_miou,
            "open-set balanced accuracy": self.open_balanced_accuracy,
            "AUROC": self.auroc,
            "AP": self.ap,
            "FPR95": self.fpr95,
            "unknown found": self.tpr,
            f"known kept (asked {self.keep:g})": self.kept,
            "worst deviation from any share asked": self.max_deviation,
        }


def plain(value: Any) -> Any:  # noqa: ANN401 - any value in, plain ones out
    """Return dictionaries, lists, numbers and text only; no NaN and no infinity.

    Examples
    --------
    >>> plain({1: (np.float64(0.5), float("nan"))})
    {'1': [0.5, None]}
    """
    if is_dataclass(value):
        return {f.name: plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, np.ndarray | np.generic):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value


def to_json(document: Mapping[str, Any]) -> str:
    """Return plain values as JSON text that every reader takes."""
    return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def numbers(held_out: HeldOut) -> list[str]:
    """Return the `MEASURES` of a class for a person."""
    return [shown(getattr(held_out, name)) for name in MEASURES]


def shown(value: float) -> str:
    """Return a measure for a person.

    Examples
    --------
    >>> shown(0.12345), shown(float("nan"))
    ('0.123', '-')
    """
    return "-" if math.isnan(value) else f"{value:.3f}"


def aligned(rows: Sequence[Sequence[str]]) -> str:
    """Return rows as lines with columns below each other.

    Examples
    --------
    >>> print(aligned([["a", "bb"], ["long", "c"]]))
    a     bb
    long   c
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    ]
    return "\n".join(line.rstrip() for line in lines)

"""Colours of the overlays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.utils import Colormap, DirectLabelColormap

from napari_ood_seg.core.types import UNKNOWN, UNLABELLED
from napari_ood_seg.session.palette import UNKNOWN_COLOR

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_ood_seg.core.types import ClassInfo


def scribble_colors(classes: Sequence[ClassInfo]) -> DirectLabelColormap:
    """Return the colours of the scribbles."""
    return DirectLabelColormap(color_dict=_table(classes))


def class_colors(
    classes: Sequence[ClassInfo], *, unknown: bool = True
) -> DirectLabelColormap:
    """Return the colours of predicted classes; `unknown` pixels may be hidden."""
    table = _table(classes)
    table[UNKNOWN] = UNKNOWN_COLOR if unknown else "transparent"
    return DirectLabelColormap(color_dict=table)


def _table(classes: Sequence[ClassInfo]) -> dict[int | None, str]:
    named: dict[int | None, str] = {c.id: c.color for c in classes}
    return {None: "transparent", UNLABELLED: "transparent", **named}


def ood_colors() -> Colormap:
    """Return the colours of the OOD heatmap, from 0 (typical) to 1.

    Transparent where typical, so that the classes show; then dark violet over
    orange to pale yellow: lightness rises throughout, which colour-blind people
    and grey printers see as well. The turn at 0.95 marks the default threshold.
    """
    stops = np.array([0.0, 0.5, 0.8, 0.95, 1.0])
    colors = np.array(
        [
            [0.10, 0.03, 0.20, 0.0],
            [0.24, 0.05, 0.40, 0.15],
            [0.55, 0.13, 0.42, 0.55],
            [0.93, 0.41, 0.15, 0.9],
            [0.99, 0.93, 0.60, 1.0],
        ]
    )
    return Colormap(colors=colors, controls=stops, name="OOD", display_name="OOD")

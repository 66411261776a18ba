"""Colours of the overlays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from napari.utils import Colormap, DirectLabelColormap

from napari_ood_seg.core.data.palette import UNKNOWN_COLOR
from napari_ood_seg.core.types import UNKNOWN, UNLABELLED

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

    Transparent over the typical half, so that the classes show; then from dark
    violet over magenta to near white. No default class has such a hue, and
    lightness rises throughout, which colour-blind people and grey printers see.
    """
    stops = np.array([0.0, 0.6, 0.85, 0.95, 0.99, 1.0])
    colors = np.array(
        [
            [0.16, 0.02, 0.25, 0.0],
            [0.22, 0.02, 0.32, 0.05],
            [0.36, 0.02, 0.45, 0.45],
            [0.72, 0.05, 0.55, 0.75],
            [0.95, 0.45, 0.75, 0.8],
            [1.00, 0.88, 0.95, 0.8],
        ]
    )
    return Colormap(colors=colors, controls=stops, name="OOD", display_name="OOD")

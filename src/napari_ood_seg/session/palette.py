"""Colours of classes and of the unknown."""

from __future__ import annotations

from typing import Final

from napari_ood_seg.core.data.palette import CLASS_COLORS, next_color

__all__ = ["CLASS_COLORS", "UNKNOWN_COLOR", "next_color"]

UNKNOWN_COLOR: Final = "#4d4d4d"
"""Pixels that are like none of the classes; no class starts with this colour."""

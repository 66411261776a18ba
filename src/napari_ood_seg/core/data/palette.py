"""Default class colours, told apart by colour-blind people too."""

from __future__ import annotations

from typing import Final

CLASS_COLORS: Final = (
    "#56b4e9",
    "#f0e442",
    "#009e73",
    "#e69f00",
    "#0072b2",
    "#d55e00",
    "#bbbbbb",
    "#cc79a7",
    "#772200",
    "#bbffaa",
    "#1100dd",
    "#55ffff",
)
"""Okabe and Ito (2008), a light grey, and four that are far from those.

The purple, nearest to the heatmap, is the last of Okabe and Ito's.
"""

UNKNOWN_COLOR: Final = "#4d4d4d"
"""Pixels that are like none of the classes; no class starts with this colour."""


def next_color(taken: set[str]) -> str:
    """Return the first default colour that is not taken, or the least recent one.

    Examples
    --------
    >>> next_color({"#56b4e9"})
    '#f0e442'
    """
    used = {color.lower() for color in taken}
    free = [c for c in CLASS_COLORS if c not in used]
    return free[0] if free else CLASS_COLORS[len(taken) % len(CLASS_COLORS)]

"""Default class colours, told apart by colour-blind people too."""

from __future__ import annotations

from typing import Final

CLASS_COLORS: Final = (
    "#56b4e9",
    "#e69f00",
    "#009e73",
    "#f0e442",
    "#cc79a7",
    "#0072b2",
    "#d55e00",
    "#bbbbbb",
)
"""Okabe and Ito (2008), in the order that suits tissue best, then a light grey."""

UNKNOWN_COLOR: Final = "#4d4d4d"
"""Pixels that are like none of the classes; no class starts with this colour."""


def next_color(taken: set[str]) -> str:
    """Return the first default colour that is not taken, or the least recent one.

    Examples
    --------
    >>> next_color({"#56b4e9"})
    '#e69f00'
    """
    free = [c for c in CLASS_COLORS if c not in taken]
    return free[0] if free else CLASS_COLORS[len(taken) % len(CLASS_COLORS)]

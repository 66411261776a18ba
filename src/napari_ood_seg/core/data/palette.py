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


def next_color(taken: set[str]) -> str:
    """Return the first default colour that is not taken, or the least recent one.

    Examples
    --------
    >>> next_color({"#56b4e9"})
    '#e69f00'
    """
    used = {color.lower() for color in taken}
    free = [c for c in CLASS_COLORS if c not in used]
    return free[0] if free else CLASS_COLORS[len(taken) % len(CLASS_COLORS)]

"""Spectra as a small SVG file, without a plotting library."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape, quoteattr

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_ood_seg.core.data.spectra import Floats, Spectrum

_WIDE, _HIGH = 460, 250
_LEFT, _TOP, _BELOW, _LEGEND, _LINE = 62, 20, 46, 24, 20

DASHES: Final = ("", "9 4", "2 3", "9 3 2 3", "16 4", "2 6")
"""Of lines, in turn, as SVG writes them: colours alone are not told apart by all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpectrumLine:
    """A spectrum with its name and looks; `dash` is a number of `DASHES`."""

    name: str
    color: str
    dash: int
    spectrum: Spectrum = field(repr=False)


def spectra_svg(
    lines: Sequence[SpectrumLine], axis: tuple[Floats, str], *, y_label: str
) -> str:
    """Return means as lines, and mean plus and minus spread as bands."""
    bands, x_label = axis
    longest = max((len(line.name) for line in lines), default=0)
    width = _LEFT + _WIDE + _LEGEND + 50 + round(6.6 * longest)
    height = max(_TOP + _HIGH + _BELOW, _TOP + len(lines) * _LINE + 10)
    frame = _Frame.around(lines, bands)
    turned = f"translate(14 {_TOP + _HIGH / 2:g}) rotate(-90)"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" '
        f'fill="#222222" role="img" aria-label="Spectra">'
    )
    parts = [
        head,
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
        *frame.axes(),
        _text(_LEFT + _WIDE / 2, _TOP + _HIGH + 38, x_label, anchor="middle"),
        f'<g transform="{turned}">{_text(0, 0, y_label, anchor="middle")}</g>',
        *(part for line in lines for part in frame.drawn(line, bands)),
        *_legend(lines),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


@dataclass(frozen=True, slots=True)
class _Frame:
    """What is at the edges of the plot."""

    left: float
    right: float
    bottom: float
    top: float

    @classmethod
    def around(cls, lines: Sequence[SpectrumLine], bands: Floats) -> _Frame:
        ends = [
            v
            for line in lines
            for s in (line.spectrum,)
            for v in (s.mean - s.spread, s.mean + s.spread)
        ]
        values = np.concatenate(ends) if ends else np.zeros(0)
        values = values[np.isfinite(values)]
        low = min(0.0, float(values.min(initial=0.0)))
        high = float(values.max(initial=low)) or 1.0
        left, right = float(bands.min()), float(bands.max())
        if left == right:
            left, right = left - 0.5, right + 0.5
        return cls(left, right, low, high + 0.05 * (high - low))

    def at(self, x: float, y: float) -> str:
        across = (x - self.left) / (self.right - self.left)
        up = (y - self.bottom) / (self.top - self.bottom)
        return f"{_LEFT + across * _WIDE:.1f},{_TOP + (1 - up) * _HIGH:.1f}"

    def axes(self) -> Iterator[str]:
        for x in ticks(self.left, self.right):
            foot = self.at(x, self.bottom)
            yield _polyline(f"{foot} {self.at(x, self.top)}", "#e4e4e4", 1)
            yield _text(_number(foot, 0), _TOP + _HIGH + 18, f"{x:g}", anchor="middle")
        for y in ticks(self.bottom, self.top):
            side = self.at(self.left, y)
            yield _polyline(f"{side} {self.at(self.right, y)}", "#e4e4e4", 1)
            yield _text(_LEFT - 6, _number(side, 1) + 4, f"{y:g}", anchor="end")

    def drawn(self, line: SpectrumLine, bands: Floats) -> Iterator[str]:
        s = line.spectrum
        good = np.isfinite(s.mean)
        x, mean, spread = bands[good].tolist(), s.mean[good], s.spread[good]
        if s.n > 1:
            top = [self.at(a, b) for a, b in zip(x, mean + spread, strict=True)]
            low = [self.at(a, b) for a, b in zip(x, mean - spread, strict=True)]
            points = " ".join([*top, *reversed(low)])
            fill = f'fill={quoteattr(line.color)} fill-opacity="0.2"'
            yield f'<polygon points="{points}" {fill}/>'
        if len(x) == 1:
            spot = self.at(x[0], mean[0]).split(",")
            yield f'<circle cx="{spot[0]}" cy="{spot[1]}" r="4" {_fill(line.color)}/>'
            return
        points = " ".join(self.at(a, b) for a, b in zip(x, mean, strict=True))
        yield _polyline(points, "#444444", 2.6, line.dash)
        yield _polyline(points, line.color, 1.8, line.dash)


def ticks(low: float, high: float) -> list[float]:
    """Return some four to eight round numbers between two numbers.

    >>> ticks(500, 1000), ticks(0, 0.61)
    ([500.0, 600.0, 700.0, 800.0, 900.0, 1000.0], [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    """
    rough = (high - low) / 5
    unit = 10.0 ** np.floor(np.log10(rough))
    step = unit * min((1, 2, 5, 10), key=lambda m: abs(m * unit - rough))
    n = np.arange(np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9) + 1)
    return [round(float(i * step), 10) + 0.0 for i in n]  # no -0


def _legend(lines: Sequence[SpectrumLine]) -> Iterator[str]:
    x = _LEFT + _WIDE + _LEGEND
    for i, line in enumerate(lines):
        y = _TOP + 10 + i * _LINE
        yield _polyline(f"{x},{y} {x + 28},{y}", "#444444", 2.6, line.dash)
        yield _polyline(f"{x},{y} {x + 28},{y}", line.color, 1.8, line.dash)
        yield _text(x + 36, y + 4, line.name)


def _text(x: float, y: float, text: str, *, anchor: str = "start") -> str:
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}">{escape(text)}</text>'


def _polyline(points: str, color: str, width: float, dash: int = 0) -> str:
    dashes = DASHES[dash % len(DASHES)]
    extra = f' stroke-dasharray="{dashes}"' if dashes else ""
    return (
        f'<polyline points="{points}" fill="none" stroke={quoteattr(color)} '
        f'stroke-width="{width:g}" stroke-linejoin="round"{extra}/>'
    )


def _fill(color: str) -> str:
    return f'fill={quoteattr(color)} stroke="#444444"'


def _number(point: str, axis: int) -> float:
    return float(point.split(",")[axis])

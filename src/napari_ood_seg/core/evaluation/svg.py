"""A line plot as a small SVG file, without a plotting library."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from napari_ood_seg.core.evaluation.ranking import Curve
    from napari_ood_seg.core.evaluation.report import Audit

_SIDE: Final = 380
_LEFT, _TOP, _LEGEND, _LINE = 64, 44, 24, 36
_TICKS: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A curve in the unit square.

    Attributes
    ----------
    name, note
        Two lines of the legend.
    color
        ``#rrggbb``.
    mark
        x and y of a point to mark.
    """

    name: str
    note: str
    color: str
    curve: Curve = field(repr=False)
    mark: tuple[float, float]


def roc_lines(audit: Audit) -> list[Line]:
    """Return the ROC curve of every held-out class, with the user's threshold."""
    return [
        Line(
            name=c.name,
            note=f"AUROC {c.auroc:.3f}, FPR95 {c.fpr95:.3f}",
            color=c.color,
            curve=c.roc,
            mark=(1.0 - c.kept, c.tpr),
        )
        for c in audit.classes
    ]


def roc_svg(audit: Audit) -> str:
    """Return the ROC curves of an audit as a picture."""
    return line_plot(
        roc_lines(audit),
        title="Each class held out: called unknown against the others",
        x_label="share of known pixels called unknown (FPR)",
        y_label="share of the held-out class called unknown (TPR)",
        mark_label=f"threshold that keeps {audit.keep:.0%}",
    )


def line_plot(
    lines: Sequence[Line], *, title: str, x_label: str, y_label: str, mark_label: str
) -> str:
    """Return an SVG of curves in the unit square, with axes and a legend."""
    texts = [mark_label, *(text for line in lines for text in (line.name, line.note))]
    longest = max(map(len, texts))
    width = _LEFT + _SIDE + _LEGEND + 40 + round(6.8 * longest)
    rows = (len(lines) + 1) * _LINE
    width, height = max(width, 560), max(_TOP + _SIDE + 60, _TOP + rows + 20)
    middle, bottom = _LEFT + _SIDE / 2, _TOP + _SIDE
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" '
        f'fill="#222" role="img" aria-label={quoteattr(title)}>'
    )
    turned = f"translate(18 {_TOP + _SIDE / 2}) rotate(-90)"
    parts = [
        head,
        f'<rect width="{width}" height="{height}" fill="#fff"/>',
        _text(_LEFT, 26, title, size=14),
        *_axes(),
        _text(middle, bottom + 44, x_label, anchor="middle"),
        f'<g transform="{turned}">{_text(0, 0, y_label, anchor="middle")}</g>',
        *(part for line in lines for part in _drawn(line)),
        *_legend(lines, mark_label),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _at(x: float, y: float) -> str:
    return f"{_LEFT + x * _SIDE:.1f},{_TOP + (1 - y) * _SIDE:.1f}"


def _text(
    x: float, y: float, text: str, *, anchor: str = "start", size: int = 12
) -> str:
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" font-size="{size}">'
        f"{escape(text)}</text>"
    )


def _polyline(points: str, color: str, width: float, extra: str = "") -> str:
    return (
        f'<polyline points="{points}" fill="none" stroke={quoteattr(color)} '
        f'stroke-width="{width:g}" stroke-linejoin="round" {extra}/>'
    )


def _axes() -> Iterator[str]:
    for tick in _TICKS:
        yield _polyline(f"{_at(tick, 0)} {_at(tick, 1)}", "#e4e4e4", 1)
        yield _polyline(f"{_at(0, tick)} {_at(1, tick)}", "#e4e4e4", 1)
        x, y = _LEFT + tick * _SIDE, _TOP + (1 - tick) * _SIDE
        yield _text(x, _TOP + _SIDE + 20, f"{tick:g}", anchor="middle")
        yield _text(_LEFT - 10, y + 4, f"{tick:g}", anchor="end")
    guess = 'stroke-dasharray="4 4"'
    yield _polyline(f"{_at(0, 0)} {_at(1, 1)}", "#999", 1, guess)
    corners = [(0, 0), (1, 0), (1, 1), (0, 1), (0, 0)]
    yield _polyline(" ".join(_at(x, y) for x, y in corners), "#444", 1)


def _drawn(line: Line) -> Iterator[str]:
    points = zip(line.curve.x.tolist(), line.curve.y.tolist(), strict=True)
    path = " ".join([_at(0, 0), *(_at(x, y) for x, y in points)])
    yield _polyline(path, "#333", 4)  # an edge, so that pale colours show on white
    yield _polyline(path, line.color, 2.4)
    x, y = _at(*line.mark).split(",")
    yield (
        f'<circle cx="{x}" cy="{y}" r="5" fill={quoteattr(line.color)} stroke="#222"/>'
    )


def _legend(lines: Sequence[Line], mark_label: str) -> Iterator[str]:
    x = _LEFT + _SIDE + _LEGEND
    for i, line in enumerate(lines):
        y = _TOP + 10 + i * _LINE
        yield _polyline(f"{x},{y} {x + 24},{y}", "#333", 4)
        yield _polyline(f"{x},{y} {x + 24},{y}", line.color, 2.4)
        yield _text(x + 32, y + 4, line.name)
        yield _text(x + 32, y + 19, line.note, size=11)
    y = _TOP + 10 + len(lines) * _LINE
    yield f'<circle cx="{x + 12}" cy="{y}" r="5" fill="#fff" stroke="#222"/>'
    yield _text(x + 32, y + 4, mark_label)

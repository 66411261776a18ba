"""A page with image, result, spectra and figures, drawn to a picture or a PDF."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from qtpy.QtCore import QByteArray, QRectF, QSizeF, Qt
from qtpy.QtGui import (
    QColor,
    QFont,
    QImage,
    QPageSize,
    QPainter,
    QPdfWriter,
)

from napari_ood_seg.core.errors import OutputError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    Picture = npt.NDArray[np.uint8]

_WIDE, _HIGH = 1600, 1130
_EDGE: Final = 40
_GAP: Final = 24
_ROW: Final = 30
_MM: Final = QSizeF(297.0, 297.0 * _HIGH / _WIDE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the table; an empty `area` is not known."""

    name: str
    color: str
    pixels: int
    share: str
    area: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is on a page; pictures are `(h, w, 3)` uint8, spectra an SVG or empty."""

    title: str
    note: str
    image: Picture = field(repr=False)
    overlay: Picture = field(repr=False)
    spectra: str = field(repr=False)
    figures: tuple[Figure, ...]


def save_page(path: Path, page: Page) -> None:
    """Write a page as PDF if the suffix says so, else as a picture.

    Raises
    ------
    OutputError
        If the file cannot be written.
    """
    if path.suffix.lower() == ".pdf":
        writer = QPdfWriter(str(path))
        writer.setPageSize(QPageSize(_MM, QPageSize.Unit.Millimeter))
        writer.setPageMargins(_no_margins())
        painter = QPainter()
        good = painter.begin(writer)
        if good:
            painter.scale(writer.width() / _WIDE, writer.height() / _HIGH)
            draw_page(painter, page)
            painter.end()
    else:
        image = QImage(_WIDE, _HIGH, QImage.Format.Format_RGB32)
        painter = QPainter(image)
        draw_page(painter, page)
        painter.end()
        good = image.save(str(path))
    if not good:
        raise OutputError(f"cannot write {path.name!r}: choose another folder or name")


def draw_page(painter: QPainter, page: Page) -> None:
    """Draw a page of 1600 x 1130 units."""
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
    painter.fillRect(QRectF(0, 0, _WIDE, _HIGH), QColor("white"))
    _write(painter, QRectF(_EDGE, 28, _WIDE - 2 * _EDGE, 40), page.title, size=28)
    _write(painter, QRectF(_EDGE, 70, _WIDE - 2 * _EDGE, 28), page.note, size=17)
    half = (_WIDE - 2 * _EDGE - _GAP) / 2
    top, high = 112.0, 540.0
    for i, picture in enumerate((page.image, page.overlay)):
        _draw_picture(
            painter, QRectF(_EDGE + i * (half + _GAP), top, half, high), picture
        )
    below = top + high + _GAP
    room = QRectF(_EDGE, below, 0.62 * (_WIDE - 2 * _EDGE), _HIGH - below - 20)
    _draw_svg(painter, room, page.spectra)
    _draw_table(painter, room.right() + _GAP, below, page.figures)


def _no_margins() -> Any:  # noqa: ANN401 - Qt's
    from qtpy.QtCore import QMarginsF

    return QMarginsF(0, 0, 0, 0)


def _write(
    painter: QPainter, where: QRectF, text: str, *, size: int, right: bool = False
) -> None:
    font = QFont("sans-serif")
    font.setPixelSize(size)
    painter.setFont(font)
    painter.setPen(QColor("#222222"))
    side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
    metrics = painter.fontMetrics()
    shown = metrics.elidedText(text, Qt.TextElideMode.ElideRight, int(where.width()))
    painter.drawText(where, int(side | Qt.AlignmentFlag.AlignVCenter), shown)


def _draw_picture(painter: QPainter, where: QRectF, picture: Picture) -> None:
    data = np.ascontiguousarray(picture)
    height, width = data.shape[:2]
    kind = QImage.Format.Format_RGB888
    image = QImage(data.tobytes(), width, height, 3 * width, kind).copy()
    painter.drawImage(_fitted(where, width, height), image)


def _draw_svg(painter: QPainter, where: QRectF, svg: str) -> None:
    if not svg:
        return
    from qtpy.QtSvg import QSvgRenderer

    renderer = QSvgRenderer(QByteArray(svg.encode()))
    size = renderer.defaultSize()
    renderer.render(painter, _fitted(where, size.width(), size.height()))


def _fitted(where: QRectF, width: float, height: float) -> QRectF:
    """Return the largest place of a shape within another, at its top left."""
    scale = min(where.width() / width, where.height() / height)
    return QRectF(where.left(), where.top(), scale * width, scale * height)


def _draw_table(
    painter: QPainter, left: float, top: float, figures: tuple[Figure, ...]
) -> None:
    right = _WIDE - _EDGE
    ends = (right - 260, right - 160, right)
    heads = ("pixels", "share", "area" if any(f.area for f in figures) else "")
    for text, end in zip(heads, ends, strict=True):
        _write(painter, QRectF(end - 120, top, 120, _ROW), text, size=17, right=True)
    most = int((_HIGH - top - 2 * _ROW) // _ROW)
    for i, figure in enumerate(figures[:most]):
        y = top + (i + 1) * _ROW
        painter.setPen(QColor("#444444"))
        painter.setBrush(QColor(figure.color))
        painter.drawRect(QRectF(left, y + 6, 18, 18))
        name = QRectF(left + 28, y, ends[0] - 100 - left - 28, _ROW)
        _write(painter, name, figure.name, size=17)
        cells = (f"{figure.pixels:,}", figure.share, figure.area)
        for text, end in zip(cells, ends, strict=True):
            _write(painter, QRectF(end - 150, y, 150, _ROW), text, size=17, right=True)

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_ood_seg.plugin.panels.spectra_legend import SpectraLegend
from napari_ood_seg.plugin.panels.spectra_plot import SpectrumRow

if TYPE_CHECKING:
    from qtpy.QtGui import QColor


def row(name: str, *, color: str = "#56b4e9", dash: int = 0, n: int = 3) -> SpectrumRow:
    flat = np.zeros(4)
    return SpectrumRow(name=name, color=color, dash=dash, mean=flat, spread=flat, n=n)


def sample(legend: SpectraLegend, i: int) -> list[QColor]:
    item = legend.item(i)
    assert item is not None
    image = item.icon().pixmap(34, 12).toImage()
    return [image.pixelColor(x, image.height() // 2) for x in range(image.width())]


def test_names_the_pixel_first(user: Any) -> None:
    legend = SpectraLegend()
    user.addWidget(legend)
    rows = [row("liver"), row("never painted", n=0), row("bowel", dash=1)]
    legend.set_rows(rows, row("Pixel 3, 4", color="", n=1))
    assert legend.texts() == ["Pixel 3, 4", "liver", "bowel"]
    item = legend.item(1)
    assert item is not None
    assert item.toolTip() == "liver: 3 pixels"


def test_samples_have_colour_and_dashes(user: Any) -> None:
    legend = SpectraLegend()
    user.addWidget(legend)
    legend.set_rows([row("a"), row("b", color="#e69f00", dash=1)], None)
    solid, dashed = sample(legend, 0), sample(legend, 1)
    assert all(c.name() == "#56b4e9" for c in solid[3:-3])
    alphas = {c.alpha() for c in dashed}
    assert 0 in alphas
    assert any(c.name() == "#e69f00" for c in dashed if c.alpha() == 255)


def test_moving_pointer_changes_a_name_only(user: Any) -> None:
    legend = SpectraLegend()
    user.addWidget(legend)
    legend.set_rows([row("a")], row("Pixel 1, 1", color=""))
    before = legend.item(1)
    legend.set_rows([row("a")], row("Pixel 1, 2", color=""))
    assert legend.texts() == ["Pixel 1, 2", "a"]
    assert legend.item(1) is before

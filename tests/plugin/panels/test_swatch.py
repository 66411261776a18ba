from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from qtpy.QtCore import QSize
from qtpy.QtGui import QIcon

from napari_ood_seg.plugin.panels.swatch import swatch_icon

if TYPE_CHECKING:
    from qtpy.QtWidgets import QApplication


@pytest.mark.parametrize("mode", [QIcon.Mode.Normal, QIcon.Mode.Selected])
def test_color_is_exact_also_when_selected(
    qapp: QApplication, mode: QIcon.Mode
) -> None:
    pixels = swatch_icon("#12ab7f").pixmap(QSize(16, 16), mode).toImage()
    assert pixels.pixelColor(8, 8).name() == "#12ab7f"

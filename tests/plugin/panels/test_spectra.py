from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QPushButton

from napari_ood_seg.plugin.panels.spectra import SpectraPanel
from napari_ood_seg.plugin.panels.spectra_plot import SpectrumRow

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def panel(user: Any) -> SpectraPanel:
    panel = SpectraPanel()
    user.addWidget(panel)
    panel.set_axis(np.linspace(500.0, 900.0, 20), "wavelength (nm)")
    panel.show()
    return panel


def row(name: str) -> SpectrumRow:
    flat = np.ones(20)
    return SpectrumRow(name=name, color="#009e73", dash=0, mean=flat, spread=flat, n=2)


def test_choice_is_told_and_shown(panel: SpectraPanel) -> None:
    heard: list[bool] = []
    panel.normalised_toggled.connect(heard.append)
    choices: list[QComboBox] = panel.findChildren(QComboBox)
    choice = next(c for c in choices if c.itemText(1) == "L1-normalised")
    panel.set_normalised(True)
    assert (choice.currentText(), heard) == ("L1-normalised", [])
    choice.setCurrentIndex(0)
    choice.setCurrentIndex(1)
    assert heard == [False, True]


def test_map_is_asked_for_and_shown(panel: SpectraPanel, user: Any) -> None:
    heard: list[bool] = []
    panel.bands_toggled.connect(heard.append)
    boxes: list[QCheckBox] = panel.findChildren(QCheckBox)
    box = next(b for b in boxes if b.text() == "Map bands")
    user.mouseClick(box, LEFT, pos=QPoint(6, box.height() // 2))
    assert heard == [True]
    panel.set_bands(None)
    assert not box.isChecked()
    assert heard == [True]
    panel.set_axis(np.ones(1), "band")
    assert not box.isEnabled()


def test_legend_is_that_of_the_plot(panel: SpectraPanel) -> None:
    panel.set_rows([row("liver"), row("fat")])
    panel.set_pixel(row("Pixel 1, 2"))
    assert panel.legend.texts() == ["Pixel 1, 2", "liver", "fat"]
    panel.set_rows([row("liver")])
    assert panel.legend.texts() == ["Pixel 1, 2", "liver"]


@pytest.mark.parametrize("name", ["csv", "svg"])
def test_buttons_ask(panel: SpectraPanel, user: Any, name: str) -> None:
    heard: list[int] = []
    getattr(panel, f"{name}_requested").connect(lambda: heard.append(1))
    found: list[QPushButton] = panel.findChildren(QPushButton)
    button = next(b for b in found if b.text() == f"{name.upper()}...")
    user.mouseClick(button, LEFT)
    assert heard == [1]


def test_dock_is_low(panel: SpectraPanel) -> None:
    assert panel.minimumSizeHint().height() < 170
    assert panel.sizeHint().height() < 240

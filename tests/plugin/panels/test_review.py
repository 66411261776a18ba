from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton

from napari_ood_seg.plugin.panels.review import ReviewPanel


@pytest.fixture
def panel(user: Any) -> ReviewPanel:
    panel = ReviewPanel()
    user.addWidget(panel)
    panel.show()
    return panel


def test_buttons_stay_down_and_tell(panel: ReviewPanel, user: Any) -> None:
    heard: list[tuple[str, bool]] = []
    panel.spectra_toggled.connect(lambda on: heard.append(("spectra", on)))
    panel.frames_toggled.connect(lambda on: heard.append(("frames", on)))
    spectra, frames, _ = panel.findChildren(QPushButton)
    user.mouseClick(spectra, Qt.MouseButton.LeftButton)
    user.mouseClick(frames, Qt.MouseButton.LeftButton)
    user.mouseClick(spectra, Qt.MouseButton.LeftButton)
    assert heard == [("spectra", True), ("frames", True), ("spectra", False)]


def test_setters_tell_nobody(panel: ReviewPanel) -> None:
    heard: list[bool] = []
    panel.spectra_toggled.connect(heard.append)
    panel.frames_toggled.connect(heard.append)
    panel.set_open(spectra=True)
    panel.set_open(frames=True)
    panel.set_possible(spectra=True, frames=False)
    spectra, frames, _ = panel.findChildren(QPushButton)
    assert heard == []
    assert spectra.isChecked()
    assert frames.isChecked()
    assert spectra.isEnabled()
    assert not frames.isEnabled()
    assert panel.minimumSizeHint().width() <= 340

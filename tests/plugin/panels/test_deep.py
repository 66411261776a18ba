from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton

from napari_ood_seg.core.config import DeepConfig
from napari_ood_seg.plugin.panels.deep import DeepPanel
from napari_ood_seg.plugin.panels.plots import Curves

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

LEFT = Qt.MouseButton.LeftButton
CURVES = Curves(
    steps=np.arange(1.0, 7.0),
    loss=np.array([0.7, 0.6, 0.65, 0.4, 0.3, 0.2]),
    checked=np.array([3.0, 6.0]),
    held_out=np.array([0.8, 0.5]),
    total=10,
)


@pytest.fixture
def panel(user: Any) -> DeepPanel:
    panel = DeepPanel()
    panel.settings.set_settings(DeepConfig())
    user.addWidget(panel)
    panel.resize(300, 500)
    panel.show()
    return panel


def button(panel: QWidget, text: str) -> QPushButton:
    return next(
        b for b in panel.findChildren(QPushButton) if b.text().replace("&", "") == text
    )


def test_one_button_starts_pauses_and_resumes(panel: DeepPanel, user: Any) -> None:
    asked: list[str] = []
    panel.start_requested.connect(lambda: asked.append("start"))
    panel.pause_requested.connect(lambda: asked.append("pause"))
    for state, text in (
        ("off", "Train a network"),
        ("on", "Pause"),
        ("paused", "Resume"),
    ):
        panel.set_state(state)
        user.mouseClick(button(panel, text), LEFT)
    assert asked == ["start", "pause", "start"]


def test_there_must_be_something_to_forget(panel: DeepPanel, user: Any) -> None:
    asked: list[str] = []
    panel.anew_requested.connect(lambda: asked.append("anew"))
    panel.set_started(False)
    user.mouseClick(button(panel, "Start over"), LEFT)
    panel.set_started(True)
    user.mouseClick(button(panel, "Start over"), LEFT)
    assert asked == ["anew"]


def test_what_was_kept_is_offered(panel: DeepPanel, user: Any) -> None:
    asked: list[str] = []
    panel.resume_requested.connect(lambda: asked.append("resume"))
    assert not panel._resume.isVisible()
    panel.set_kept("2026-05-04 17:03")
    user.mouseClick(button(panel, "Resume the training of 2026-05-04 17:03"), LEFT)
    assert asked == ["resume"]
    panel.set_kept("")
    assert not panel._resume.isVisible()


def test_curves_are_drawn_to_the_end_of_the_training(panel: DeepPanel) -> None:
    assert not panel._plot.isVisible()
    panel.set_curves(CURVES)
    assert panel._plot.isVisible()
    line, checks = panel._plot._lines
    np.testing.assert_array_equal(line.getData()[1], CURVES.loss)
    np.testing.assert_array_equal(checks.getData()[0], CURVES.checked)
    (left, right), (bottom, top) = panel._plot._plot.getPlotItem().viewRange()
    assert (left, right) == (0, 10)
    assert bottom == 0
    assert top == pytest.approx(0.84)
    panel.set_curves(None)
    assert not panel._plot.isVisible()


def test_the_form_has_the_networks_settings_alone(panel: DeepPanel) -> None:
    names = {path[0] for path in panel.settings._inputs}
    assert {"steps", "seconds", "width", "evidence"} <= names
    assert "heads" not in names


def test_a_backbone_is_taken_once_its_weights_are_named(panel: DeepPanel) -> None:
    asked: list[DeepConfig] = []
    panel.settings_changed.connect(asked.append)
    inputs = panel.settings._inputs
    inputs["network",].value = "backbone"
    assert asked == []
    assert "owner/name" in panel.settings._refusal.text()
    inputs["pretrained",].value = "some/encoder"
    (found,) = asked
    assert (found.network, found.pretrained) == ("backbone", "some/encoder")
    assert "napari-ood-seg[encoders]" in str(inputs["network",].native.toolTip())


def test_settings_are_shown_on_demand(panel: DeepPanel, user: Any) -> None:
    assert not panel.settings.isVisible()
    user.mouseClick(button(panel, "Settings…"), LEFT)
    assert panel.settings.isVisible()

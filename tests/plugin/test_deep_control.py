from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

from napari_ood_seg.core.config import DeepConfig
from napari_ood_seg.core.training.bundle import engine_of
from napari_ood_seg.core.training.instant import Scribbled
from napari_ood_seg.core.training.refinement import Refinement
from napari_ood_seg.core.types import Learning
from napari_ood_seg.plugin.file_control import settings
from napari_ood_seg.plugin.panels.deep import INTRO
from napari_ood_seg.plugin.preferences import NETWORK
from tests.contracts.networks import SMALL
from tests.plugin.driver import two_halves

if TYPE_CHECKING:
    from napari_ood_seg.plugin.panels.deep import DeepPanel
    from tests.plugin.driver import Driver

DEEP = replace(SMALL, steps=24, check_every=6, batch=2, evidence="both")


@pytest.fixture
def painted(driver: Driver) -> Driver:
    driver.add_image(two_halves())
    driver.paint_both()
    driver.panel.sections.set_expanded("Network", True)
    driver.session.set_deep(DEEP)
    return driver


def panel_of(driver: Driver) -> DeepPanel:
    return driver.panel.deep_panel


def rest(driver: Driver) -> None:
    driver.until(lambda: driver.session.refining == "off")
    driver.until(lambda: not (driver.session.busy or driver.session.ahead))


def test_a_network_is_trained_from_the_panel(painted: Driver) -> None:
    assert panel_of(painted).verdict() == INTRO
    painted.push("Train a network")
    assert painted.button("Pause").isVisible()
    rest(painted)
    curves = panel_of(painted).curves()
    assert curves is not None
    np.testing.assert_array_equal(curves.steps, np.arange(1, 25))
    np.testing.assert_array_equal(curves.checked, [6, 12, 18, 24])
    assert curves.total == 24
    assert "held-out pixels" in panel_of(painted).verdict()
    assert painted.session.model is not None
    assert engine_of(painted.session.model) == "deep"
    assert painted.button("Train a network").isVisible()


def test_pause_and_resume(painted: Driver) -> None:
    painted.session.refined.connect(lambda _: panel_pauses())
    done: list[bool] = []

    def panel_pauses() -> None:
        if not done and painted.session.refining == "on":
            done.append(True)
            painted.push("Pause")

    painted.push("Train a network")
    painted.until(lambda: painted.session.refining == "paused")
    painted.until(lambda: not painted.session.ahead)
    painted.push("Resume")
    rest(painted)
    curves = panel_of(painted).curves()
    assert curves is not None
    assert curves.steps[-1] == 24
    assert (np.diff(curves.steps) >= 1).all()


def test_start_over(painted: Driver) -> None:
    assert not painted.button("Start over").isEnabled()
    painted.push("Train a network")
    rest(painted)
    first = panel_of(painted).curves()
    painted.push("Start over")
    rest(painted)
    again = panel_of(painted).curves()
    assert first is not None
    assert again is not None
    np.testing.assert_array_equal(first.loss, again.loss)


def test_painting_on_does_not_wait_for_it(painted: Driver) -> None:
    """In live mode a stroke is answered at once, and learned from afterwards."""
    painted.push("Live")
    painted.until(lambda: painted.session.model is not None)
    painted.push("Train a network")
    painted.stroke((25, 6), (25, 24))
    painted.until(lambda: not painted.session.busy)
    assert painted.session.model is not None
    assert painted.session.model.facts["n_strokes"] == 5
    painted.until(
        lambda: painted.session._done_with is not None and not painted.session.ahead
    )
    assert painted.session.refining == "on", "it waits for more strokes"
    painted.push("Off")
    assert painted.session.refining == "paused"


def test_a_training_that_did_not_end_is_offered(painted: Driver) -> None:
    """As if napari had crashed after twelve steps, and were opened again."""
    session, panel = painted.session, panel_of(painted)
    session.set_deep(DeepConfig())
    folder = Path(settings().fileName()).parent / "training"
    crashed = Refinement(
        replace(DEEP, heads=session.config), device=torch.device("cpu"), folder=folder
    )
    sheets = [Scribbled(*sheet) for sheet in session._sheets()]
    assert len(list(islice(crashed.run(sheets), 14))) == 14
    offered = panel._resume
    assert not offered.isVisible()
    session.set_deep(DEEP)
    painted.until(offered.isVisible)
    assert re.fullmatch(
        r"Resume the training of \d{4}-\d\d-\d\d \d\d:\d\d", offered.text()
    )
    steps: list[int] = []
    session.refined.connect(
        lambda e: steps.append(e.done) if isinstance(e, Learning) else None
    )
    painted.push(offered.text())
    rest(painted)
    assert steps == list(range(13, 25))
    assert not offered.isVisible()
    assert not list(folder.iterdir())


def test_without_scribbles_there_is_one_sentence(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.panel.sections.set_expanded("Network", True)
    driver.push("Train a network")
    text, kind = driver.message
    assert kind == "warning"
    assert "scribbles" in text
    assert driver.button("Train a network").isVisible()


def test_settings_are_remembered(driver: Driver) -> None:
    driver.session.set_deep(replace(DeepConfig(), steps=77))
    assert panel_of(driver).settings._settings == replace(DeepConfig(), steps=77)
    assert json.loads(driver.panel.preferences.value(NETWORK)) == {"steps": 77}

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import numpy as np
import pytest
from napari.layers import Labels
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from napari_ood_seg.plugin import calm as calm_module
from napari_ood_seg.plugin.calm import LONGEST_MS, PAINTING_MS, Calm
from napari_ood_seg.session.session import Session
from tests.contracts.owner import InlineExecutor
from tests.plugin.driver import LEFT, two_halves
from tests.plugin.paints import Paints

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from napari_ood_seg.plugin.image_control import ImageControl
    from tests.plugin.driver import Driver


@pytest.fixture
def session() -> Session:
    return Session(executor=InlineExecutor(), post=lambda call: call())


@pytest.fixture
def layer() -> Labels:
    return Labels(np.zeros((4, 4), np.uint8))


@pytest.fixture
def window(qtbot: QtBot) -> QMainWindow:
    """Return a window with the parts of napari's that are held."""
    window = QMainWindow()
    qtbot.addWidget(window)
    layers = QDockWidget(window)
    layers.setObjectName("layer list")
    window.addDockWidget(Qt.DockWidgetArea.LeftDockWidgetArea, layers)
    window.statusBar()
    window.setCentralWidget(QWidget())
    return window


@pytest.fixture
def calm(session: Session, layer: Labels, window: QMainWindow) -> Calm:
    images = cast("ImageControl", SimpleNamespace(scribbles=layer))
    return Calm(cast("QWidget", window.centralWidget()), session, images)


def held_around(window: QMainWindow) -> tuple[bool, bool]:
    """Return whether the list of layers and the status bar are held."""
    layers = window.findChild(QDockWidget, "layer list")
    status = window.statusBar()
    assert layers is not None
    assert status is not None
    return not layers.updatesEnabled(), not status.updatesEnabled()


def stroke(session: Session) -> None:
    session.set_painting(True)
    session.set_painting(False)


def test_it_is_held_from_the_stroke_until_the_result(
    calm: Calm, session: Session, qtbot: QtBot
) -> None:
    session.set_live(True)
    stroke(session)
    assert calm.held
    session._set_busy(busy=True)
    assert calm._end.interval() == LONGEST_MS
    session._set_busy(busy=False)
    assert calm._end.interval() < LONGEST_MS
    qtbot.waitUntil(lambda: not calm.held)


def test_a_long_job_shows_progress(calm: Calm, session: Session, qtbot: QtBot) -> None:
    session.set_live(True)
    stroke(session)
    session._set_busy(busy=True)
    qtbot.waitUntil(lambda: not calm.held)
    assert session.busy
    session._set_busy(busy=False)
    assert not calm.held


def test_nothing_else_holds(calm: Calm, session: Session) -> None:
    stroke(session)  # live mode is off
    session._set_busy(busy=True)
    session.scribbles_changed.emit()
    assert not calm.held


def test_the_thumbnail_waits_too(
    calm: Calm, session: Session, layer: Labels, qtbot: QtBot
) -> None:
    told: list[bool] = []
    layer.events.thumbnail.connect(lambda _: told.append(calm.held))
    session.set_live(True)
    stroke(session)
    stroke(session)
    layer.data[1, 1] = 1
    layer.refresh()
    assert told == []
    qtbot.waitUntil(lambda: not calm.held)
    assert told == [False]
    layer.refresh()
    assert len(told) == 2


def test_closed(calm: Calm, session: Session) -> None:
    session.set_live(True)
    calm.close()
    stroke(session)
    assert not calm.held


def test_what_napari_draws_is_held_while_the_mouse_paints(
    calm: Calm, session: Session, window: QMainWindow
) -> None:
    session.set_painting(True)
    assert held_around(window) == (True, True)
    assert not calm.held  # the panel tells progress meanwhile
    session.set_painting(False)  # live mode is off: nothing to wait for
    assert held_around(window) == (False, False)


def test_in_live_mode_it_is_held_until_the_result(
    calm: Calm, session: Session, window: QMainWindow, qtbot: QtBot
) -> None:
    session.set_live(True)
    stroke(session)
    assert calm.held
    assert held_around(window) == (True, True)
    session._set_busy(busy=True)
    session._set_busy(busy=False)
    qtbot.waitUntil(lambda: not calm.held)
    assert held_around(window) == (False, False)


def test_a_stroke_whose_end_is_lost_holds_nothing_for_good(
    calm: Calm, session: Session, window: QMainWindow
) -> None:
    session.set_painting(True)
    assert calm._end.interval() == PAINTING_MS
    calm._end.timeout.emit()
    assert held_around(window) == (False, False)


def test_what_is_around_is_held_while_a_series_is_played(
    calm: Calm, session: Session, window: QMainWindow
) -> None:
    session.plane_changed.emit()
    assert held_around(window) == (False, False)  # a single step
    session.plane_changed.emit()
    assert held_around(window) == (True, True)
    calm._played.timeout.emit()
    assert held_around(window) == (False, False)


def test_the_end_of_play_leaves_a_stroke_alone(
    calm: Calm, session: Session, window: QMainWindow
) -> None:
    session.plane_changed.emit()
    session.plane_changed.emit()
    session.set_painting(True)
    calm._played.timeout.emit()
    assert held_around(window) == (True, True)


def test_the_result_is_drawn_before_the_panel(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calm_module, "LONGEST_MS", 20_000)  # on a slow machine, too
    driver.add_image(two_halves())
    driver.session.set_live(True)
    driver.press((10, 6))
    driver.move((10, 24), buttons=LEFT)
    paints = Paints(driver.panel.sections)
    drawn: list[int] = []
    driver.session.tile_done.connect(lambda _: drawn.append(paints.n))
    driver.release((10, 24))
    driver.until(lambda: not driver.session.busy and not driver.panel.calm.held)
    driver.until(lambda: paints.n > 0)
    assert drawn[0] == 0


def test_a_layer_that_is_deleted_under_the_hand(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.press((10, 6))
    assert driver.session.painting
    driver.viewer.layers.remove(driver.layer)
    driver.until(lambda: not driver.session.painting)
    driver.release((10, 6), at=driver.canvas.rect().center())

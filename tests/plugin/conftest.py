"""Nothing that a test opened may outlive it."""

from __future__ import annotations

import gc
import threading
from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import QCoreApplication, QEvent
from qtpy.QtWidgets import QApplication

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QWidget

OURS = "napari_ood_seg"
QT_OWN = {"QTipLabel"}  # Qt keeps the last tooltip
JOIN_S = 2.0  # how long a job may take to notice that its pool was shut down


def windows() -> list[QWidget]:
    return [
        w
        for w in QApplication.topLevelWidgets()
        if not any(w.inherits(name) for name in QT_OWN)
    ]


def our_widgets() -> list[QWidget]:
    return [w for w in QApplication.allWidgets() if type(w).__module__.startswith(OURS)]


def delete_what_was_closed() -> None:
    """Run the deletions that wait for an event loop; a second round for children."""
    for _ in range(2):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    gc.collect()


def running_jobs() -> list[str]:
    jobs = [t for t in threading.enumerate() if t.name.startswith("job_")]
    for thread in jobs:
        thread.join(JOIN_S)
    return [t.name for t in jobs if t.is_alive()]


@pytest.fixture(autouse=True)
def no_leaks(qapp: QApplication, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail if a window, a widget of ours or a job is left.

    napari keeps a few hidden windows of its own, so a test with a viewer is only
    asked about our widgets.
    """
    with_viewer = "make_napari_viewer" in request.fixturenames
    before, ours_before = len(windows()), len(our_widgets())
    yield
    assert running_jobs() == [], "jobs still run: shut the executor down"
    grew = not with_viewer and len(windows()) > before
    if grew or len(our_widgets()) > ours_before:
        delete_what_was_closed()
    assert len(our_widgets()) <= ours_before, f"left: {our_widgets()}"
    assert with_viewer or len(windows()) <= before, f"left: {windows()}"


@pytest.fixture
def user(qtbot: QtBot) -> Any:
    """Mouse and keyboard: the methods that pytest-qt leaves untyped."""
    return qtbot

"""Nothing that a test opened may outlive it."""

from __future__ import annotations

import gc
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

import pytest
from napari import settings as napari_settings
from qtpy.QtCore import QSettings
from qtpy.QtGui import QGuiApplication
from qtpy.QtWidgets import QApplication

from napari_ood_seg.core.data.source import ImageSource
from tests.plugin.driver import Driver, delete_what_was_closed, open_panel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QWidget

WITHOUT_DISPLAY = sys.platform == "linux" and not (
    os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")
)
if WITHOUT_DISPLAY:  # before there is an application, which would end the process
    os.environ["QT_QPA_PLATFORM"] = "offscreen"

OURS = "napari_ood_seg"
QT_OWN = {"QTipLabel"}  # Qt keeps the last tooltip
JOIN_S = 20.0  # the import of torch cannot be stopped


def windows() -> list[QWidget]:
    return [
        w
        for w in QApplication.topLevelWidgets()
        if not any(w.inherits(name) for name in QT_OWN)
    ]


def our_widgets() -> list[QWidget]:
    return [w for w in QApplication.allWidgets() if type(w).__module__.startswith(OURS)]


def running_jobs() -> list[str]:
    jobs = [t for t in threading.enumerate() if t.name.startswith("job_")]
    for thread in jobs:
        thread.join(JOIN_S)
    return [t.name for t in jobs if t.is_alive()]


@pytest.fixture(autouse=True, scope="module")
def what_was_loaded_stays() -> None:
    """Let the collector, which runs several times a test, look at new objects only.

    Libraries that tests before have loaded are millions of objects, which would take
    longer than the tests.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_leaks(qapp: QApplication, request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail if a window, a widget of ours or a job is left.

    napari keeps a few hidden windows of its own, so a test with a viewer is only
    asked about our widgets.
    """
    with_viewer = "viewer" in request.fixturenames
    before, ours_before = len(windows()), len(our_widgets())
    yield
    assert running_jobs() == [], "jobs still run: shut the executor down"
    grew = not with_viewer and len(windows()) > before
    if grew or len(our_widgets()) > ours_before:
        delete_what_was_closed()
    assert len(our_widgets()) <= ours_before, f"left: {our_widgets()}"
    assert with_viewer or len(windows()) <= before, f"left: {windows()}"


@pytest.fixture(autouse=True)
def own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what the plugin remembers out of the user's settings."""
    ini, user = QSettings.Format.IniFormat, QSettings.Scope.UserScope
    QSettings.setPath(ini, user, str(tmp_path / "settings"))
    own = {"_CFG_PATH": tmp_path / "napari.yaml", "_PLUGIN_SETTINGS": {}}
    for name, value in own.items():  # neither is there before napari 0.9
        monkeypatch.setattr(napari_settings, name, value, raising=False)


@pytest.fixture
def viewer(qapp: QApplication, request: pytest.FixtureRequest) -> Viewer:
    """A napari window on the screen; napari draws with OpenGL."""
    platform = QGuiApplication.platformName()
    if platform in ("offscreen", "minimal"):
        pytest.skip(f"napari's window needs OpenGL, which Qt's {platform!r} has not")
    made: Viewer = request.getfixturevalue("make_napari_viewer")(show=True)
    return made


@pytest.fixture
def driver(viewer: Viewer, qtbot: QtBot) -> Driver:
    """The panel beside a viewer without layers, and a hand for mouse and keys."""
    return Driver(viewer, open_panel(viewer), qtbot)


class Gate:
    """Holds jobs back at their next look at the image."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.opened = threading.Event()


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Gate]:
    """Jobs wait where they read the image until ``gate.opened.set()``."""
    gate, read = Gate(), ImageSource.read

    def wait(self: ImageSource, *args: Any, **kw: Any) -> npt.NDArray[np.float32]:
        if threading.current_thread().name.startswith("job"):
            gate.entered.set()
            gate.opened.wait(20)
        return read(self, *args, **kw)

    monkeypatch.setattr(ImageSource, "read", wait)
    yield gate
    gate.opened.set()


@pytest.fixture
def user(qtbot: QtBot) -> Any:
    """Mouse and keyboard: the methods that pytest-qt leaves untyped."""
    return qtbot

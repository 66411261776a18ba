from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog

from napari_ood_seg.core.features.catalogue import CATALOGUE
from napari_ood_seg.core.io import download as downloads
from napari_ood_seg.plugin.preferences import ENGINE
from napari_ood_seg.plugin.start_control import remembered_config
from tests.core.features import backbones
from tests.core.io.hub_server import Hub, serve
from tests.plugin.driver import SMALL, Driver, two_halves

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

NAME = "owner/tiny"


class Valve:
    """Lets the download on only once it is opened."""

    def __init__(self) -> None:
        self.entered, self.opened = threading.Event(), threading.Event()


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one tiny encoder, and an empty cache."""
    backbones.save("convnext", tmp_path / "made")
    files = {p.name: p.read_bytes() for p in (tmp_path / "made").iterdir()}
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    (tmp_path / "hub").mkdir()
    with serve(Hub(files)) as hub:
        original = downloads.download
        monkeypatch.setattr(
            downloads, "download", lambda name: original(name, endpoint=hub.endpoint)
        )
        yield hub


@pytest.fixture
def valve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Valve]:
    valve, fetch = Valve(), downloads._fetch

    def slowly(*args: Any) -> Iterator[int]:
        for n in fetch(*args):
            yield n
            valve.entered.set()
            valve.opened.wait(20)

    monkeypatch.setattr(downloads, "_fetch", slowly)
    yield valve
    valve.opened.set()


@pytest.fixture
def settings(driver: Driver) -> Driver:
    """A panel whose settings are open."""
    driver.panel.sections.reveal("Settings")
    driver.panel.sections.set_expanded("Settings", expanded=True)
    driver.spin()
    return driver


def type_name(driver: Driver, user: Any, text: str) -> None:
    panel = driver.panel.encoder_panel
    user.keyClick(panel._choice, Qt.Key.Key_End)
    user.keyClicks(panel._entry, text)
    user.keyClick(panel._entry, Qt.Key.Key_Return)
    driver.spin()


def test_download_then_train_with_it(hub: Hub, settings: Driver, user: Any) -> None:
    driver, panel = settings, settings.panel.encoder_panel
    driver.add_image(two_halves())
    driver.paint_both()
    driver.panel.sections.reveal("Settings")
    type_name(driver, user, NAME)
    assert driver.session.config.encoder == ""
    assert "huggingface.co/owner/tiny; to download" in panel._about.text()
    user.mouseClick(panel._download, Qt.MouseButton.LeftButton)
    driver.until(lambda: driver.session.config.encoder == NAME)
    driver.until(lambda: not driver.session.busy)
    assert "; on disk." in panel._about.text()
    assert not panel._bar.isVisible()
    assert panel._choice.currentText() == NAME
    driver.train()
    model = driver.session.model
    assert model is not None
    assert model.descriptor.encoder is not None
    assert model.descriptor.encoder.name == NAME
    driver.session.undo()
    driver.until(lambda: panel._choice.current_key() == "")


def test_cancelled_and_taken_up(
    hub: Hub, valve: Valve, settings: Driver, user: Any
) -> None:
    driver, panel = settings, settings.panel.encoder_panel
    driver.until(lambda: driver.session.device != "" and panel._choice.isEnabled())
    type_name(driver, user, NAME)
    user.mouseClick(panel._download, Qt.MouseButton.LeftButton)
    driver.until(valve.entered.is_set)
    driver.until(lambda: panel._bar.text().endswith("MB"))  # the window lives on
    assert panel._cancel.isVisible()
    assert driver.panel.sections.minimumSizeHint().width() <= 340
    user.mouseClick(panel._cancel, Qt.MouseButton.LeftButton)
    valve.opened.set()
    driver.until(lambda: not driver.session.busy)
    driver.until(lambda: panel._download.isVisible())
    assert driver.session.config.encoder == ""
    user.mouseClick(panel._download, Qt.MouseButton.LeftButton)
    driver.until(lambda: driver.session.config.encoder == NAME)


def test_a_refusal_is_told_beside_the_choice(
    hub: Hub, settings: Driver, user: Any
) -> None:
    driver, panel = settings, settings.panel.encoder_panel
    hub.refusal = (403, "GatedRepo")
    type_name(driver, user, NAME)
    user.mouseClick(panel._download, Qt.MouseButton.LeftButton)
    driver.until(lambda: "accept their terms" in panel._message.text())
    driver.until(lambda: not driver.session.busy)
    assert panel._message.isVisible()
    assert panel._download.isVisible()
    assert driver.message[1] == "error"


def test_training_takes_the_place_of_a_download(
    hub: Hub, valve: Valve, settings: Driver, user: Any
) -> None:
    driver, panel = settings, settings.panel.encoder_panel
    driver.add_image(two_halves())
    driver.paint_both()
    type_name(driver, user, NAME)
    user.mouseClick(panel._download, Qt.MouseButton.LeftButton)
    driver.until(valve.entered.is_set)
    driver.session.train()
    valve.opened.set()
    driver.until(lambda: "stopped by something else" in panel._message.text())
    driver.until(lambda: driver.session.model is not None)
    assert not panel._bar.isVisible()


def test_those_on_disk_are_found(tmp_path: Path, hub: Hub, settings: Driver) -> None:
    driver, panel = settings, settings.panel.encoder_panel
    first = CATALOGUE[0]
    driver.until(lambda: panel._choice.count() == 3 + len(CATALOGUE))
    assert panel._choice.findText(f"{first.title} (to download)") == 1
    home = tmp_path / "hub" / f"models--{first.name.replace('/', '--')}"
    backbones.save("dinov2", home / "snapshots" / "c0ffee")
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("c0ffee")
    driver.panel.sections.set_expanded("Settings", expanded=False)
    driver.panel.sections.set_expanded("Settings", expanded=True)
    driver.until(lambda: panel._choice.findText(first.title) == 1)
    panel._choice.setFocus()
    panel._choice.setCurrentIndex(1)
    assert driver.session.config.encoder == first.name


def test_a_file_and_a_folder(
    tmp_path: Path, hub: Hub, settings: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, panel = settings, settings.panel.encoder_panel
    weights = tmp_path / "vgg.pth"
    weights.write_bytes(b"")
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a: (str(weights), ""))
    made = str(tmp_path / "made")
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *a: made)
    panel.browse_requested.emit("from a file")
    assert driver.session.config.encoder == str(weights)
    assert panel._choice.currentText() == "vgg.pth"
    panel.browse_requested.emit("from a folder or name")
    assert driver.session.config.encoder == made
    driver.panel.encoders.take(str(tmp_path / "nothing here"))
    assert "there is no file or folder" in panel._message.text()
    assert driver.session.config.encoder == made
    assert driver.panel.settings_panel._settings == driver.session.config


def test_it_is_remembered_while_it_is_there(
    tmp_path: Path, hub: Hub, driver: Driver
) -> None:
    made = tmp_path / "made"
    driver.session.set_config(replace(SMALL, encoder=str(made)))
    assert remembered_config(driver.panel.preferences).encoder == str(made)
    assert str(made) in driver.panel.preferences.value(ENGINE).replace("\\\\", "\\")
    made.rename(tmp_path / "gone")
    assert remembered_config(driver.panel.preferences).encoder == ""

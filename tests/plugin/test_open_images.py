from __future__ import annotations

from typing import TYPE_CHECKING

import napari
import numpy as np
import tifffile
from napari.utils.notifications import notification_manager
from npe2 import PluginManifest
from qtpy.QtWidgets import QFileDialog

from napari_ood_seg.plugin import open_images
from napari_ood_seg.plugin.layers import source_of

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.plugin.driver import Driver

CUBE = np.random.default_rng(0).integers(0, 4000, (12, 24, 32)).astype(np.uint16)
MODULE = open_images.__name__
NM = tuple(500.0 + 10 * i for i in range(12))


def test_chosen_files_become_layers(
    driver: Driver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = f"wavelengths: {', '.join(map(str, NM))}"
    tifffile.imwrite(tmp_path / "a.tif", CUBE, description=text, metadata=None)
    (tmp_path / "b.tif").write_bytes(b"nothing")
    np.savez(tmp_path / "c.npz", one=CUBE, two=CUBE + 1)
    names = [str(tmp_path / name) for name in ("a.tif", "b.tif", "c.npz")]
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *_: (names, ""))
    monkeypatch.setattr(napari, "current_viewer", lambda: driver.viewer)
    told: list[str] = []
    before = len(notification_manager.records)  # what other tests had to say
    monkeypatch.setattr(open_images, "show_error", told.append)
    open_images.choose_images()
    opened = {layer.name: layer for layer in driver.viewer.layers}
    assert {"a.tif", "c.npz one", "c.npz two"} <= set(opened)
    source = source_of(opened["a.tif"])
    assert source.wavelengths == NM
    np.testing.assert_array_equal(
        source.read(slice(0, 24), slice(0, 32)), CUBE.astype(np.float32)
    )
    (sentence,) = told
    assert sentence.startswith("cannot read 'b.tif'")
    assert len(notification_manager.records) == before


def test_without_a_viewer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(napari, "current_viewer", lambda: None)
    monkeypatch.delattr(QFileDialog, "getOpenFileNames")
    open_images.choose_images()


def test_the_manifest_offers_it() -> None:
    manifest = PluginManifest.from_distribution("napari-ood-seg")
    (item,) = manifest.contributions.menus["napari/file/io_utilities"]
    commands = {c.id: c.python_name for c in manifest.contributions.commands or ()}
    assert commands[getattr(item, "command", "")] == f"{MODULE}:choose_images"

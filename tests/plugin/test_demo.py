from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from napari_ood_seg.core.types import UNKNOWN
from napari_ood_seg.plugin import demo as module
from napari_ood_seg.plugin.demo import open_demo

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot


@pytest.mark.slow
@pytest.mark.parametrize("name", ["histology", "hyperspectral", "operation"])
def test_the_demo_reaches_a_result(viewer: Viewer, qtbot: QtBot, name: str) -> None:
    panel = open_demo(viewer, name)
    done = lambda: panel.session.result is not None and not panel.session.busy  # noqa: E731
    qtbot.waitUntil(done, timeout=60_000)
    qtbot.waitUntil(lambda: not panel.overlays.pending)
    assert panel.session.live
    assert panel.overlays.classes is not None
    shown = set(np.unique(panel.overlays.classes.data[0]).tolist())
    assert shown == {c.id for c in panel.session.classes} | {UNKNOWN}
    assert [la.name for la in viewer.layers if la.name == f"{name} OOD"]
    result = panel.session.result
    assert result is not None
    painted = panel.session.scribbles.to_labels(plane=panel.session.plane)
    agree = result.classes[painted > 0] == painted[painted > 0]
    assert agree.mean() > 0.9


@pytest.mark.parametrize(
    ("asked", "shown"), [("histology", "histology"), ("hyperspectral", "operation")]
)
def test_spectra_are_shown_as_a_series(
    asked: str, shown: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr("napari.Viewer", lambda **_: None)
    monkeypatch.setattr("napari.run", lambda: opened.append("run"))
    monkeypatch.setattr(module, "open_demo", lambda _, name: opened.append(name))
    module.run_demo(asked)
    assert opened == [shown, "run"]

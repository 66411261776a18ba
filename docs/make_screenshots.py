"""Take the screenshots of the documentation from the running program.

    python docs/make_screenshots.py [histology hyperspectral audit guide]

Needs a display with OpenGL (Xvfb will do).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import napari
from qtpy.QtTest import QTest

from napari_ood_seg.plugin.demo import open_demo

if TYPE_CHECKING:
    from collections.abc import Callable

IMAGES = Path(__file__).parent / "images"
SIZE = (1366, 768)


def wait_until(done: Callable[[], bool], what: str) -> None:
    """Run the event loop until `done()` holds, then a little longer."""
    end = time.perf_counter() + 120
    while not done():
        QTest.qWait(100)
        if time.perf_counter() > end:
            raise TimeoutError(what)
    QTest.qWait(500)


def take(name: str) -> Path:
    """Run a demo until its result is complete, and return the picture's path."""
    viewer = napari.Viewer()
    viewer.window.resize(*SIZE)
    sample = "histology" if name in ("audit", "guide") else name
    widget = open_demo(viewer, sample)
    session = widget.session
    wait_until(lambda: session.result is not None and not session.busy, name)
    if name == "audit":
        for title in ("Image", "Classes"):
            widget.sections.set_expanded(title, expanded=False)
        widget.sections.set_expanded("Audit", expanded=True)
        widget.audits.start()
        wait_until(lambda: widget.audits.audit is not None and not session.busy, name)
    if name == "guide":
        session.set_live(live=False)
        for title in ("Image", "Classes", "Train"):
            widget.sections.set_expanded(title, expanded=False)
        for _ in range(2):
            widget.guides.go_next()
            wait_until(lambda: widget.guides.here is not None, name)
    path = IMAGES / f"{name}.png"
    viewer.window.screenshot(str(path), canvas_only=False, flash=False)
    viewer.close()
    return path


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for sample in sys.argv[1:] or ["histology", "hyperspectral", "audit", "guide"]:
        print(take(sample))

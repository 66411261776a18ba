"""Take the screenshots of the documentation from the running program.

    python docs/make_screenshots.py [histology hyperspectral]

Needs a display with OpenGL (Xvfb will do).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import napari
from qtpy.QtTest import QTest

from napari_ood_seg.plugin.demo import open_demo

IMAGES = Path(__file__).parent / "images"
SIZE = (1366, 768)


def take(name: str) -> Path:
    """Run a demo until its result is complete, and return the picture's path."""
    viewer = napari.Viewer()
    viewer.window.resize(*SIZE)
    widget = open_demo(viewer, name)
    end = time.perf_counter() + 120
    while widget.session.busy or widget.session.result is None:
        QTest.qWait(100)
        if time.perf_counter() > end:
            raise TimeoutError(name)
    QTest.qWait(500)
    path = IMAGES / f"{name}.png"
    viewer.window.screenshot(str(path), canvas_only=False, flash=False)
    viewer.close()
    return path


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for sample in sys.argv[1:] or ["histology", "hyperspectral"]:
        print(take(sample))

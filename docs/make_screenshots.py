"""Take the screenshots of the documentation from the running program.

    python docs/make_screenshots.py [histology hyperspectral audit guide explain]

Needs a display with OpenGL (Xvfb will do).
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import napari
from PIL import Image
from qtpy.QtTest import QTest

from napari_ood_seg.plugin.demo import open_demo

if TYPE_CHECKING:
    from collections.abc import Callable

IMAGES = Path(__file__).parent / "images"
SIZE = (1366, 768)
SAMPLES = ("histology", "hyperspectral")
PIXEL = (300, 250)
"""Which one is explained."""


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
    sample = name if name in SAMPLES else "histology"
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
    if name == "explain":
        for title in ("Image", "Classes", "Train", "Result", "Guide"):
            widget.sections.set_expanded(title, expanded=False)
        widget.sections.reveal("Explain")
        widget.explains.watch(on=True)
        widget.explains.explainer.ask(*PIXEL)
        explainer = widget.explains.explainer
        wait_until(lambda: explainer.fresh and bool(explainer.classes), name)
    path = IMAGES / f"{name}.png"
    viewer.window.screenshot(str(path), canvas_only=False, flash=False)
    viewer.close()
    if name == "explain":
        shrink(path)
    return path


def shrink(path: Path) -> None:
    """Keep the right half of a picture, in few colours: the panel is what matters."""
    with Image.open(path) as whole:
        half = whole.convert("RGB").crop((SIZE[0] // 2, 0, *SIZE))
    half.quantize(96, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    IMAGES.mkdir(exist_ok=True)
    for sample in sys.argv[1:] or [*SAMPLES, "audit", "guide", "explain"]:
        print(take(sample))

"""The real program on a stage: for the pictures and the recording."""

from __future__ import annotations

import os
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from PIL import Image, ImageColor
from qtpy.QtCore import QSettings
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QWidget

from napari_ood_seg.core.data.palette import CLASS_COLORS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy as np
    import numpy.typing as npt
    from napari.viewer import Viewer
    from qtpy.QtCore import QRect

    from napari_ood_seg.plugin.widget import OODSegWidget

DOCS = Path(__file__).parent
IMAGES = DOCS / "images"
LOOKS, LOOK_MS = 12_000, 10
"""Patience; in looks and not in seconds, as somebody may halt the process."""
EXACT, MIXED = 80, 120
"""Colours of a picture: the most frequent ones as they are, the others as means."""
STILL = 5
"""Looks at the panel that must find it unchanged: layouts take a few turns."""


class Hand:
    """Mouse and keyboard: what the driver of the tests needs of pytest-qt."""

    def __init__(self) -> None:
        for name in ("mousePress", "mouseRelease", "mouseClick", "keyClick"):
            setattr(self, name, getattr(QTest, name))

    def waitUntil(self, done: Callable[[], bool], *, timeout: float) -> None:  # noqa: N802 - as there
        """Run the event loop until something holds."""
        del timeout
        wait_until(done)


def wait_until(done: Callable[[], bool], *, looks: int = LOOKS) -> None:
    """Run the event loop until `done()` holds.

    Raises
    ------
    TimeoutError
        If it does not after so many `looks`.
    """
    for _ in range(looks):
        if done():
            return
        QTest.qWait(LOOK_MS)
    raise TimeoutError(f"this never came true: {done}")


def settle(viewer: Viewer, widget: OODSegWidget) -> None:
    """Wait until nothing is computed and all is drawn."""
    session, overlays = widget.session, widget.overlays
    wait_until(lambda: not (session.busy or session.ahead) and overlays.still)
    _wait_for_the_layout(widget)
    drawn: list[object] = []
    canvas: Any = viewer.window._qt_viewer.canvas  # noqa: SLF001 - no other way
    canvas._scene_canvas.events.draw.connect(drawn.append)  # noqa: SLF001
    canvas._scene_canvas.update()  # noqa: SLF001
    wait_until(lambda: bool(drawn))
    canvas._scene_canvas.events.draw.disconnect(drawn.append)  # noqa: SLF001


def _wait_for_the_layout(widget: OODSegWidget) -> None:
    seen: list[list[QRect]] = []

    def still() -> bool:
        seen.append([w.geometry() for w in widget.findChildren(QWidget)])
        return len(seen) > STILL and all(now == seen[-1] for now in seen[-STILL:])

    wait_until(still)


@contextmanager
def own_settings() -> Iterator[None]:
    """Start as on the first day, and leave the user's settings alone."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["NAPARI_CONFIG"] = str(Path(folder) / "napari.yaml")
        ini, user = QSettings.Format.IniFormat, QSettings.Scope.UserScope
        QSettings.setPath(ini, user, folder)
        yield


def driver_class() -> Any:  # noqa: ANN401 - the tests are no package of ours
    """Return the hand of the tests, which works with mouse and keys."""
    sys.path.insert(0, str(DOCS.parent))
    from tests.plugin.driver import Driver

    return Driver


def window_picture(viewer: Viewer) -> Image.Image:
    """Return the whole window as it is on the screen."""
    pixels: npt.NDArray[np.uint8] = viewer.window.screenshot(
        canvas_only=False, flash=False
    )
    return Image.fromarray(pixels[..., :3])


def save_small(picture: Image.Image, path: Path) -> None:
    """Write a PNG with few colours, which is a third of the size."""
    few = picture.quantize(palette=palette_of(picture), dither=Image.Dither.NONE)
    few.save(path, optimize=True)


def palette_of(picture: Image.Image, exact: int = EXACT, mixed: int = MIXED) -> Any:  # noqa: ANN401 - pillow's
    """Return a palette that keeps flat colours exactly, those of all classes first."""
    counted = sorted(picture.getcolors(1 << 24) or [], reverse=True)
    flat = [ImageColor.getrgb(c) for c in CLASS_COLORS]
    flat += [cast("Any", color) for _, color in counted]
    kept = [part for color in list(dict.fromkeys(flat))[:exact] for part in color]
    means = picture.quantize(mixed).getpalette() or []
    palette = Image.new("P", (1, 1))
    palette.putpalette([*kept, *means[: 3 * mixed]])
    return palette

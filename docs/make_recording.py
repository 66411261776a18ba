"""Record a live session of the running program as docs/images/live.gif.

    python docs/make_recording.py [path.gif]

Mouse and keyboard are those of the tests. Needs a display with OpenGL
(``xvfb-run -a -s "-screen 0 1600x1000x24"`` will do).
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw
from qtpy.QtCore import QPoint, Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QDockWidget
from stage import (
    IMAGES,
    Hand,
    driver_class,
    own_settings,
    palette_of,
    settle,
    wait_until,
    window_picture,
)

if TYPE_CHECKING:
    import numpy.typing as npt
    from qtpy.QtWidgets import QWidget

SIZE = (900, 640)
FRAME_MS, PAUSE_MS, LOOK_MS = 125, 400, 1400
EXACT, MIXED = 64, 64
STROKES, BRUSH = 3, 7
"""Of each class; in pixels."""
MOVES = 5
"""Of the mouse, for each stroke."""
LEFT = Qt.MouseButton.LeftButton
KEYS = {1: Qt.Key.Key_1, 2: Qt.Key.Key_2, 3: Qt.Key.Key_3}
CLASSES = {1: "Gland", 2: "Nuclei", 3: "Fibres"}
NEW = "Lumen"
POINTER = ((0, 0), (0, 16), (4, 12), (7, 18), (10, 17), (7, 11), (12, 11))


class Film:
    """Frames, and how long each is shown.

    Parameters
    ----------
    driver
        Of the window that is filmed.
    """

    def __init__(self, driver: Any) -> None:  # noqa: ANN401 - from the tests
        self._driver = driver
        self._window: QWidget = driver.canvas.window()
        self._pointer = QPoint(450, 320)
        self.frames: list[Image.Image] = []
        self.durations: list[int] = []

    def shoot(self, duration: int = FRAME_MS) -> None:
        """Take a frame."""
        picture = window_picture(self._driver.viewer).resize(SIZE)
        tip = (self._pointer.x(), self._pointer.y())
        arrow = [(tip[0] + x, tip[1] + y) for x, y in POINTER]
        ImageDraw.Draw(picture).polygon(arrow, fill="white", outline="black")
        self.frames.append(picture)
        self.durations.append(duration)

    def point_at(self, widget: QWidget, where: QPoint | None = None) -> None:
        """Lay the pointer on a widget."""
        there = widget.rect().center() if where is None else where
        self._pointer = widget.mapTo(self._window, there)

    def result(self, duration: int = PAUSE_MS) -> None:
        """Wait for what comes of it, and take a frame."""
        settle(self._driver.viewer, self._driver.panel)
        self.shoot(duration)

    def save(self, path: Path) -> None:
        """Write a GIF whose frames have one palette."""
        some = self.frames[:: max(len(self.frames) // 12, 1)]
        sheet = Image.fromarray(np.concatenate([np.asarray(f) for f in some]))
        palette = palette_of(sheet, EXACT, MIXED)
        few = [f.quantize(palette=palette, dither=0) for f in self.frames]
        few[0].save(
            path,
            save_all=True,
            append_images=few[1:],
            duration=self.durations,
            loop=0,
            optimize=True,
        )


def paint(driver: Any, film: Film, key: int, points: npt.NDArray[np.float64]) -> None:  # noqa: ANN401
    """Choose a class by its key, paint a stroke, and see what comes of it."""
    driver.key(KEYS[key])
    model = driver.session.model
    driver.press(tuple(points[0]))
    for point in points[1:]:
        driver.move(tuple(point), buttons=LEFT)
        film.point_at(driver.canvas, driver.at(point))
        film.shoot()
    QTest.mouseRelease(
        driver.canvas, LEFT, Qt.KeyboardModifier.NoModifier, driver.at(points[-1])
    )
    wait_until(lambda: driver.session.model is not model)
    film.result()


def path_of(coords: npt.NDArray[np.int32]) -> npt.NDArray[np.float64]:
    """Return some points along a stroke, from end to end."""
    spread = coords - coords.mean(0)
    along = spread @ np.linalg.svd(spread.T @ spread)[0][:, 0]
    order = np.argsort(along)
    groups = np.array_split(coords[order], MOVES + 1)
    return np.stack([group.mean(0) for group in groups])


def click(driver: Any, film: Film, text: str) -> None:  # noqa: ANN401
    """Click a button of the panel."""
    button = driver.button(text)
    driver.panel.sections.ensureWidgetVisible(button)
    film.point_at(button)
    film.shoot(PAUSE_MS)
    driver.push(text)


def find_the_unknown(driver: Any, film: Film) -> None:  # noqa: ANN401
    """Go to it, make it a class, and see what comes of it."""
    panel, session = driver.panel, driver.session
    click(driver, film, "Next unknown")
    wait_until(lambda: panel.guides.here is not None)
    film.result(LOOK_MS)
    click(driver, film, "Make it a class...")
    film.result(PAUSE_MS)
    name = panel.guide_panel._name  # noqa: SLF001 - what a person types into
    for letter in NEW:
        QTest.keyClicks(name, letter)
        film.shoot()
    model = session.model
    click(driver, film, "Paint it")
    wait_until(lambda: session.model is not model)
    driver.show_all()
    film.result(LOOK_MS)


def move_the_threshold(driver: Any, film: Film) -> None:  # noqa: ANN401
    """Drag the slider down and up again."""
    slider = driver.panel.results_panel._keep  # noqa: SLF001 - what a person drags
    driver.panel.sections.ensureWidgetVisible(slider)
    for keep in (930, 900, 870, 840, 800, 850, 900, 950):
        slider.setValue(keep)
        share = (keep - slider.minimum()) / (slider.maximum() - slider.minimum())
        x = 8 + round(share * (slider.width() - 16))
        film.point_at(slider, QPoint(x, slider.height() // 2))
        film.result(2 * FRAME_MS)


def record(path: Path) -> Film:
    """Play a session from the first stroke on, and save it."""
    import napari

    from napari_ood_seg.plugin.sample_data import image_layer
    from napari_ood_seg.plugin.widget import OODSegWidget
    from napari_ood_seg.samples import load_sample

    sample = load_sample("histology")
    data, options, _ = image_layer(sample.image)
    viewer = napari.Viewer()
    widget = OODSegWidget(viewer)
    viewer.window.add_dock_widget(widget, name="OOD Seg", area="right")
    driver = driver_class()(viewer, widget, Hand())
    window = driver.canvas.window()
    for dock in window.findChildren(QDockWidget):
        dock.setVisible(dock.isAncestorOf(widget))
    viewer.window.resize(*SIZE)
    for title in widget.sections.titles:
        shown = title in ("Classes", "Train", "Result", "Guide")
        widget.sections.set_expanded(title, expanded=shown)
    driver.add_image(data, **options)
    for key, name in CLASSES.items():
        if key > 1:
            widget.session.add_class()
        widget.session.rename_class(key, name)
    widget.session.set_live(live=True)
    driver.layer.brush_size = BRUSH
    settle(viewer, widget)
    driver.show_all()
    film = Film(driver)
    film.shoot(LOOK_MS)
    for key in CLASSES:
        own = [s for s in sample.scribbles.strokes if s.class_id == key]
        for stroke in sorted(own, key=lambda s: -len(s.coords))[:STROKES]:
            paint(driver, film, key, path_of(stroke.coords))
    find_the_unknown(driver, film)
    move_the_threshold(driver, film)
    film.durations[-1] = 2 * LOOK_MS
    film.save(path)
    viewer.window.remove_dock_widget(widget)
    viewer.close()
    return film


if __name__ == "__main__":
    target = Path(sys.argv[1]) if sys.argv[1:] else IMAGES / "live.gif"
    with own_settings():
        made = record(target)
    print(
        f"{target}: {len(made.frames)} frames, {sum(made.durations) / 1000:.0f} s, "
        f"{target.stat().st_size / 1e6:.1f} MB"
    )

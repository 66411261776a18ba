"""Drives napari as a person does: with the mouse and the keyboard."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt, QTimer
from qtpy.QtGui import QMouseEvent
from qtpy.QtWidgets import QApplication, QPushButton

from napari_ood_seg.core.config import FilterConfig, InstantConfig, PUConfig
from napari_ood_seg.plugin.camera import camera_of
from napari_ood_seg.plugin.panels.message import MessageLine
from napari_ood_seg.plugin.scribble_layer import window_of
from napari_ood_seg.plugin.widget import OODSegWidget

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from weakref import ReferenceType

    import numpy.typing as npt
    from napari.layers import Labels
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot
    from qtpy.QtWidgets import QWidget

    Point = tuple[float, float]

PATIENCE_MS = 20_000
"""Only a test that fails waits so long."""

SMALL = InstantConfig(
    filters=FilterConfig(sigmas=(1.0, 2.0), n_features=6),
    pu=PUConfig(steps=5, members=1),
    tile=32,
)
"""Trains in a moment."""

LEFT, NO_MODIFIER = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
NO_BUTTON = Qt.MouseButton.NoButton
CONTROL = Qt.KeyboardModifier.ControlModifier
SHIFT = Qt.KeyboardModifier.ShiftModifier


def open_panel(viewer: Viewer, name: str = "OOD Seg") -> OODSegWidget:
    """Dock a panel with settings that train quickly."""
    panel = OODSegWidget(viewer)
    panel.session.set_config(SMALL)
    panel.session.edits.clear()  # nobody chose it
    viewer.window.add_dock_widget(panel, name=name, area="right")
    return panel


def two_halves(shape: tuple[int, int] = (64, 64), *, seed: int = 0) -> Any:
    """Return `(h, w, 3)` uint8: dark noise on the left, bright on the right."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 60, (*shape, 3), dtype=np.uint8)
    image[:, shape[1] // 2 :] += 150
    return image


def delete_what_was_closed() -> None:
    """Run the deletions that wait for an event loop; a second round for children."""
    for _ in range(2):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete.value)
    gc.collect()


def is_gone(thing: ReferenceType[Any]) -> bool:
    """Whether nobody has a thing any more."""
    delete_what_was_closed()
    return thing() is None


class Driver:
    """A viewer, its panel, and a hand.

    Parameters
    ----------
    viewer
        On the screen.
    panel
        Docked in it.
    qtbot
        Waits.
    """

    def __init__(self, viewer: Viewer, panel: OODSegWidget, qtbot: QtBot) -> None:
        self.viewer, self.panel, self._bot = viewer, panel, qtbot
        self._hand: Any = qtbot  # pytest-qt leaves mouse and keyboard untyped
        self.session = panel.session
        self.images = panel.images

    @property
    def canvas(self) -> QWidget:
        """The widget that napari draws on."""
        native: QWidget = self.viewer.window._qt_viewer.canvas.native
        return native

    @property
    def layer(self) -> Labels:
        """The scribbles."""
        layer = self.images.scribbles
        assert layer is not None
        return layer

    @property
    def message(self) -> tuple[str, str]:
        """Text and kind of the panel's message."""
        line = self.panel.training_panel.findChildren(MessageLine)[0]
        return line.text(), line.kind()

    def add_image(self, data: Any, **options: Any) -> Any:
        """Add an image, wait until the panel works on it, and show all of it."""
        if "rgb" not in options:
            options["rgb"] = data.ndim >= 3 and data.shape[-1] == 3
        image = self.viewer.add_image(data, **options)
        self.until(lambda: self.images.image is image)
        self.show_all()
        return image

    def show_all(self) -> None:
        """Centre the image; the mouse needs what it points at."""
        self.viewer.reset_view()
        self.canvas.setFocus()

    def until(self, done: Callable[[], bool], *, patience: int = 1) -> None:
        """Run the event loop until something holds, for so many times `PATIENCE_MS`."""
        self._bot.waitUntil(done, timeout=patience * PATIENCE_MS)

    def spin(self) -> None:
        """Let everything happen that is due now."""
        seen: list[int] = []
        QTimer.singleShot(0, lambda: seen.append(1))
        self.until(lambda: bool(seen))

    def world(self, point: Sequence[float]) -> npt.NDArray[np.float64]:
        """Return where in the world a pixel of the image lies, row and column."""
        whole = list(self.layer.world_to_data(self.viewer.dims.point))
        whole[-2:] = np.subtract(point, window_of(self.layer).origin)
        return np.asarray(self.layer.data_to_world(whole))[-2:]

    def at(self, point: Sequence[float]) -> QPoint:
        """Return where on the canvas a pixel of the image lies."""
        camera = camera_of(self.viewer)
        size = np.array([self.canvas.height(), self.canvas.width()])
        centre = np.asarray(camera.center)[-2:]
        row, column = (self.world(point) - centre) * camera.zoom + size / 2
        return QPoint(round(column), round(row))

    def move(self, point: Point, *, buttons: Any = NO_BUTTON) -> None:
        """Move the mouse until napari has noticed: it skips what is too quick."""
        kind, start = QEvent.Type.MouseMove, self.at(point)

        def arrived() -> bool:
            # a job may move the camera still, though not in the middle of a stroke
            at = start if buttons == LEFT else self.at(point)
            pixel, world = 1 / camera_of(self.viewer).zoom, self.world(point)
            there, everywhere = QPointF(at), QPointF(self.canvas.mapToGlobal(at))
            event = QMouseEvent(
                kind, there, everywhere, NO_BUTTON, buttons, NO_MODIFIER
            )
            QApplication.sendEvent(self.canvas, event)
            away = np.abs(np.asarray(self.viewer.cursor.position)[-2:] - world)
            return bool((away <= pixel).all())

        self.until(arrived)

    def press(self, point: Point) -> None:
        """Press the left button."""
        self.move(point)
        self._hand.mousePress(self.canvas, LEFT, NO_MODIFIER, self.at(point))

    def release(self, point: Point, *, at: QPoint | None = None) -> None:
        """Let the left button go; `at`: where on the canvas, without scribbles."""
        there = self.at(point) if at is None else at
        self._hand.mouseRelease(self.canvas, LEFT, NO_MODIFIER, there)
        self.spin()

    def stroke(self, *points: Point) -> None:
        """Paint from point to point, as `(row, column)` of the image."""
        self.press(points[0])
        for point in points[1:]:
            self.move(point, buttons=LEFT)
        self.release(points[-1])

    def drag(self, widget: QWidget, start: QPoint, end: QPoint) -> None:
        """Drag from one point of a widget of the panel to another, in five moves."""
        self._hand.mousePress(widget, LEFT, NO_MODIFIER, start)
        for step in range(1, 6):
            there = QPointF(start + (end - start) * (step / 5))
            everywhere = widget.mapToGlobal(there)
            kind = QEvent.Type.MouseMove
            event = QMouseEvent(kind, there, everywhere, NO_BUTTON, LEFT, NO_MODIFIER)
            QApplication.sendEvent(widget, event)
        self._hand.mouseRelease(widget, LEFT, NO_MODIFIER, end)

    def click(self, point: Point) -> None:
        """Press and release."""
        self.stroke(point)

    def shift_click(self, point: Point) -> None:
        """Press and release while Shift is held."""
        self.move(point)
        self._hand.mouseClick(self.canvas, LEFT, SHIFT, self.at(point))
        self.spin()

    def double_click(self, point: Point) -> None:
        """Press twice."""
        self._hand.mouseDClick(self.canvas, LEFT, NO_MODIFIER, self.at(point))
        self.spin()

    def key(self, key: Qt.Key, modifier: Any = NO_MODIFIER) -> None:
        """Press a key while the canvas has the focus."""
        self.canvas.setFocus()
        self._hand.keyClick(self.canvas, key, modifier)
        self.spin()

    def tab(self, widget: QWidget) -> None:
        """Press Tab while a widget has the focus."""
        self._hand.keyClick(widget, Qt.Key.Key_Tab)
        self.spin()

    def undo(self) -> None:
        """Press Ctrl+Z."""
        self.key(Qt.Key.Key_Z, CONTROL)

    def redo(self) -> None:
        """Press Ctrl+Shift+Z."""
        self.key(Qt.Key.Key_Z, CONTROL | SHIFT)

    def button(self, text: str) -> QPushButton:
        """Return the button of the panel with a text."""
        found: list[QPushButton] = self.panel.findChildren(QPushButton)
        return next(b for b in found if b.text().replace("&", "") == text)

    def push(self, text: str) -> None:
        """Click a button of the panel."""
        button = self.button(text)
        assert button.isEnabled(), f"{text} is disabled"
        self._hand.mouseClick(button, LEFT)

    def paint_both(self) -> None:
        """Paint two strokes of class 1 on the left and two of class 2 on the right."""
        self.stroke((10, 6), (10, 24))
        self.stroke((40, 6), (40, 24))
        if len(self.session.classes) < 2:
            self.panel.classes.add()
        self.panel.classes.select(self.session.classes[1].id)
        self.stroke((10, 40), (10, 58))
        self.stroke((40, 40), (40, 58))

    def train(self) -> None:
        """Click Train once, and wait for the end."""
        self.push("Once")
        self.until(lambda: not self.session.busy)


def pixels(scribbles: Any, *plane: int) -> npt.NDArray[np.uint8]:
    """Return the label image of a plane."""
    out: npt.NDArray[np.uint8] = scribbles.to_labels(plane=plane)
    return out

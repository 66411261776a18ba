"""What somebody does who annotates: strokes and classes, at random."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QLineEdit, QMenu, QPushButton

from napari_ood_seg.plugin.layers import is_candidate
from napari_ood_seg.plugin.panels.class_table import ClassTable
from tests.plugin.driver import LEFT, NO_MODIFIER

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from qtpy.QtWidgets import QWidget

    from tests.plugin.driver import Driver
    from tests.plugin.hand import Hand

    Point = tuple[float, float]

MOST_CLASSES: Final = 8
KEYS: Final = [getattr(Qt.Key, f"Key_{n}") for n in range(1, 10)]
ALT: Final = Qt.KeyboardModifier.AltModifier


class Annotating:
    """Actions named ``do_...``: they return whether they made sense just then.

    Parameters
    ----------
    viewer
        On the screen.
    hand
        Mouse and keyboard.
    """

    driver: Driver

    def __init__(self, viewer: Viewer, hand: Hand) -> None:
        self.viewer, self.hand = viewer, hand
        self.rng = np.random.default_rng()

    def one_of(self, things: Any) -> Any:
        return things[int(self.rng.integers(len(things)))]

    def flip(self) -> bool:
        return bool(self.rng.random() < 0.5)

    def push(self, text: str) -> bool:
        found = self.driver.panel.findChildren(QPushButton)
        button = next(b for b in found if b.text().replace("&", "") == text)
        return self.click(button)

    def click(self, button: QPushButton) -> bool:
        usable = bool(button.isEnabled() and button.isVisibleTo(self.driver.panel))
        if usable:
            self.driver.panel.sections.ensureWidgetVisible(button)
            self.driver.spin()
            self.hand.mouseClick(button, LEFT, NO_MODIFIER, QPoint(8, 8))
        return usable

    def key(self, widget: QWidget, key: Qt.Key, modifier: Any = NO_MODIFIER) -> None:
        widget.setFocus()
        self.hand.keyClick(widget, key, modifier)

    def table(self) -> ClassTable | None:
        """The table of classes, if there is a current row."""
        table: ClassTable = self.driver.panel.classes_panel.findChildren(ClassTable)[0]
        return table if table.currentRow() >= 0 else None

    def point(self) -> Point:
        high, wide = self.driver.layer.data.shape[-2:]
        return (
            float(self.rng.uniform(0.1 * high, 0.9 * high - 1)),
            float(self.rng.uniform(0.1 * wide, 0.9 * wide - 1)),
        )

    def _ready_to_paint(self, *points: Point) -> bool:
        """Choose a class by its key, and show all of the image if that is needed."""
        driver = self.driver
        if driver.images.scribbles is None or not driver.session.classes:
            return False
        driver.layer.visible = True
        self.do_press_number()
        area = driver.canvas.rect().adjusted(5, 5, -5, -5)
        if not all(area.contains(driver.at(p)) for p in points):
            driver.show_all()
        return True

    def images(self) -> list[Any]:
        return [layer for layer in self.viewer.layers if is_candidate(layer)]

    def delete(self, layers: list[Any]) -> bool:
        if layers:
            self.viewer.layers.selection = set(layers)
            self.viewer.layers.remove_selected()
        return bool(layers)

    # ------------------------------------------------------------------ paint
    def do_paint(self) -> bool:
        if self.driver.images.scribbles is None:
            return False
        row, column = self.point()
        _, end = self.point()
        if not self._ready_to_paint((row, column), (row, end)):
            return False
        self.driver.stroke((row, column), (row, end))
        return True

    def do_erase(self) -> bool:
        if self.driver.images.scribbles is None:
            return False
        start, end = self.point(), self.point()
        if not self._ready_to_paint(start, end):
            return False
        self.driver.key(Qt.Key.Key_0)
        self.driver.stroke(start, end)
        if self.flip():
            self.driver.key(Qt.Key.Key_0)
        return True

    def do_fill(self) -> bool:
        if self.driver.images.scribbles is None:
            return False
        labels, point = np.asarray(self.driver.layer.data), self.point()
        if not labels.any() or not self._ready_to_paint(point):
            return False
        plane = labels[self.driver.session.plane]
        painted = np.argwhere(plane)
        if not len(painted):  # filling what is empty would paint it all
            return False
        row, column = (float(v) for v in self.one_of(painted))
        self.driver.show_all()
        self.driver.layer.mode = "fill"
        self.driver.click((row, column))
        self.do_press_number()
        return True

    def do_undo(self) -> bool:
        if self.flip():
            return self.push("↶")
        self.driver.undo()
        return True

    def do_redo(self) -> bool:
        if self.flip():
            return self.push("↷")
        self.driver.redo()
        return True

    def do_press_number(self) -> bool:
        n = len(self.driver.session.classes)
        if n:
            self.driver.key(KEYS[int(self.rng.integers(min(n, len(KEYS))))])
        return n > 0

    def do_new_scribbles(self) -> bool:
        return self.driver.images.scribbles is None and self.push("New scribbles")

    # ---------------------------------------------------------------- classes
    def do_add_class(self) -> bool:
        few = len(self.driver.session.classes) < MOST_CLASSES
        return few and self.push("+ Add")

    def do_rename_class(self) -> bool:
        table = self.table()
        if table is None:
            return False
        self.key(table, Qt.Key.Key_F2)
        for line in table.findChildren(QLineEdit):
            line.setText(self.one_of(("gland", "a, b", "Ж", "")))
            leave = Qt.Key.Key_Return if self.flip() else Qt.Key.Key_Escape
            self.hand.keyClick(line, leave)
        return True

    def do_remove_class(self) -> bool:
        table = self.table()
        if table is None:
            return False
        if self.flip():
            self.key(table, Qt.Key.Key_Delete)
            return True
        return self.push("− Remove")  # noqa: RUF001 - as on the button

    def do_merge_class(self) -> bool:
        for menu in self.driver.panel.classes_panel.findChildren(QMenu):
            if menu.title() == "Merge into" and menu.isEnabled():
                menu.aboutToShow.emit()
                self.one_of(menu.actions()).trigger()
                return True
        return False

    def do_move_class(self) -> bool:
        table = self.table()
        if table is None:
            return False
        if self.flip():
            self.key(table, self.one_of((Qt.Key.Key_Up, Qt.Key.Key_Down)), ALT)
            return True
        return self.push(self.one_of(("▲", "▼")))

    def do_recolor_class(self) -> bool:
        table = self.table()
        if table is None:
            return False
        self.key(table, Qt.Key.Key_Space)
        for dialog in self.driver.panel.findChildren(QColorDialog):
            dialog.setCurrentColor(
                QColor(*(int(v) for v in self.rng.integers(256, size=3)))
            )
            dialog.accept() if self.flip() else dialog.reject()
        return True

"""Classes: the panel's rows and the label that is painted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_ood_seg.core.errors import OODSegError
from napari_ood_seg.plugin.panels.classes import ClassRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.layers import Labels
    from napari.viewer import Viewer

    from napari_ood_seg.plugin.image_control import ImageControl
    from napari_ood_seg.plugin.panels.classes import ClassesPanel
    from napari_ood_seg.session.session import Session

N_KEYS = 9
"""The first classes have a key: their place in the list."""


class ClassControl(QObject):
    """Keeps panel, session and brush at the same class.

    Parameters
    ----------
    viewer
        Its active layer becomes the scribbles when a class is chosen.
    panel
        Shows the classes.
    session
        Holds them.
    images
        Knows the scribbles layer that is painted on.
    """

    def __init__(
        self,
        viewer: Viewer,
        panel: ClassesPanel,
        session: Session,
        images: ImageControl,
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self._panel = panel
        self._session = session
        self._images = images
        self.current: int | None = None
        panel.class_selected.connect(self.select)
        panel.add_requested.connect(self.add)
        panel.rename_requested.connect(self._on_rename)
        panel.color_requested.connect(session.recolor_class)
        panel.move_requested.connect(session.move_class)
        panel.remove_requested.connect(self.remove)
        panel.merge_requested.connect(self.merge)
        session.classes_changed.connect(self._show)
        session.scribbles_changed.connect(self._show)
        images.changed.connect(self._on_image)
        self._layer: Labels | None = None

    def close(self) -> None:
        """Stop following."""
        self._session.classes_changed.disconnect(self._show)
        self._session.scribbles_changed.disconnect(self._show)
        self._images.changed.disconnect(self._on_image)
        self._leave_layer()

    def add(self) -> None:
        """Add a class and paint it."""
        try:
            added = self._session.add_class()
        except OODSegError as error:
            self._session.message.emit(str(error), "error")
            return
        self.select(added.id)

    def select(self, class_id: int) -> None:
        """Paint this class from now on."""
        self.current = class_id
        self._panel.set_current(class_id)
        layer = self._images.scribbles
        if layer is not None:
            layer.selected_label = class_id
            layer.mode = "paint"
            self._viewer.layers.selection.active = layer

    def choose(self, key: str) -> None:
        """Paint the class whose key this is."""
        place = int(key)
        if place <= len(self._session.classes):
            self.select(self._session.classes[place - 1].id)

    def remove(self, class_id: int) -> None:
        """Remove a class and what was painted with it."""
        self._repaint(lambda: self._session.remove_class(class_id))

    def merge(self, class_id: int, into: int) -> None:
        """Give what was painted with a class to another, and go on with that."""
        self._repaint(lambda: self._session.merge_classes(class_id, into))
        self.select(into)

    def _repaint(self, command: Callable[[], None]) -> None:
        """Do what changes strokes, and make the layer show them."""
        tracker = self._images.tracker
        if tracker is not None:
            tracker.catch_up()
        before = self._session.scribbles
        command()
        if tracker is not None:
            tracker.rewrite(before)

    def _on_rename(self, class_id: int, name: str) -> None:
        self._session.rename_class(class_id, name)
        self._show()

    def _on_image(self) -> None:
        layer = self._images.scribbles
        if layer is self._layer:
            return
        self._leave_layer()
        if layer is None:
            return
        self._layer = layer
        layer.events.selected_label.connect(self._on_label)
        if not self._session.classes:
            self.add()
            self._session.edits.clear()  # nobody asked for it
        ids = [c.id for c in self._session.classes]
        self.select(self.current if self.current in ids else ids[0])

    def _leave_layer(self) -> None:
        if self._layer is not None:
            self._layer.events.selected_label.disconnect(self._on_label)
        self._layer = None

    def _on_label(self) -> None:
        """Follow napari's own label control, where it names a class of ours."""
        label = None if self._layer is None else int(self._layer.selected_label)
        if label in {c.id for c in self._session.classes}:
            self.current = label
            self._panel.set_current(label)

    def _show(self) -> None:
        scribbles = self._session.scribbles
        strokes, pixels = scribbles.stroke_counts(), scribbles.pixel_counts()
        rows = [
            ClassRow(
                id=c.id,
                name=c.name,
                color=c.color,
                hotkey=str(place) if place <= N_KEYS else "",
                strokes=strokes.get(c.id, 0),
                pixels=pixels.get(c.id, 0),
            )
            for place, c in enumerate(self._session.classes, start=1)
        ]
        self._panel.set_classes(rows)
        ids = [row.id for row in rows]
        if self.current not in ids:
            self.current = ids[0] if ids else None
            if self.current is not None:
                self.select(self.current)
        self._panel.set_current(self.current)

"""Classes: the panel's rows, the label that is painted, and the number keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QObject

from napari_ood_seg.core.errors import OODSegError
from napari_ood_seg.plugin.keys import N_KEYS, NumberKeys
from napari_ood_seg.plugin.panels.classes import ClassRow

if TYPE_CHECKING:
    from napari.layers import Labels
    from napari.viewer import Viewer

    from napari_ood_seg.plugin.image_control import ImageControl
    from napari_ood_seg.plugin.panels.classes import ClassesPanel
    from napari_ood_seg.session.session import Session


class ClassControl(QObject):
    """Keeps panel, session and brush at the same class.

    Parameters
    ----------
    viewer
        Gets the number keys.
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
        panel.remove_requested.connect(self.remove)
        session.classes_changed.connect(self._show)
        session.scribbles_changed.connect(self._show)
        images.changed.connect(self._on_image)
        self._keys = NumberKeys(viewer, self._on_number)
        self._layer: Labels | None = None
        self._layer_keys: NumberKeys | None = None

    def close(self) -> None:
        """Stop following, and give the keys back."""
        self._session.classes_changed.disconnect(self._show)
        self._session.scribbles_changed.disconnect(self._show)
        self._images.changed.disconnect(self._on_image)
        self._keys.release()
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

    def remove(self, class_id: int) -> None:
        """Remove a class and what was painted with it."""
        if self._images.tracker is not None:
            self._images.tracker.erase(class_id)
        self._session.remove_class(class_id)

    def _on_rename(self, class_id: int, name: str) -> None:
        self._session.rename_class(class_id, name)
        self._show()

    def _on_image(self) -> None:
        """Bind the keys on the new scribbles layer too: its own would shadow them."""
        layer = self._images.scribbles
        if layer is self._layer:
            return
        self._leave_layer()
        if layer is None:
            return
        self._layer = layer
        self._layer_keys = NumberKeys(layer, self._on_number)
        layer.events.selected_label.connect(self._on_label)
        if not self._session.classes:
            self.add()
        ids = [c.id for c in self._session.classes]
        self.select(self.current if self.current in ids else ids[0])

    def _leave_layer(self) -> None:
        if self._layer is not None and self._layer_keys is not None:
            self._layer_keys.release()
            self._layer.events.selected_label.disconnect(self._on_label)
        self._layer = self._layer_keys = None

    def _on_label(self) -> None:
        """Follow napari's own label control, where it names a class of ours."""
        label = None if self._layer is None else int(self._layer.selected_label)
        if label in {c.id for c in self._session.classes}:
            self.current = label
            self._panel.set_current(label)

    def _on_number(self, number: int) -> None:
        if number <= len(self._session.classes):
            self.select(self._session.classes[number - 1].id)

    def _show(self) -> None:
        counts = self._session.scribbles.pixel_counts()
        rows = [
            ClassRow(
                id=c.id,
                name=c.name,
                color=c.color,
                hotkey=str(place) if place <= N_KEYS else "",
                pixels=counts.get(c.id, 0),
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

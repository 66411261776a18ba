"""Classes: the panel's rows, the label that is painted, and the number keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QObject

from napari_ood_seg.core.errors import OODSegError
from napari_ood_seg.plugin.panels.classes import ClassRow

if TYPE_CHECKING:
    from collections.abc import Callable

    from napari.viewer import Viewer

    from napari_ood_seg.plugin.image_control import ImageControl
    from napari_ood_seg.plugin.panels.classes import ClassesPanel
    from napari_ood_seg.session.session import Session

N_KEYS: Final = 9


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
        panel.remove_requested.connect(session.remove_class)
        session.classes_changed.connect(self._show)
        session.scribbles_changed.connect(self._show)
        images.changed.connect(self._on_image)
        for number in range(1, N_KEYS + 1):
            viewer.bind_key(str(number), self._key(number), overwrite=True)

    def close(self) -> None:
        """Stop following, and give the keys back."""
        self._session.classes_changed.disconnect(self._show)
        self._session.scribbles_changed.disconnect(self._show)
        self._images.changed.disconnect(self._on_image)
        for number in range(1, N_KEYS + 1):
            self._viewer.bind_key(str(number), None, overwrite=True)

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

    def _on_rename(self, class_id: int, name: str) -> None:
        self._session.rename_class(class_id, name)
        self._show()

    def _on_image(self) -> None:
        """Bind the keys on the new scribbles layer too: its own would shadow them."""
        layer = self._images.scribbles
        if layer is None:
            return
        for number in range(1, N_KEYS + 1):
            layer.bind_key(str(number), self._key(number), overwrite=True)
        if not self._session.classes:
            self.add()
        self.select(self.current or self._session.classes[0].id)

    def _key(self, number: int) -> Callable[[object], None]:
        def choose(_: object) -> None:
            if number <= len(self._session.classes):
                self.select(self._session.classes[number - 1].id)

        choose.__doc__ = f"Paint class {number}."
        return choose

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

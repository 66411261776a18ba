"""White and dark references of the image that is worked on."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from qtpy.QtCore import QObject
from qtpy.QtWidgets import QFileDialog

from napari_ood_seg.core.errors import OODSegError
from napari_ood_seg.plugin.file_control import settings
from napari_ood_seg.plugin.layers import (
    is_candidate,
    picture_pixels,
    role_of,
    stretched_axes,
)
from napari_ood_seg.plugin.panels.calibration import FILE, NONE
from napari_ood_seg.session.calibration import is_spectral

if TYPE_CHECKING:
    from napari.layers import Image
    from napari.viewer import Viewer
    from qtpy.QtWidgets import QWidget

    from napari_ood_seg.core.data.source import ImageSource
    from napari_ood_seg.plugin.image_control import ImageControl
    from napari_ood_seg.plugin.panels.calibration import CalibrationPanel
    from napari_ood_seg.session.calibration import Reference
    from napari_ood_seg.session.session import Session

_LAYER: Final = "layer "
"""Keys of layers are this and their names; those of files begin with `_USED`."""
_USED: Final = "used "


class CalibrationControl(QObject):
    """Offers open images and files as references, and shows what is used.

    Parameters
    ----------
    viewer
        Has the layers.
    panel
        Shows and asks; only for images with spectra.
    session
        Calibrates.
    images
        Knows the image, and which image each layer is.
    window
        Parent of the dialogs.
    """

    def __init__(
        self,
        viewer: Viewer,
        panel: CalibrationPanel,
        session: Session,
        images: ImageControl,
        window: QWidget,
    ) -> None:
        super().__init__()
        self._viewer = viewer
        self._panel = panel
        self._session = session
        self._images = images
        self._window = window
        panel.white_chosen.connect(self._on_white)
        panel.dark_chosen.connect(self._on_dark)
        panel.take_back_requested.connect(session.take_back)
        session.image_exchanged.connect(self._on_exchanged)
        session.calibration_changed.connect(self._show)
        session.images_changed.connect(self._show)
        images.changed.connect(self._show)
        self._show()

    def close(self) -> None:
        """Stop following."""
        self._session.image_exchanged.disconnect(self._on_exchanged)
        self._session.calibration_changed.disconnect(self._show)
        self._session.images_changed.disconnect(self._show)
        self._images.changed.disconnect(self._show)

    def _show(self) -> None:
        source, used = self._session.source, self._session.calibration
        spectral = source is not None and is_spectral(source)
        self._panel.setVisible(spectral)
        if not spectral:
            return
        layers = [
            la
            for la in self._viewer.layers
            if is_candidate(la) and la is not self._images.image
        ]
        options = [(_LAYER + la.name, la.name) for la in layers]
        white = NONE if used is None else self._key(used.white)
        dark = NONE if used is None or used.dark is None else self._key(used.dark)
        files = [k for k in dict.fromkeys((white, dark)) if k.startswith(_USED)]
        options += [(key, key.removeprefix(_USED)) for key in files]
        self._panel.set_references(options, white, dark)

    def _key(self, reference: ImageSource) -> str:
        layer = self._images.sources.layer_of(reference)
        if layer is None or layer not in self._viewer.layers:
            return _USED + reference.name
        return _LAYER + str(layer.name)

    def _on_white(self, key: str) -> None:
        used = self._session.calibration
        if key == NONE:
            self._session.take_back()
        else:
            self._calibrate(self._chosen(key, "White reference"), used and used.dark)

    def _on_dark(self, key: str) -> None:
        used = self._session.calibration
        if used is None:
            return
        dark = None if key == NONE else self._chosen(key, "Dark reference")
        given = key == NONE or dark is not None
        self._calibrate(used.white if given else None, dark)

    def _calibrate(self, white: Reference | None, dark: Reference | None) -> None:
        """Ask for it; without a white reference somebody thought better of it."""
        self._show()  # what is used until then
        if white is not None:
            self._panel.set_waiting()
            self._session.calibrate(white, dark)

    def _chosen(self, key: str, title: str) -> Reference | None:
        """Return what a key means; `None` if nothing was chosen."""
        used = self._session.calibration
        if key == FILE:
            return self._asked(title)
        if key.startswith(_USED):
            known = () if used is None else (used.white, used.dark)
            name = key.removeprefix(_USED)
            return next((r for r in known if r is not None and r.name == name), None)
        try:
            return self._images.sources.of(
                self._viewer.layers[key.removeprefix(_LAYER)]
            )
        except OODSegError as error:
            self._session.message.emit(str(error), "error")
            return None

    def _asked(self, title: str) -> Path | None:
        from napari_ood_seg.core.io.images import SUFFIXES

        kinds = " ".join(f"*{suffix}" for suffix in SUFFIXES)
        name, _ = QFileDialog.getOpenFileName(
            self._window,
            title,
            str(settings().value("folder", Path.home())),
            f"Images ({kinds});;All files (*)",
        )
        if not name:
            return None
        settings().setValue("folder", str(Path(name).parent))
        return Path(name)

    def _on_exchanged(self, before: ImageSource, after: ImageSource) -> None:
        layer = self._images.sources.layer_of(before)
        if layer is None:
            return
        self._images.sources.put(layer, after)
        self._images.list_images()
        self._images.changed.emit()
        name = f"{layer.name} colour"
        if name in self._viewer.layers:
            picture = self._viewer.layers[name]
            if role_of(picture) == "picture":
                draw = partial(self._draw, picture)
                make = partial(picture_pixels, after, stretched_axes(layer, after))
                self._session.look(make, draw, kind="colour")

    def _draw(self, picture: Image, pixels: Any) -> None:  # noqa: ANN401 - an array
        """Show the colours of the values that are worked on."""
        if picture in self._viewer.layers:
            picture.data = pixels

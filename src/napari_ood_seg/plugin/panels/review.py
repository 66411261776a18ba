"""What opens below the canvas: spectra, and the frames of a series."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import QSignalBlocker, Signal
from qtpy.QtWidgets import QHBoxLayout, QPushButton, QWidget

from napari_ood_seg.plugin.panels.pictures import PictureMenu

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_ood_seg.plugin.panels.pictures import PictureChoice


class ReviewPanel(QWidget):
    """Two buttons that stay down while their dock is open."""

    spectra_toggled = Signal(bool)
    frames_toggled = Signal(bool)
    picture_requested = Signal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._spectra = _button(
            "Spectra",
            "Show below the image the spectrum under the pointer, and mean and spread"
            " of your scribbles and of what the guide found.",
        )
        self._frames = _button(
            "Frames",
            "Show below the image how much of each frame of a series is unknown.",
        )
        self._pictures = PictureMenu()
        self._pictures.chosen.connect(self.picture_requested)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        row.addWidget(self._spectra)
        row.addWidget(self._frames)
        row.addWidget(self._pictures)
        self._spectra.toggled.connect(self.spectra_toggled)
        self._frames.toggled.connect(self.frames_toggled)

    def set_open(
        self, *, spectra: bool | None = None, frames: bool | None = None
    ) -> None:
        """Show which docks are open; those that are not named stay as they are."""
        for button, on in ((self._spectra, spectra), (self._frames, frames)):
            if on is not None:
                with QSignalBlocker(button):
                    button.setChecked(on)

    def set_possible(self, *, spectra: bool, frames: bool) -> None:
        """Show whether there is an image, and whether it is a series."""
        self._spectra.setEnabled(spectra)
        self._frames.setEnabled(frames)

    def set_pictures(self, pictures: Sequence[PictureChoice]) -> None:
        """Show which ways to look at the image there are."""
        self._pictures.set_pictures(pictures)


def _button(text: str, tip: str) -> QPushButton:
    button = QPushButton(text)
    button.setCheckable(True)
    button.setToolTip(tip)
    return button

"""Pick the image and how its axes are read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget
from superqt import QElidingLabel

from napari_ood_seg.plugin.panels.calibration import CalibrationPanel
from napari_ood_seg.plugin.panels.choices import ChoiceBox
from napari_ood_seg.plugin.panels.learned import LearnedMenu

if TYPE_CHECKING:
    from collections.abc import Sequence

    from napari_ood_seg.plugin.panels.learned import Learned


class ImagePanel(QWidget):
    """Image layer, reading of its axes, and what came out of that.

    Attributes
    ----------
    calibration
        Its references, where it has spectra.
    """

    image_selected = Signal(str)
    axes_selected = Signal(str)
    new_scribbles_requested = Signal()
    learn_toggled = Signal(str, bool)
    predict_all_requested = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._image = ChoiceBox(
            name="Image",
            tip="The image layer to scribble on and to segment.",
            empty="No image",
        )
        self._axes = ChoiceBox(
            name="Axes",
            tip="Which axis of the image holds the channels, which one the time.",
        )
        self._new = QPushButton("New scribbles")
        self._new.setToolTip("Make an empty layer of scribbles for this image.")
        self._new.setEnabled(False)
        self._info = QElidingLabel()
        self._info.setIndent(0)
        self.calibration = CalibrationPanel()
        self.calibration.hide()  # until there are spectra
        self._learned = LearnedMenu()
        self._learned.toggled_for.connect(self.learn_toggled)
        self._all = QPushButton("Predict all")
        self._all.setToolTip(
            "Apply the model to all images whose channels fit it, wholly."
        )
        self._all.clicked.connect(lambda: self.predict_all_requested.emit())
        self._image.chosen.connect(self.image_selected)
        self._axes.chosen.connect(self.axes_selected)
        self._new.clicked.connect(lambda: self.new_scribbles_requested.emit())
        self._lay_out()

    def set_images(self, names: Sequence[str], current: str | None) -> None:
        """Show the image layers by name; None: no image is chosen."""
        self._image.set_options([(name, name) for name in names], current)
        self._new.setEnabled(self._image.current_key() is not None)

    def set_learned(self, images: Sequence[Learned]) -> None:
        """Show which images are learned from; nothing is there to choose of one."""
        self._learned.set_images(images)
        several = len(images) > 1
        self._learned.setVisible(several)
        self._all.setVisible(several)

    def set_axes(self, options: Sequence[tuple[str, str]], current: str) -> None:
        """Show the ways to read the axes, as `(key, label)`."""
        self._axes.set_options(options, current)

    def set_info(self, text: str) -> None:
        """Show one line about the image, cut with an ellipsis if too long."""
        self._info.setText(text)
        self._info.setToolTip(text)

    def _lay_out(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(3)
        grid.setColumnStretch(1, 1)
        for row, text in enumerate(("Image", "Axes")):
            label = QLabel(text)
            label.setIndent(0)
            grid.addWidget(label, row, 0)
        grid.addWidget(self._image, 0, 1)
        grid.addWidget(self._new, 0, 2)
        grid.addWidget(self._axes, 1, 1, 1, 2)
        grid.addWidget(self._info, 2, 0, 1, 3)
        grid.addWidget(self.calibration, 3, 0, 1, 3)
        grid.addWidget(self._learned, 4, 0, 1, 2)
        grid.addWidget(self._all, 4, 2)
        self.set_learned(())

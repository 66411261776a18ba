"""What somebody does besides: jobs, layers, views and files, at random."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QMenu, QSlider

from napari_ood_seg.plugin.layers import role_of
from napari_ood_seg.plugin.panels.learned import LearnedMenu
from tests.plugin.annotating import MOST_CLASSES, Annotating
from tests.plugin.driver import two_halves

if TYPE_CHECKING:
    from pathlib import Path

    from napari.layers import Layer
    from napari.viewer import Viewer

    from tests.plugin.hand import Hand

MOST_IMAGES: Final = 3
MOST_LAYERS: Final = 16
SLIDER_KEYS: Final = [
    getattr(Qt.Key, f"Key_{name}")
    for name in ("Left", "Right", "PageUp", "PageDown", "Home", "End")
]


class Working(Annotating):
    """More actions.

    Parameters
    ----------
    folder
        For exports and models.
    """

    def __init__(self, viewer: Viewer, hand: Hand, folder: Path) -> None:
        super().__init__(viewer, hand)
        self.folder = folder
        self.theirs: Layer | None = None
        self._model: Path | None = None

    def settle(self) -> None:
        """Wait until nothing is going on."""
        driver = self.driver
        for _ in range(2):
            driver.until(
                lambda: not (driver.session.busy or driver.panel.overlays.pending)
            )
            driver.spin()

    # ------------------------------------------------------------------- jobs
    def do_train(self) -> bool:
        return self.push("Once")

    def do_toggle_live(self) -> bool:
        return self.push("Off" if self.driver.session.live else "Live")

    def do_stop(self) -> bool:
        """Stop a job that has just begun, or has done something already."""
        if not self.driver.session.busy:
            self.push("Once")
        for _ in range(int(self.rng.integers(6))):
            self.driver.spin()
        return self.push("Off")

    def do_audit(self) -> bool:
        self.driver.panel.sections.set_expanded("Audit", True)
        return self.push("Audit my classes")

    def do_next_unknown(self) -> bool:
        if self.flip():
            return self.push("Next unknown")
        self.driver.key(Qt.Key.Key_U)
        return True

    def do_predict_all(self) -> bool:
        return self.push("Predict all")

    def do_learn_from(self) -> bool:
        """Tick an entry of the menu of images, or take the tick away."""
        buttons = self.driver.panel.image_panel.findChildren(LearnedMenu)
        return self.pick(buttons[0].menu())

    def pick(self, menu: QMenu | None) -> bool:
        """Open a menu and choose an entry."""
        assert menu is not None
        menu.aboutToShow.emit()
        entries = [a for a in menu.actions() if a.isEnabled()]
        if entries:
            self.one_of(entries).trigger()
        return bool(entries)

    def do_check_scribbles(self) -> bool:
        return self.push("Check scribbles")

    def do_make_class(self) -> bool:
        """Make a class from a suggestion, or look at it and think again."""
        self.settle()
        few = len(self.driver.session.classes) < MOST_CLASSES
        if not few or not self.push("Make it a class..."):
            return False
        self.driver.spin()
        return self.push(self.one_of(("Paint it", "Cancel")))

    def do_export(self) -> bool:
        suffix = self.one_of((".npz", ".tif", ".zarr"))
        path = self.folder / f"result{suffix}"
        self.driver.session.export(path, overwrite=path.exists())
        return True

    def do_save_model(self) -> bool:
        if self.driver.session.model is None:
            return False
        self._model = self.folder / "model.oodseg"
        self.driver.panel.files.save(self._model)
        return True

    def do_load_model(self) -> bool:
        if self._model is None:
            return False
        self.driver.panel.files.load(self._model)
        return True

    # ------------------------------------------------------------------- view
    def do_keep(self) -> bool:
        slider = self.driver.panel.results_panel.findChildren(QSlider)[0]
        return self._slide(slider)

    def do_opacity(self) -> bool:
        if self.flip():
            self.driver.key(self.one_of((Qt.Key.Key_Comma, Qt.Key.Key_Period)))
            return True
        return self._slide(self.driver.panel.results_panel.findChildren(QSlider)[1])

    def _slide(self, slider: QSlider) -> bool:
        if slider.isEnabled():
            for _ in range(int(self.rng.integers(1, 4))):
                self.key(slider, self.one_of(SLIDER_KEYS))
        return slider.isEnabled()

    def do_check_box(self) -> bool:
        box = self.one_of(self.driver.panel.results_panel.findChildren(QCheckBox))
        box.click()
        return bool(box.isEnabled())

    def do_legend(self) -> bool:
        self.driver.key(Qt.Key.Key_G)
        return True

    def do_eye(self) -> bool:
        """Click an eye icon of napari's list of layers."""
        layers = list(self.viewer.layers)
        if layers:
            layer = self.one_of(layers)
            layer.visible = not layer.visible
        return bool(layers)

    def do_peek(self) -> bool:
        """Hold the key that shows the bare image, and do something meanwhile."""
        self.driver.canvas.setFocus()
        self.hand.keyPress(self.driver.canvas, Qt.Key.Key_H)
        self.driver.spin()
        if self.flip():
            self.push("Once")
        self.driver.spin()
        self.hand.keyRelease(self.driver.canvas, Qt.Key.Key_H)
        return True

    def do_cycle_view(self) -> bool:
        self.driver.key(Qt.Key.Key_N)
        return True

    def do_step(self) -> bool:
        """Move a slider below the canvas."""
        dims = self.viewer.dims
        if not dims.not_displayed:
            return False
        axis = self.one_of(dims.not_displayed)
        dims.set_current_step(axis, int(self.rng.integers(dims.nsteps[axis])))
        return True

    def do_zoom(self) -> bool:
        middle = self.driver.canvas.rect().center()
        self.hand.wheel(self.driver.canvas, middle, int(self.rng.integers(-3, 4)))
        return True

    def do_pan(self) -> bool:
        """Drag the image while the key for that is held."""
        if self.driver.images.scribbles is None:
            return False
        canvas, start = self.driver.canvas, self.driver.canvas.rect().center()
        end = start + QPoint(*(int(v) for v in self.rng.integers(-80, 80, size=2)))
        canvas.setFocus()
        self.hand.keyPress(canvas, Qt.Key.Key_Space)
        self.hand.drag(canvas, start, end)
        self.hand.keyRelease(canvas, Qt.Key.Key_Space)
        return True

    # ----------------------------------------------------------------- layers
    def do_add_image(self) -> bool:
        """Open an image: colour, grey, channels or a stack; two sizes.

        Three planes each: napari raises where labels have no plane to be painted on.
        """
        if len(self.images()) >= MOST_IMAGES:
            return False
        shape = self.one_of(((64, 64), (48, 80)))
        picture = two_halves(shape, seed=int(self.rng.integers(9)))
        grey = picture[..., 0]
        kinds: tuple[tuple[str, Any], ...] = (
            ("colour", picture),
            ("grey", grey),
            ("bands", np.stack([np.roll(grey, i, 0) // (i + 1) for i in range(3)])),
            ("stack", np.stack([np.roll(grey, 5 * i, 0) for i in range(3)])),
        )
        kind, data = self.one_of(kinds)
        name = self.one_of(("it", "other"))
        image = self.viewer.add_image(data, name=name, rgb=kind == "colour")
        self.driver.spin()
        if kind == "stack" and self.driver.images.image is image:
            self.driver.images.choose(image, "ZYX")
        self.driver.show_all()
        return True

    def do_open_much(self) -> bool:
        """Open and train on one image after the other until as much is open as ever."""
        while len(self.viewer.layers) <= MOST_LAYERS:
            if not self.do_add_image():
                self.delete(self.images()[:1])  # what lies on it stays
                continue
            self.driver.images.choose(self.images()[-1])
            self.do_paint()
            self.do_train()
            self.settle()
        return True

    def do_switch_image(self) -> bool:
        return self._choose(0)

    def do_read_axes(self) -> bool:
        return self._choose(1)

    def _choose(self, which: int) -> bool:
        """Choose another entry of a box of the first section."""
        box = self.driver.panel.image_panel.findChildren(QComboBox)[which]
        if box.count() > 1:
            box.setCurrentIndex(int(self.rng.integers(box.count())))
            self.driver.show_all()
        return bool(box.count() > 1)

    def do_delete_result(self) -> bool:
        overlays = self.driver.panel.overlays
        there = [la for la in (overlays.classes, overlays.heatmap) if la is not None]
        return self.delete(there[: int(self.rng.integers(1, 3))])

    def do_delete_scribbles(self) -> bool:
        layer = self.driver.images.scribbles
        return self.delete([] if layer is None else [layer])

    def do_delete_image(self) -> bool:
        """Delete an image alone, or with what lies on it."""
        images = self.images()
        if not images:
            return False
        image = self.one_of(images)
        gone = [image]
        if self.flip():
            gone += [la for la in self.viewer.layers if la.name.startswith(image.name)]
        return self.delete(gone)

    def do_delete_all(self) -> bool:
        """Delete all layers but the one that is not ours."""
        return self.delete([la for la in self.viewer.layers if la is not self.theirs])

    def do_delete_leftovers(self) -> bool:
        """Delete layers of ours that lie on an image that was deleted."""
        names = [image.name for image in self.images()]
        return self.delete(
            [
                layer
                for layer in self.viewer.layers
                if role_of(layer) is not None
                and not any(layer.name.startswith(name) for name in names)
            ]
        )

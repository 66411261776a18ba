from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPointF
from qtpy.QtGui import QEnterEvent
from qtpy.QtWidgets import QApplication
from vispy import gloo

from napari_ood_seg.plugin.brush_frames import BrushFrames
from napari_ood_seg.plugin.camera import camera_of, drawer_of
from napari_ood_seg.plugin.layers import FACTS
from napari_ood_seg.plugin.preferences import QUICK_BRUSH
from tests.plugin.driver import LEFT, two_halves

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy.typing as npt
    from numpy.random import Generator

    from tests.plugin.driver import Driver

    Picture = npt.NDArray[np.uint8]


class Screen:
    """What is on the canvas after each frame."""

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self.scene: Any = drawer_of(driver.viewer)._scene_canvas
        self.pictures: list[Picture] = []
        self.boxes: list[tuple[int, int, int, int] | None] = []
        self.scene.events.draw.connect(self._on_draw, position="last")

    def _on_draw(self, _: object) -> None:
        self.pictures.append(gloo.read_pixels(alpha=False).copy())
        self.boxes.append(self._driver.panel.frames.box)

    def all_of(self) -> Picture:
        """Have everything drawn, and return it."""
        self.settle()
        before = len(self.pictures)
        self.scene.update()
        self._driver.until(lambda: len(self.pictures) > before)
        assert self.boxes[-1] is None
        return self.pictures[-1]

    def settle(self) -> None:
        """Wait until what is to be drawn has been."""
        frames = self._driver.panel.frames
        self._driver.until(
            lambda: not self.scene._update_pending and not frames.pending
        )

    def check(self) -> None:
        """Compare what is seen with a frame that draws everything."""
        self.settle()
        seen = self.pictures[-1]
        np.testing.assert_array_equal(seen, self.all_of())


@pytest.fixture
def screen(driver: Driver) -> Screen:
    driver.add_image(two_halves())
    driver.paint_both()
    driver.train()
    driver.until(lambda: driver.panel.overlays.still and not driver.panel.calm.held)
    screen = Screen(driver)
    screen.settle()
    return screen


def enter(driver: Driver) -> None:
    """Bring the mouse onto the canvas, so that napari shows its circle."""
    there = QPointF(5, 5)
    QApplication.sendEvent(driver.canvas, QEnterEvent(there, there, there))


def leave(driver: Driver) -> None:
    QApplication.sendEvent(driver.canvas, QEvent(QEvent.Type.Leave))


def small(screen: Screen) -> list[bool]:
    """Return of each frame whether it drew less than a quarter of the canvas."""
    width, height = screen.scene.physical_size
    return [b is not None and b[2] * b[3] < width * height / 4 for b in screen.boxes]


def test_only_what_is_painted_is_drawn_and_all_is_right(
    driver: Driver, screen: Screen
) -> None:
    screen.all_of()
    screen.boxes.clear()
    driver.press((30, 8))
    for column in (12, 16, 20):
        driver.move((30, column), buttons=LEFT)
        screen.settle()
    assert all(small(screen))
    assert len(screen.boxes) >= 3
    screen.check()
    driver.release((30, 20))
    driver.until(lambda: driver.panel.overlays.still)
    screen.check()


@pytest.mark.parametrize("angle", [0.0, 30.0])
def test_scaled_and_turned_layers(driver: Driver, screen: Screen, angle: float) -> None:
    for layer in driver.viewer.layers:
        layer.scale, layer.rotate = (0.5, 1.5), angle
    driver.show_all()
    screen.all_of()
    screen.boxes.clear()
    driver.stroke((30, 8), (34, 20), (50, 22))
    screen.check()
    assert sum(small(screen)) >= 3


def test_the_circle_at_the_mouse_is_followed(driver: Driver, screen: Screen) -> None:
    driver.layer.brush_size = 9
    enter(driver)
    driver.move((20, 20))
    screen.check()
    without = screen.pictures[-1]
    screen.boxes.clear()
    for column in (24, 30, 40):
        driver.move((20, column))
        screen.check()
    assert sum(small(screen)) == 3  # the others are to compare with
    assert (screen.pictures[-1] != without).any()
    leave(driver)
    screen.check()


def test_a_circle_that_stays_is_not_drawn_again(driver: Driver, screen: Screen) -> None:
    enter(driver)
    driver.move((6, 6))
    screen.check()
    screen.boxes.clear()
    driver.layer.paint((50.0, 50.0), 1)
    screen.settle()
    assert screen.boxes
    assert all(small(screen))
    screen.check()


def test_a_press_and_another_class_do_not_draw_everything(
    driver: Driver, screen: Screen
) -> None:
    screen.all_of()
    screen.boxes.clear()
    driver.panel.classes.select(driver.session.classes[0].id)
    driver.press((30, 8))
    screen.settle()
    assert screen.boxes
    assert all(small(screen))
    driver.release((30, 8))
    screen.check()


def fade(driver: Driver) -> None:
    driver.viewer.layers[0].opacity = 0.7


def pan(driver: Driver) -> None:
    camera_of(driver.viewer).center = (20.0, 30.0)


def hide(driver: Driver) -> None:
    driver.viewer.layers[-1].visible = not driver.viewer.layers[-1].visible


def undo(driver: Driver) -> None:
    driver.layer.undo()


def recolour(driver: Driver) -> None:
    driver.session.recolor_class(driver.session.classes[0].id, "#00ffff")


def contour(driver: Driver) -> None:
    driver.layer.contour = 2 - driver.layer.contour


def show_scale(driver: Driver) -> None:
    viewer: Any = driver.viewer
    canvas = getattr(viewer, "canvas", None)
    scale_bar = viewer.scale_bar if canvas is None else canvas.overlays.scale_bar
    scale_bar.visible = not scale_bar.visible


def resize(driver: Driver) -> None:
    window = driver.viewer.window._qt_window
    window.resize(window.width() - 20, window.height() - 10)


CHANGES: list[Callable[[Driver], None]] = [
    *(fade, pan, hide, undo, recolour, contour, show_scale, resize)
]


@pytest.mark.parametrize("change", CHANGES)
def test_whatever_else_changes_draws_everything(
    driver: Driver, screen: Screen, change: Callable[[Driver], None]
) -> None:
    driver.press((30, 8))
    driver.move((30, 12), buttons=LEFT)
    screen.settle()
    change(driver)
    driver.layer.paint((40.0, 40.0), 2)
    screen.check()
    assert None in screen.boxes
    driver.release((30, 12), at=driver.canvas.rect().center())


@pytest.mark.parametrize("seed", range(3))
def test_at_random(driver: Driver, screen: Screen, seed: int) -> None:
    rng = np.random.default_rng(seed)
    enter(driver)
    for _ in range(40):
        act(driver, rng)
        screen.check()
    assert sum(small(screen)) >= 10


def act(driver: Driver, rng: Generator) -> None:
    """Do something that a painter does."""
    here, there = ((*rng.integers(6, 58, 2).tolist(),) for _ in range(2))
    what = rng.integers(6)
    if what < 3:
        driver.stroke(here, there)
    elif what < 4:
        driver.move(here)
    elif what < 5:
        driver.layer.brush_size = int(rng.integers(1, 20))
    else:
        change = CHANGES[rng.integers(len(CHANGES) - 1)]
        change(driver)
        driver.viewer.layers[0].opacity = 1.0


def test_a_volume_is_drawn_as_ever(driver: Driver) -> None:
    facts = {FACTS: {"axes": "ZYX", "wavelengths": None, "bands": None}}
    data = np.stack([two_halves()[..., 0]] * 3)
    driver.add_image(data, rgb=False, metadata=facts)
    driver.viewer.dims.ndisplay = 3
    screen = Screen(driver)
    screen.all_of()
    driver.until(lambda: not driver.panel.frames._whole)
    screen.boxes.clear()
    driver.layer.n_edit_dimensions = 3
    driver.layer.paint((1.0, 20.0, 20.0), 1)
    driver.until(lambda: bool(screen.boxes))
    assert set(screen.boxes) == {None}
    screen.check()
    driver.viewer.dims.ndisplay = 2


def test_a_second_panel_leaves_it_to_the_first(driver: Driver, screen: Screen) -> None:
    first = screen.scene.update
    other = BrushFrames(
        driver.viewer, driver.images, driver.panel.overlays, driver.session
    )
    other.switch(on=True)
    assert screen.scene.update == first
    other.close()
    assert screen.scene.update == first
    driver.stroke((30, 8), (30, 20))
    screen.check()


def set_grid(viewer: Any, *, on: bool) -> None:
    getattr(viewer, "canvas", viewer).grid.enabled = on  # napari 0.9, 0.8


def arranged(driver: Driver, how: str) -> None:
    """Change what takes the mouse."""
    if how == "pan":
        driver.layer.mode = "pan_zoom"
    elif how == "grid":
        set_grid(driver.viewer, on=True)
    elif how == "volume":
        driver.viewer.dims.ndisplay = 3
    elif how == "fixed":
        camera_of(driver.viewer).mouse_zoom = False


@pytest.mark.parametrize("how", ["paint", "pan", "grid", "volume", "fixed"])
def test_what_takes_the_mouse_is_what_vispy_says(
    driver: Driver, screen: Screen, how: str
) -> None:
    arranged(driver, how)
    driver.show_all()
    width, height = screen.scene.size
    places = [(0, 0), (1, 1), (width // 3, height // 2), (width - 2, height - 2)]
    places += [(width - 1, height - 1), (-5, 3), (width + 9, 4)]
    found = [screen.scene.visual_at(at) for at in places]
    assert any(found) == (how != "fixed")
    driver.panel.frames.close()
    assert found == [screen.scene.visual_at(at) for at in places]
    set_grid(driver.viewer, on=False)
    driver.viewer.dims.ndisplay = 2


def test_a_press_draws_no_frame_to_find_the_canvas(
    driver: Driver, screen: Screen, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(screen.scene, "_render_picking", asked.append)
    driver.stroke((30, 8), (30, 20))
    assert not asked
    assert driver.layer.data[30, 8:20].all()


def test_a_napari_that_draws_otherwise_is_left_alone(driver: Driver) -> None:
    screen, frames = Screen(driver), driver.panel.frames
    frames.close()
    drawer, frames._drawer = frames._drawer, object()
    frames.switch(on=True)
    assert "update" not in vars(screen.scene)
    frames._drawer = drawer
    frames.switch(on=True)
    assert "update" in vars(screen.scene)


def lines(screen: Screen) -> list[tuple[int, int]]:
    """Return of each frame that is as wide as the canvas its first and last line."""
    width, height = screen.scene.physical_size
    boxes = [box or (0, 0, width, height) for box in screen.boxes]
    return [(b[1], b[1] + b[3]) for b in boxes if b[2] == width]


@pytest.fixture
def software(screen: Screen) -> None:
    screen.scene.set_current()
    renderer = str(gloo.gl.glGetParameter(gloo.gl.GL_RENDERER))
    if "llvmpipe" not in renderer:
        pytest.skip(f"{renderer} draws results at once")


@pytest.mark.usefixtures("software")
def test_new_results_are_drawn_a_part_at_a_time(driver: Driver, screen: Screen) -> None:
    screen.all_of()
    before = screen.pictures[-1]
    screen.boxes.clear()
    driver.session.set_keep(0.60)
    driver.until(lambda: driver.panel.overlays.still)
    screen.check()
    assert (screen.pictures[-1] != before).any()
    assert None not in screen.boxes[:-1]  # the last is to compare with
    drawn = lines(screen)[:-1]
    height = screen.scene.physical_size[1]
    assert all(last - first < height for first, last in drawn)
    assert len(drawn) >= 2
    seen = {line for first, last in drawn for line in range(first, last)}
    assert seen == set(range(height))


@pytest.mark.usefixtures("software")
def test_what_is_grabbed_is_whole(driver: Driver, screen: Screen) -> None:
    before = screen.all_of()
    driver.session.set_keep(0.60)
    driver.until(lambda: driver.panel.frames.pending)
    grabbed = driver.viewer.screenshot(canvas_only=True, flash=False)
    assert screen.boxes[-1] is None
    screen.check()
    np.testing.assert_array_equal(grabbed[..., :3], screen.pictures[-1])
    assert (grabbed[..., :3] != before).any()


@pytest.mark.usefixtures("software")
@pytest.mark.parametrize("change", CHANGES)
def test_what_changes_while_results_come(
    driver: Driver, screen: Screen, change: Callable[[Driver], None]
) -> None:
    screen.settle()
    driver.session.set_keep(0.60)
    driver.until(lambda: driver.panel.frames.pending)
    change(driver)
    screen.check()
    driver.session.set_keep(0.70)
    driver.until(lambda: driver.panel.frames.pending)
    driver.stroke((30, 8), (34, 20))
    screen.check()
    driver.session.set_keep(0.80)
    driver.until(lambda: driver.panel.frames.pending)
    driver.session.set_keep(0.90)
    driver.until(lambda: driver.panel.overlays.still)
    screen.check()


@pytest.mark.usefixtures("software")
def test_parts_wait_for_the_hand(driver: Driver, screen: Screen) -> None:
    driver.session.set_keep(0.60)
    driver.until(lambda: driver.panel.frames.pending)
    driver.press((30, 8))
    screen.boxes.clear()
    for column in (12, 16, 20):
        driver.move((30, column), buttons=LEFT)
        driver.until(lambda: not screen.scene._update_pending)
    assert screen.boxes
    assert all(small(screen))
    assert driver.panel.frames.pending
    driver.release((30, 20))
    screen.check()


def test_it_can_be_switched_off_and_on(driver: Driver, screen: Screen) -> None:
    native: Any = driver.canvas
    preferences, panel = driver.panel.preferences, driver.panel
    preferences.changed.emit(QUICK_BRUSH, False)
    assert "update" not in vars(screen.scene)
    assert native.updateBehavior() == type(native).UpdateBehavior.NoPartialUpdate
    screen.all_of()
    screen.boxes.clear()
    driver.stroke((30, 8), (30, 20))
    screen.settle()
    assert set(screen.boxes) == {None}
    preferences.changed.emit(QUICK_BRUSH, True)
    driver.stroke((34, 8), (34, 20))
    screen.check()
    assert any(small(screen))
    panel.frames.close()
    panel.frames.close()
    assert "update" not in vars(screen.scene)


def test_what_qt_alone_wants_draws_everything(driver: Driver, screen: Screen) -> None:
    driver.stroke((30, 8), (30, 20))
    screen.settle()
    screen.boxes.clear()
    driver.canvas.update()
    driver.until(lambda: bool(screen.boxes))
    assert screen.boxes == [None]

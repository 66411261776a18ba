from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from weakref import ref

import numpy as np
import pytest
from qtpy.QtCore import Qt

from napari_ood_seg.plugin.widget import OODSegWidget
from tests.contracts.garbage import uncollected
from tests.plugin.driver import (
    PATIENCE_MS,
    Driver,
    delete_what_was_closed,
    is_gone,
    open_panel,
    two_halves,
)

if TYPE_CHECKING:
    from napari.viewer import Viewer
    from pytestqt.qtbot import QtBot

    from tests.plugin.conftest import Gate

PLUGIN = "napari-ood-seg"


def turn_live(driver: Driver, mode: str) -> None:
    driver.push(mode)
    assert driver.session.live == (mode == "Live")
    assert driver.panel.training_panel.mode() == mode.lower()


def jobs() -> list[threading.Thread]:
    return [t for t in threading.enumerate() if t.name.startswith("job_")]


def join_jobs() -> None:
    for thread in jobs():
        thread.join(20)
    assert jobs() == []


def number_keys(provider: Any) -> list[str]:
    return [str(key) for key in provider.keymap if str(key).isdigit()]


def finished(driver: Driver) -> None:
    driver.until(lambda: driver.session.result is not None and not driver.session.busy)


def test_paint_train_see(driver: Driver) -> None:
    driver.add_image(two_halves(), name="it")
    driver.stroke((10, 6), (10, 24))
    driver.stroke((40, 6), (40, 24))
    driver.push("+ Add")
    driver.stroke((10, 40), (10, 58))
    driver.stroke((40, 40), (40, 58))
    driver.train()
    result = driver.session.result
    assert result is not None
    halves = np.repeat([[1, 2]], 32, axis=1)
    assert (result.classes == halves).mean() > 0.94
    assert "it classes" in driver.viewer.layers
    assert driver.message[0].startswith("done in")


def test_live_trains_after_each_stroke(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.paint_both()
    turn_live(driver, "Live")
    finished(driver)
    first = driver.session.model
    driver.stroke((25, 40), (25, 58))
    driver.until(lambda: driver.session.model is not first and not driver.session.busy)
    second = driver.session.model
    driver.undo()
    driver.until(lambda: driver.session.model is not second and not driver.session.busy)
    driver.train()  # the scribbles are the same: nothing breaks
    turn_live(driver, "Off")
    third = driver.session.model
    driver.stroke((30, 40), (30, 58))
    assert not driver.session.busy
    assert driver.session.model is third


def test_live_predicts_the_plane_that_is_shown(driver: Driver) -> None:
    stack = np.stack([two_halves(seed=s)[..., 0] for s in range(3)])
    image = driver.add_image(stack, rgb=False)
    driver.images.choose(image, "ZYX")
    driver.show_all()
    driver.paint_both()
    turn_live(driver, "Live")
    finished(driver)
    driver.viewer.dims.set_current_step(0, 2)
    assert driver.session.plane == (2,)

    def whole() -> bool:
        result = driver.session.result
        return result is not None and bool((result.classes > 0).all())

    driver.until(whole)
    assert not driver.session.busy  # nobody waits for a plane that is stepped to


def test_the_devices_are_offered(driver: Driver) -> None:
    box = driver.panel.training_panel._device
    driver.until(lambda: box.count() > 0)
    keys = [box.itemData(i) for i in range(box.count())]
    assert keys[0] == "auto"
    assert "cpu" in keys
    assert box.currentData() == "auto"


def test_settings_start_from_the_session(viewer: Viewer) -> None:
    panel = OODSegWidget(viewer)
    viewer.window.add_dock_widget(panel)
    assert panel.settings_panel._settings == panel.session.config


def test_folded_sections_are_remembered(viewer: Viewer, user: Any) -> None:
    panel = open_panel(viewer, "a")
    header = panel.sections._sections["Result"].toggleButton()
    user.mouseClick(header, Qt.MouseButton.LeftButton)
    assert not panel.sections.is_expanded("Result")
    again = open_panel(viewer, "b")
    assert not again.sections.is_expanded("Result")
    assert again.sections.is_expanded("Train")


class TestClosing:
    def test_the_dock(self, driver: Driver, gate: Gate) -> None:
        driver.add_image(two_halves())
        driver.paint_both()
        driver.push("Once")
        driver.until(gate.entered.is_set)
        layer, scribbles = driver.layer, driver.session.scribbles
        driver.viewer.window.remove_dock_widget(driver.panel)
        gate.opened.set()
        join_jobs()
        driver.spin()
        assert number_keys(driver.viewer) == []
        assert number_keys(layer) == []
        assert layer in driver.viewer.layers
        layer.data_setitem((np.array([1]), np.array([1])), 1)
        driver.spin()
        assert driver.session.scribbles is scribbles  # nobody follows any more
        driver.viewer.add_image(two_halves(), rgb=True)
        driver.spin()
        assert [la.name for la in driver.viewer.layers if "classes" in la.name] == []

    def test_the_viewer(self, driver: Driver, gate: Gate) -> None:
        driver.add_image(two_halves())
        driver.paint_both()
        driver.push("Once")
        driver.until(gate.entered.is_set)
        driver.viewer.close()
        delete_what_was_closed()
        gate.opened.set()
        join_jobs()

    def test_the_viewer_while_live(self, driver: Driver) -> None:
        driver.add_image(two_halves())
        driver.paint_both()
        turn_live(driver, "Live")
        driver.viewer.close()

    def test_the_dock_before_torch_is_loaded(
        self, viewer: Viewer, monkeypatch: pytest.MonkeyPatch, qtbot: QtBot
    ) -> None:
        go, asked = threading.Event(), threading.Event()

        def slow() -> tuple[tuple[str, str], ...]:
            asked.set()
            go.wait(20)
            return (("cpu", "CPU"),)

        monkeypatch.setattr("napari_ood_seg.core.device.available_devices", slow)
        panel = open_panel(viewer)
        qtbot.waitUntil(asked.is_set, timeout=20_000)
        viewer.window.remove_dock_widget(panel)
        del panel
        delete_what_was_closed()
        go.set()
        join_jobs()

    def test_the_dock_at_once(self, viewer: Viewer) -> None:
        viewer.add_image(two_halves(), rgb=True)
        panel = open_panel(viewer)
        viewer.window.remove_dock_widget(panel)
        delete_what_was_closed()
        assert len(viewer.layers) == 1  # it never came to work on the image

    def test_and_open_again(self, driver: Driver, qtbot: QtBot) -> None:
        image = driver.add_image(two_halves(), name="it")
        driver.paint_both()
        driver.session.rename_class(2, "Bright")
        labels = driver.layer.data.copy()
        driver.viewer.window.remove_dock_widget(driver.panel)
        again = Driver(driver.viewer, open_panel(driver.viewer), qtbot)
        again.until(lambda: again.images.image is image)
        assert again.layer is driver.viewer.layers["it scribbles"]
        np.testing.assert_array_equal(again.session.scribbles.to_labels(), labels)
        assert [c.name for c in again.session.classes] == ["class 1", "Bright"]
        again.train()
        assert "it classes" in driver.viewer.layers

    def test_takes_no_memory(self, viewer: Viewer, qtbot: QtBot) -> None:
        """Results stay in the viewer; features go at once, the rest as garbage."""
        driver = Driver(viewer, open_panel(viewer), qtbot)
        driver.add_image(two_halves(), name="it")
        driver.paint_both()
        driver.train()
        kept = driver.session._workshop._stores()
        features = [ref(store) for own in kept.values() for store in own]
        assert features
        seen = np.asarray(viewer.layers["it classes"].data[0])
        assert seen.any()
        session, panel = ref(driver.session), driver.panel
        del kept, driver
        with uncollected():
            viewer.window.remove_dock_widget(panel)
            join_jobs()
            assert all(store() is None for store in features)
        del panel
        qtbot.waitUntil(lambda: is_gone(session), timeout=PATIENCE_MS)
        np.testing.assert_array_equal(viewer.layers["it classes"].data[0], seen)

    def test_the_next_panel_goes_on_with_the_results(
        self, driver: Driver, qtbot: QtBot
    ) -> None:
        image = driver.add_image(two_halves(), name="it")
        driver.paint_both()
        driver.train()
        image.name = "that"
        layers = list(driver.viewer.layers)
        driver.viewer.window.remove_dock_widget(driver.panel)
        again = Driver(driver.viewer, open_panel(driver.viewer), qtbot)
        again.until(lambda: again.images.image is image)
        driver.viewer.layers["it OOD"].visible = False
        assert not again.panel.overlays.wanted["heatmap"]
        again.train()
        assert list(driver.viewer.layers) == layers


class TestTwice:
    def test_the_menu_shows_the_same_panel(self, viewer: Viewer) -> None:
        first = viewer.window.add_plugin_dock_widget(PLUGIN)
        assert viewer.window.add_plugin_dock_widget(PLUGIN) == first

    def test_the_menus_proxy_is_no_hindrance(
        self, viewer: Viewer, qtbot: QtBot
    ) -> None:
        _, panel = viewer.window.add_plugin_dock_widget(PLUGIN)
        driver = Driver(viewer, panel, qtbot)
        image = driver.add_image(two_halves())
        driver.stroke((10, 6), (10, 24))
        assert len(driver.session.scribbles.strokes) == 1
        viewer.layers.remove(image)
        assert driver.images.image is None

    @pytest.mark.parametrize("closed", [0, 1])
    def test_two_panels_in_one_viewer(
        self, driver: Driver, qtbot: QtBot, closed: int
    ) -> None:
        driver.add_image(two_halves())
        driver.panel.classes.add()
        other = Driver(driver.viewer, open_panel(driver.viewer, "second"), qtbot)
        other.until(lambda: other.images.image is not None)
        assert other.layer is driver.layer
        driver.stroke((10, 6), (10, 24))
        for one in (driver, other):
            assert len(one.session.scribbles.strokes) == 1
        drivers = (driver, other)
        driver.viewer.window.remove_dock_widget(drivers[closed].panel)
        delete_what_was_closed()
        left = drivers[1 - closed]
        left.key(Qt.Key.Key_1)
        assert left.panel.classes.current == 1
        left.key(Qt.Key.Key_2)
        assert left.panel.classes.current == 2
        driver.viewer.window.remove_dock_widget(left.panel)
        delete_what_was_closed()
        assert number_keys(driver.viewer) == []

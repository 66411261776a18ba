from __future__ import annotations

import csv
from typing import TYPE_CHECKING

import numpy as np
import pytest
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QDockWidget, QDoubleSpinBox, QPushButton

from napari_ood_seg.core.types import UNKNOWN
from tests.plugin.driver import LEFT, SHIFT, delete_what_was_closed
from tests.plugin.series import SIZE, STRANGE, N, add_series, train_all

if TYPE_CHECKING:
    from pathlib import Path

    from napari_ood_seg.plugin.panels.frames import FramesPanel
    from tests.plugin.conftest import Gate
    from tests.plugin.driver import Driver


@pytest.fixture
def series(driver: Driver) -> Driver:
    """A series that is predicted, and its dock."""
    add_series(driver)
    train_all(driver)
    driver.push("Frames")
    driver.until(lambda: not driver.panel.reviews.review.stale)
    return driver


def view(driver: Driver) -> FramesPanel:
    found = driver.panel.reviews.view
    assert found is not None
    return found


def push(driver: Driver, text: str) -> None:
    found: list[QPushButton] = view(driver).findChildren(QPushButton)
    button = next(b for b in found if b.text().replace("&", "") == text)
    driver._hand.mouseClick(button, LEFT)
    driver.spin()


def docks(driver: Driver) -> list[str]:
    window = driver.viewer.window._qt_window
    found: list[QDockWidget] = window.findChildren(QDockWidget)
    return [d.windowTitle() for d in found if d.isVisible()]


def test_columns_are_what_the_results_say(series: Driver) -> None:
    shown = view(series).strip.frames()
    assert len(shown) == N
    for i, column in enumerate(shown):
        result = series.session.result_at((i,))
        assert column is not None
        assert result is not None
        labels = result.labels(series.session.keep)
        assert column.unknown == pytest.approx((labels == UNKNOWN).mean())
        assert [s for _, _, s in column.classes] == pytest.approx(
            [(labels == 1).mean(), (labels == 2).mean()]
        )
    assert f"{N} of {N} predicted" in view(series).note()


def test_click_and_keys_go_to_a_frame(series: Driver) -> None:
    strip = view(series).strip
    x = round(strip.column(2).center().x())
    series._hand.mouseClick(strip, LEFT, pos=QPoint(x, strip.height() // 2))
    series.spin()
    assert series.session.plane == (2,)
    assert strip.current() == 2
    assert series.viewer.dims.current_step[1] == 2
    series._hand.keyClick(strip, Qt.Key.Key_Right)
    assert series.session.plane == (3,)
    series._hand.keyClick(strip, Qt.Key.Key_Home)
    assert series.session.plane == (0,)


def test_napari_slider_moves_the_mark(series: Driver) -> None:
    series.viewer.dims.set_current_step(1, 4)
    assert view(series).strip.current() == 4


def test_result_and_mark_come_with_the_frame(series: Driver) -> None:
    series.until(lambda: series.panel.overlays.still)
    series.viewer.dims.set_current_step(1, 3)  # nothing is waited for
    result = series.session.result_at((3,))
    assert result is not None
    layer = series.panel.overlays.classes
    assert layer is not None
    seen = layer._slice.image.raw
    np.testing.assert_array_equal(seen, result.labels(series.session.keep))
    assert not series.panel.overlays.pending
    assert view(series).strip.current() == 3
    assert view(series).note().startswith("Frame 3, ")


def test_areas_are_counted_once_while_frames_fly_by(
    series: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = series.panel.jobs
    series.until(lambda: not jobs._count.isActive())
    shown: list[object] = []
    monkeypatch.setattr(jobs._results, "set_areas", shown.append)
    for frame in (1, 2, 3):
        series.viewer.dims.set_current_step(1, frame)
    assert not shown
    series.until(lambda: not jobs._count.isActive())
    assert len(shown) == 1


def test_next_unknown_by_button_and_key(series: Driver) -> None:
    (spin,) = view(series).findChildren(QDoubleSpinBox)
    spin.setValue(15.0)
    push(series, "Next unknown")
    assert series.session.plane == (STRANGE,)
    series.viewer.dims.set_current_step(1, 0)
    series.key(Qt.Key.Key_U, SHIFT)
    assert series.session.plane == (STRANGE,)
    spin.setValue(99.0)
    series.viewer.dims.set_current_step(1, 0)
    series.key(Qt.Key.Key_U, SHIFT)
    assert series.session.plane == (0,)
    assert series.message == (
        "in no predicted frame more than 99.0 % is unknown",
        "info",
    )


def test_frames_that_are_not_predicted_are_empty(driver: Driver) -> None:
    add_series(driver)
    driver.paint_both()
    driver.push("Frames")
    assert view(driver).strip.frames() == (None,) * N
    driver.train()
    push(driver, "Predict all")
    review = driver.panel.reviews.review
    driver.until(lambda: review.done == N and not driver.session.busy)
    driver.until(lambda: None not in view(driver).strip.frames())
    assert not review.predicting


def test_stop_ends_predicting(driver: Driver, gate: Gate) -> None:
    gate.opened.set()
    add_series(driver)
    driver.paint_both()
    driver.push("Frames")
    driver.train()
    driver.until(lambda: not driver.panel.reviews._soon.isActive())  # all is told
    gate.opened.clear()  # the other frames cannot be read
    review = driver.panel.reviews.review
    review.predict()
    driver.until(lambda: view(driver)._running)
    push(driver, "Stop")
    gate.opened.set()
    driver.until(lambda: not driver.session.busy)
    assert not review.predicting


def test_scribbles_lie_on_the_frame_they_were_painted_on(series: Driver) -> None:
    series.panel.reviews.go(2)
    series.push("Frames")  # the canvas has its old size again
    series.spin()
    series.show_all()
    series.panel.classes.select(1)
    series.stroke((30, 6), (30, 24))
    assert series.session.scribbles.strokes[-1].plane == (2,)
    assert series.layer.data[2, 30, 10] == 1
    assert not series.layer.data[0, 30, 10]


def test_areas_as_a_table(series: Driver, tmp_path: Path) -> None:
    series.panel.reviews.save_csv(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * N
    pixels = np.array([int(r["pixels"]) for r in rows]).reshape(N, 3)
    assert (pixels.sum(1) == SIZE * SIZE).all()
    assert pixels[:, 2].argmax() == STRANGE
    series.panel.reviews.save_csv(tmp_path / "no" / "a.csv")
    assert series.message[1] == "error"


def test_button_and_dock_go_together(series: Driver) -> None:
    assert "Frames" in docks(series)
    series.push("Frames")
    assert "Frames" not in docks(series)
    assert series.panel.reviews.view is None
    series.push("Frames")
    series.until(lambda: "Frames" in docks(series))


@pytest.mark.parametrize("how", ["close_button", "hide_button"])
def test_dock_closed_by_hand(series: Driver, how: str) -> None:
    window = series.viewer.window._qt_window
    found: list[QDockWidget] = window.findChildren(QDockWidget)
    (dock,) = [d for d in found if d.windowTitle() == "Frames"]
    series._hand.mouseClick(getattr(dock.titleBarWidget(), how), LEFT)
    series.spin()
    assert not series.button("Frames").isChecked()
    assert series.panel.reviews.view is None
    series.push("Frames")
    series.until(lambda: "Frames" in docks(series))


def test_no_series_no_frames(driver: Driver) -> None:
    driver.add_image(np.zeros((32, 32), np.uint8))
    assert not driver.button("Frames").isEnabled()
    assert driver.button("Spectra").isEnabled()
    driver.key(Qt.Key.Key_U, SHIFT)
    assert driver.message[0].startswith("in no predicted frame")


def test_dock_closes_with_the_series(series: Driver) -> None:
    other = series.viewer.add_image(np.zeros((32, 32), np.uint8), name="flat")
    series.images.choose(other)
    assert "Frames" not in docks(series)


def test_panel_takes_its_docks_along(series: Driver) -> None:
    series.push("Spectra")
    series.viewer.window.remove_dock_widget(series.panel)
    delete_what_was_closed()
    assert {"Frames", "Spectra"}.isdisjoint(docks(series))

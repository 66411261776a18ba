from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtWidgets import QProgressBar

from napari_ood_seg.core.types import Progress
from tests.plugin.driver import two_halves

if TYPE_CHECKING:
    from tests.plugin.conftest import Gate
    from tests.plugin.driver import Driver


def bar(driver: Driver) -> QProgressBar:
    found: QProgressBar = driver.panel.training_panel.findChildren(QProgressBar)[0]
    return found


def mode(driver: Driver) -> str:
    return driver.panel.training_panel.mode()


def areas(driver: Driver) -> dict[str, str]:
    return dict(driver.panel.results_panel._areas.texts())


def ready(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.paint_both()


def test_once_is_off_again_when_it_is_done(driver: Driver, gate: Gate) -> None:
    ready(driver)
    assert mode(driver) == "off"
    driver.push("Once")
    assert mode(driver) == "once"
    driver.until(gate.entered.is_set)
    driver.until(lambda: bar(driver).format() != "")
    gate.opened.set()
    driver.until(lambda: not driver.session.busy)
    assert mode(driver) == "off"
    assert bar(driver).format() == ""
    text, kind = driver.message
    assert text.startswith("done in ")
    assert kind == "info"


def test_stop(driver: Driver, gate: Gate) -> None:
    ready(driver)
    driver.push("Live")
    assert driver.session.live
    driver.until(gate.entered.is_set)
    driver.push("Off")
    assert mode(driver) == "off"
    gate.opened.set()
    driver.until(lambda: not driver.session.busy)
    assert driver.message == ("stopped", "info")
    assert driver.session.model is None


def test_train_once_finds_what_code_painted(driver: Driver) -> None:
    driver.add_image(two_halves())
    driver.layer.data[5:9, 5:25] = 1
    driver.layer.data[5:9, 40:60] = 2
    driver.train()
    assert driver.session.model is not None
    assert [c.id for c in driver.session.model.classes] == [1, 2]


def test_areas_and_promise(driver: Driver) -> None:
    ready(driver)
    driver.train()
    driver.until(lambda: bool(areas(driver)))
    assert (
        {"class 1", "class 2"}
        <= areas(driver).keys()
        <= {
            "class 1",
            "class 2",
            "unknown",
        }
    )
    promise = driver.panel.results_panel._promise.text()
    assert re.fullmatch(r"Checked on \d held-out strokes\.", promise)
    assert driver.button("Export...").isEnabled()
    result = driver.session.result
    assert result is not None
    driver.session.set_keep(0.5)
    unknown = float(np.mean(result.typicality < 0.5))
    assert areas(driver)["unknown"] == f"{100 * unknown:.1f} %"
    driver.until(lambda: not driver.panel.overlays.pending)


def test_another_image_has_no_result_yet(driver: Driver) -> None:
    ready(driver)
    driver.train()
    other = driver.viewer.add_image(two_halves(), rgb=True, name="other")
    driver.images.choose(other)
    assert not driver.button("Export...").isEnabled()


def test_the_time_that_is_left(driver: Driver) -> None:
    jobs = driver.panel.jobs
    jobs._on_progress(Progress(done=0, total=10, stage="fitting"))
    jobs._show_progress()
    assert bar(driver).text() == "fitting, 0 %"
    jobs._stage_began -= 30
    jobs._on_progress(Progress(done=5, total=10, stage="fitting"))
    jobs._show_progress()
    assert bar(driver).text() == "fitting, 50 %, 31 s left"
    jobs._on_progress(Progress(done=1, total=2, stage="predicting"))
    jobs._show_progress()
    assert bar(driver).text() == "predicting, 50 %"


def test_a_warning_outlives_the_end_of_the_job(driver: Driver, gate: Gate) -> None:
    ready(driver)
    driver.push("Once")
    driver.until(gate.entered.is_set)
    driver.session.message.emit("mind this", "warning")
    gate.opened.set()
    driver.until(lambda: not driver.session.busy)
    driver.spin()
    assert driver.message == ("mind this", "warning")
    driver.session.message.emit("saved", "info")
    assert driver.message == ("saved", "info")


def test_nothing_is_counted_under_a_painting_hand(driver: Driver) -> None:
    ready(driver)
    driver.train()
    driver.until(lambda: bool(areas(driver)))
    control = driver.panel.jobs
    driver.panel.results_panel.set_areas([])
    driver.press((10, 6))
    control._count.timeout.emit()
    assert areas(driver) == {}
    assert control._count.isActive()  # it tries again
    driver.release((10, 6))
    driver.until(lambda: bool(areas(driver)))

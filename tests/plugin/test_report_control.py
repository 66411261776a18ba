from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from napari_ood_seg.plugin.report_control import ReportControl
from tests.plugin.series import add_series, train_all

if TYPE_CHECKING:
    from pathlib import Path

    from tests.plugin.driver import Driver


@pytest.fixture
def reports(driver: Driver) -> ReportControl:
    panel = driver.panel
    return ReportControl(driver.session, panel.spectra, panel.files)


def test_page_of_a_frame(
    driver: Driver, reports: ReportControl, tmp_path: Path
) -> None:
    add_series(driver)
    train_all(driver)
    path = tmp_path / "report.png"
    reports.save(path)
    driver.until(path.exists)
    with Image.open(path) as picture:
        assert picture.size == (1600, 1130)
        pixels = np.asarray(picture.convert("RGB"))
    colors = {c.color for c in driver.session.classes}
    swatches = {
        f"#{r:02x}{g:02x}{b:02x}"
        for r, g, b in np.unique(pixels[700:1100, 1000:1100].reshape(-1, 3), axis=0)
    }
    assert colors <= swatches
    assert driver.message == ("wrote report.png", "info")


def test_page_as_a_document(
    driver: Driver, reports: ReportControl, tmp_path: Path
) -> None:
    add_series(driver)
    train_all(driver)
    path = tmp_path / "report.pdf"
    reports.save(path)
    driver.until(lambda: driver.message[0] == "wrote report.pdf")
    assert path.read_bytes().startswith(b"%PDF")


def test_nothing_to_report_on(
    driver: Driver, reports: ReportControl, tmp_path: Path
) -> None:
    reports.save(tmp_path / "report.png")
    assert driver.message == ("there is no result to report on yet", "warning")


def test_where_nothing_can_be_written(
    driver: Driver, reports: ReportControl, tmp_path: Path
) -> None:
    add_series(driver)
    train_all(driver)
    for name in ("report.png", "report.pdf"):
        reports.save(tmp_path / "no" / name)
        driver.until(lambda: driver.message[1] == "error")
        assert driver.message[0].startswith("cannot write")
        driver.session.message.emit("", "info")

from __future__ import annotations

from typing import Any

import pytest

from napari_ood_seg.plugin.panels.meter import TypicalityMeter


@pytest.fixture
def meter(user: Any) -> TypicalityMeter:
    meter = TypicalityMeter()
    user.addWidget(meter)
    meter.resize(240, meter.height())
    meter.show()
    return meter


def test_says_what_it_shows(meter: TypicalityMeter) -> None:
    assert meter.text() == ""
    meter.set_threshold(0.01)
    meter.set_typicality(0.25)
    assert meter.text() == "Typicality 0.25, unknown below 0.01"
    assert meter.accessibleName() == meter.text()


def test_picture_follows_typicality_and_threshold(meter: TypicalityMeter) -> None:
    pictures = []
    for typicality, threshold in ((0.2, 0.05), (0.8, 0.05), (0.8, 0.5)):
        meter.set_typicality(typicality)
        meter.set_threshold(threshold)
        pictures.append(meter.grab().toImage())
    assert pictures[0] != pictures[1]
    assert pictures[1] != pictures[2]


def test_grows_with_the_font(meter: TypicalityMeter) -> None:
    before, font = meter.height(), meter.font()
    font.setPointSize(2 * max(font.pointSize(), 8))
    meter.setFont(font)
    assert meter.height() > 1.5 * before

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QPushButton, QWidget

from napari_ood_seg.plugin.panels.explain import ExplainPanel, HistogramRow, PixelView
from napari_ood_seg.plugin.panels.pick_list import PickList, PickRow
from napari_ood_seg.plugin.panels.plots import Bar, BarPlot, Histogram, HistogramPlot

LEFT = Qt.MouseButton.LeftButton


def bars(*values: float) -> tuple[Bar, ...]:
    return tuple(
        Bar(name=f"class {i}", color="#56b4e9", value=v, text=f"{v:.2f}")
        for i, v in enumerate(values, start=1)
    )


def pixel(title: str = "liver", *, typicality: float = 0.5) -> PixelView:
    return PixelView(
        color="#56b4e9",
        title=title,
        place="3, 4",
        typicality=typicality,
        distances=bars(0.9, 3.0),
        probabilities=bars(0.75, 0.25),
        note="Like what you painted. fat is 3.3 times as far.",
        reasons="OOD score -1.00: mahalanobis++ -1.00",
    )


def row(name: str, *, at: int = 0) -> HistogramRow:
    shares = np.zeros(20)
    shares[at] = 1.0
    return HistogramRow(
        name=name,
        histogram=Histogram(color="#56b4e9", bars=shares, line=np.full(20, 0.05)),
        note=f"{name}: 3 strokes held out.",
    )


@pytest.fixture
def panel(user: Any) -> ExplainPanel:
    panel = ExplainPanel()
    user.addWidget(panel)
    panel.resize(300, 600)
    panel.show()
    return panel


def shown_bars(panel: ExplainPanel) -> tuple[Bar, ...]:
    (plot,) = panel.findChildren(BarPlot)
    return tuple(plot.bars())


def choices(panel: ExplainPanel) -> tuple[QComboBox, QComboBox]:
    view, of_class = panel.findChildren(QComboBox)
    return view, of_class


def test_empty_panel_is_a_hint(panel: ExplainPanel) -> None:
    assert panel._hint.isVisible()
    assert "Shift+click" in panel._hint.text()
    assert not panel._about.isVisible()
    assert not any(t.isVisible() for t in panel.findChildren(PickList))
    assert not any(t.isVisible() for t in panel.findChildren(HistogramPlot))
    assert not panel._clear.isEnabled()


def test_pixel_and_no_pixel(panel: ExplainPanel) -> None:
    panel.set_pixel(pixel())
    assert not panel._hint.isVisible()
    assert panel._title.text() == "liver"
    assert panel._place.text() == "3, 4"
    assert panel._note.toolTip().startswith("OOD score")
    assert panel._meter.text() == "Typicality 0.5, unknown below 0.05"
    panel.set_pixel(pixel(), stale=True)
    assert panel._place.text().startswith("updating")
    panel.set_pixel(None)
    assert panel._hint.isVisible()
    assert panel._meter.text() == ""


def test_distances_or_probabilities(panel: ExplainPanel) -> None:
    panel.set_pixel(pixel())
    view, _ = choices(panel)
    assert shown_bars(panel) == pixel().distances
    view.setCurrentIndex(1)
    assert shown_bars(panel) == pixel().probabilities
    panel.set_pixel(pixel("fat"))
    assert shown_bars(panel) == pixel().probabilities


def test_threshold(panel: ExplainPanel) -> None:
    panel.set_pixel(pixel(typicality=0.0001))
    panel.set_keep(0.9)
    assert panel._meter.text() == "Typicality <0.001, unknown below 0.1"


def test_click_on_a_stroke_asks(panel: ExplainPanel, user: Any) -> None:
    asked: list[int] = []
    panel.stroke_picked.connect(asked.append)
    rows = [PickRow(color="#888888", cells=(n, "0.9"), tip=n) for n in "ab"]
    panel.set_strokes(rows)
    (table,) = panel.findChildren(PickList)
    item = table.item(1, 0)
    assert item is not None
    user.mouseClick(table.viewport(), LEFT, pos=table.visualItemRect(item).center())
    assert asked == [1]
    panel.set_strokes(())
    assert not table.isVisible()


def test_following_and_clearing_ask(panel: ExplainPanel, user: Any) -> None:
    said: list[object] = []
    panel.follow_toggled.connect(said.append)
    panel.clear_requested.connect(lambda: said.append("clear"))
    (follow,) = panel.findChildren(QCheckBox)
    follow.click()
    panel.set_following(False)  # tells nobody
    panel.set_pixel(pixel())
    user.mouseClick(panel.findChildren(QPushButton)[0], LEFT)
    assert said == [True, "clear"]


def test_histogram_of_the_chosen_class_stays(panel: ExplainPanel) -> None:
    panel.set_histograms([row("liver"), row("fat", at=3)])
    _, box = choices(panel)
    assert panel._spread.text().startswith("liver")
    panel.choose_class("fat")
    assert panel._spread.text().startswith("fat")
    panel.set_histograms([row("bone"), row("liver"), row("fat")])
    assert box.currentText() == "fat"
    panel.set_histograms([row("bone")])
    assert panel._spread.text().startswith("bone")
    panel.choose_class("nothing")
    assert box.currentText() == "bone"
    panel.set_histograms(())
    assert not panel._spreads.isVisible()


def test_everything_has_a_tooltip(panel: ExplainPanel) -> None:
    widgets: list[QWidget] = [panel._bars, panel._histogram, panel._meter]
    for kind in (QPushButton, QCheckBox, QComboBox, PickList):
        widgets += panel.findChildren(kind)
    assert len(widgets) == 8
    for widget in widgets:
        assert widget.toolTip(), widget


def test_nothing_is_cut_off_in_a_narrow_dock(panel: ExplainPanel, user: Any) -> None:
    panel.set_pixel(pixel())
    panel.set_histograms([row("liver")])
    panel.resize(panel.minimumSizeHint())
    about = panel._about
    user.waitUntil(lambda: about.height() >= about.minimumSizeHint().height())
    assert panel.minimumSizeHint().width() < 300
    assert panel._bars.geometry().bottom() < about.height()

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Literal

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QAbstractSpinBox, QCheckBox, QComboBox, QGroupBox, QLineEdit

from napari_ood_seg.plugin.panels.settings import SettingsPanel

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


class Head(Enum):
    GAUSS = "gauss"
    NNPU = "nnpu"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tiles:
    size: int = 512
    halo: int = 64

    def __post_init__(self) -> None:
        if self.size <= self.halo:
            raise ValueError(f"need size > halo, got {self.size} and {self.halo}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    shrinkage: float = field(
        default=1e-6, metadata={"label": "Shrink", "tooltip": "S."}
    )
    folds: int = field(default=5, metadata={"min": 2, "max": 9})
    cosine: bool = True
    mode: Literal["fast", "exact"] = "fast"
    head: Head = Head.GAUSS
    note: str = ""
    scales: tuple[float, ...] = (1.0, 2.0)
    tiles: Tiles = field(default_factory=Tiles)


@pytest.fixture
def panel(qtbot: QtBot) -> SettingsPanel:
    panel = SettingsPanel()
    qtbot.addWidget(panel)
    panel.set_settings(Config())
    panel.show()
    return panel


@pytest.fixture
def told(panel: SettingsPanel) -> list[Any]:
    told: list[Any] = []
    panel.settings_changed.connect(told.append)
    return told


def native(panel: SettingsPanel, *path: str) -> Any:
    return panel._inputs[path].native


def type_number(user: Any, spin: QAbstractSpinBox, text: str) -> None:
    spin.selectAll()
    user.keyClicks(spin, text)
    user.keyClick(spin, Qt.Key.Key_Return)


def test_form_has_a_widget_for_each_supported_field(panel: SettingsPanel) -> None:
    kinds = {
        path[-1]: type(control.native).__mro__
        for path, control in panel._inputs.items()
    }
    assert QAbstractSpinBox in kinds["shrinkage"]
    assert QAbstractSpinBox in kinds["folds"]
    assert QCheckBox in kinds["cosine"]
    assert QComboBox in kinds["mode"]
    assert QComboBox in kinds["head"]
    assert QLineEdit in kinds["note"]
    assert "scales" not in kinds
    assert [g.title() for g in panel.findChildren(QGroupBox)] == ["Tiles"]
    assert native(panel, "shrinkage").toolTip() == "S."


def test_small_numbers_keep_their_digits(panel: SettingsPanel) -> None:
    assert panel._inputs["shrinkage",].value == 1e-6


def test_typed_number_tells_new_settings(
    panel: SettingsPanel, told: list[Any], user: Any
) -> None:
    type_number(user, native(panel, "folds"), "7")
    assert told[-1] == Config(folds=7)
    assert told[-1].shrinkage == 1e-6


def test_every_kind_of_input_tells(
    panel: SettingsPanel, told: list[Any], user: Any
) -> None:
    user.keyClick(native(panel, "cosine"), Qt.Key.Key_Space)
    user.keyClick(native(panel, "mode"), Qt.Key.Key_Down)
    user.keyClick(native(panel, "head"), Qt.Key.Key_Down)
    user.keyClicks(native(panel, "note"), "x")
    type_number(user, native(panel, "tiles", "size"), "256")
    assert told[-1] == Config(
        cosine=False, mode="exact", head=Head.NNPU, note="x", tiles=Tiles(size=256)
    )


def test_set_settings_is_silent(panel: SettingsPanel, told: list[Any]) -> None:
    panel.set_settings(Config(folds=3, note="n", shrinkage=0.25, mode="exact"))
    assert told == []
    assert native(panel, "note").text() == "n"
    assert native(panel, "folds").value() == 3
    assert native(panel, "mode").currentText() == "exact"


def test_refused_value_is_told_and_not_sent(
    panel: SettingsPanel, told: list[Any]
) -> None:
    size, halo = native(panel, "tiles", "size"), native(panel, "tiles", "halo")
    size.setValue(32)
    assert told == []
    assert panel._refusal.isVisible()
    assert panel._refusal.text() == "need size > halo, got 32 and 64"
    halo.setValue(8)  # together they are valid
    assert told == [Config(tiles=Tiles(size=32, halo=8))]
    assert not panel._refusal.isVisible()


def test_value_beyond_the_limits_of_the_form_is_shown(panel: SettingsPanel) -> None:
    panel.set_settings(Config(folds=20))
    assert native(panel, "folds").value() == 20


def test_reset_goes_back_to_the_defaults(
    panel: SettingsPanel, told: list[Any], user: Any
) -> None:
    panel.set_settings(Config(folds=3, scales=(4.0,)))
    user.mouseClick(panel._reset, Qt.MouseButton.LeftButton)
    assert told == [Config()]
    assert native(panel, "folds").value() == 5
    user.mouseClick(panel._reset, Qt.MouseButton.LeftButton)
    assert told == [Config()]  # nothing to tell


def test_another_dataclass_gets_another_form(
    panel: SettingsPanel, told: list[Any]
) -> None:
    panel.set_settings(Tiles())
    assert list(panel._inputs) == [("size",), ("halo",)]
    native(panel, "halo").setValue(9)
    assert told == [Tiles(halo=9)]

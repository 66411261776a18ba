"""A form for any frozen dataclass of settings."""

from __future__ import annotations

from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from magicgui.widgets import create_widget
from magicgui.widgets.bases import RangedWidget, ValueWidget
from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QDoubleSpinBox,
    QFormLayout,
    QGroupBox,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from napari_ood_seg.plugin.panels.check_list import CheckList
from napari_ood_seg.plugin.panels.message import MessageLine
from napari_ood_seg.plugin.panels.settings_fields import (
    changed,
    defaults,
    entries,
    value_at,
)
from napari_ood_seg.plugin.panels.wheel import WheelGuard

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

    from napari_ood_seg.plugin.panels.settings_fields import Entry, Path

    Control = ValueWidget[Any] | CheckList

_LIMITS = {"min": -1e9, "max": 1e9}
_MOST_DECIMALS = 12


class SettingsPanel(QWidget):
    """Edits the fields of a dataclass; a refused value is told, not sent."""

    settings_changed = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings: DataclassInstance | None = None
        self._pending: dict[Path, object] = {}
        self._inputs: dict[Path, Control] = {}
        self._form = QWidget()
        self._refusal = MessageLine(lines=2)
        self._reset = QPushButton("Reset to defaults")
        self._reset.setToolTip("Give every setting the value that it had at first.")
        self._reset.setEnabled(False)
        self._refusal.hide()
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(3)
        for widget in (self._form, self._refusal, self._reset):
            self._column.addWidget(widget)
        self._reset.clicked.connect(self._on_reset_clicked)

    def set_settings(self, settings: DataclassInstance) -> None:
        """Show `settings`; what was refused until now is forgotten."""
        rebuild = type(settings) is not type(self._settings)
        self._settings = settings
        self._pending.clear()
        self._refusal.hide()
        self._reset.setEnabled(True)
        if rebuild:
            self._rebuild()
        for path, control in self._inputs.items():
            _show_value(control, value_at(settings, path))

    def _rebuild(self) -> None:
        """Make a new form for the type of the settings."""
        self._inputs = {}
        old, self._form = self._form, QWidget()
        self._column.replaceWidget(old, self._form)
        old.hide()
        old.deleteLater()
        self._fill(self._form, type(self._settings), path=())
        for control in [*self._inputs.values()][-1:]:  # Reset was there before
            self.setTabOrder(cast("QWidget", control.native), self._reset)

    def _fill(self, box: QWidget, settings: type[Any], *, path: Path) -> None:
        form = QFormLayout(box)
        form.setContentsMargins(0, 0, 0, 0)
        form.setSpacing(3)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        for entry in entries(settings, path=path):
            if entry.elsewhere:
                continue
            if entry.is_group:
                group = QGroupBox(entry.label)
                group.setToolTip(entry.tooltip)
                form.addRow(group)
                self._fill(group, entry.hint, path=entry.path)
                group_form = cast("QFormLayout", group.layout())
                group_form.setContentsMargins(6, 10, 6, 4)
            else:
                self._add_input(form, entry)

    def _add_input(self, form: QFormLayout, entry: Entry) -> None:
        control = _input(entry)
        control.changed.connect(partial(self._on_input_changed, entry.path))
        self._inputs[entry.path] = control
        native = cast("QWidget", control.native)
        if isinstance(native, QCheckBox):
            native.setText("")  # the label says it
        native.setToolTip(entry.tooltip)
        native.setAccessibleName(entry.label)
        native.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        WheelGuard(native)
        label = QLabel(entry.label)
        label.setIndent(0)
        label.setToolTip(entry.tooltip)
        form.addRow(label, native)

    def _on_input_changed(self, path: Path, value: object) -> None:
        self._pending[path] = value
        self._try_pending()

    def _try_pending(self) -> None:
        """Send all changes since the last valid settings, if they go together."""
        if self._settings is None:
            return
        try:
            candidate = changed(self._settings, self._pending)
        except ValueError as error:
            self._refusal.set_message(str(error), "error")
            self._refusal.show()
            return
        self._pending.clear()
        self._refusal.hide()
        if candidate != self._settings:
            self._settings = candidate
            self.settings_changed.emit(candidate)

    def _on_reset_clicked(self) -> None:
        if self._settings is None:
            return
        before, after = self._settings, defaults(self._settings)
        self.set_settings(after)
        if after != before:
            self.settings_changed.emit(after)


def _input(entry: Entry) -> Control:
    """Return the magicgui widget for the type of `entry`, or a list of check boxes."""
    if entry.choices:
        return CheckList(entry.choices)
    options: dict[str, Any] = {}
    if entry.hint in (int, float):
        options = {**_LIMITS, **entry.limits}
    control = create_widget(annotation=entry.hint, name=entry.path[-1], options=options)
    return cast("ValueWidget[Any]", control)


def _show_value(control: Control, value: object) -> None:
    """Show `value` without telling; leave the cursor alone if it is shown already."""
    if control.value == value:
        return
    with control.changed.blocked():
        if isinstance(control, RangedWidget) and isinstance(value, int | float):
            control.min, control.max = min(control.min, value), max(control.max, value)
        if isinstance(control.native, QDoubleSpinBox):
            _make_room(control.native, cast("float", value))
        control.value = cast("Any", value)


def _make_room(spin: QDoubleSpinBox, value: float) -> None:
    """Give `spin` the decimals that `value` needs: 1e-6 must not read 0.00."""
    exponent = Decimal(repr(value)).as_tuple().exponent
    needed = -exponent if isinstance(exponent, int) else 0
    spin.setDecimals(max(spin.decimals(), min(needed, _MOST_DECIMALS)))

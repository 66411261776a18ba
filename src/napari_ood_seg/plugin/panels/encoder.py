"""Which pretrained encoder is used, and its download."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import Signal
from qtpy.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QProgressBar,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from napari_ood_seg.plugin.panels.choices import ChoiceBox
from napari_ood_seg.plugin.panels.message import MessageLine
from napari_ood_seg.plugin.panels.wrapped import WrappedLabel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from qtpy.QtGui import QShowEvent

FILE: Final = "from a file"
NAME: Final = "from a folder or name"
NONE: Final = ("", "None (default, no download)")
OTHERS: Final = ((FILE, "From a file…"), (NAME, "From a folder or name…"))
TIP: Final = (
    "A pretrained network that looks at the image beside the filters: it knows shapes"
    " and textures from millions of images. For images with few channels."
)
HINTS: Final = {FILE: "file of weights", NAME: "owner/name or folder"}
MEGA: Final = 1e6


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderRow:
    """An encoder that can be chosen.

    Attributes
    ----------
    key
        What is told when it is chosen.
    title, about
        For people: its name; purpose, licence and size.
    on_disk
        Whether it can be used without a download.
    """

    key: str
    title: str
    about: str
    on_disk: bool

    @property
    def label(self) -> str:
        """What the list shows."""
        return self.title if self.on_disk else f"{self.title} (to download)"

    @property
    def facts(self) -> str:
        """What is shown once it is chosen."""
        state = "on disk" if self.on_disk else "to download"
        return f"{self.about}; {state}." if self.about else ""


class EncoderPanel(QWidget):
    """A choice, what is known about it, and a download with its progress."""

    encoder_chosen = Signal(str)
    """Key of one that is on disk; empty for none."""
    named = Signal(str)
    """A file, folder or name as somebody typed it."""
    browse_requested = Signal(str)
    """`FILE` or `NAME`."""
    download_requested = Signal(str)
    cancel_requested = Signal()
    looked_at = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: dict[str, EncoderRow] = {}
        self._used = ""
        self._choice = ChoiceBox(name="Encoder", tip=TIP)
        self._about = WrappedLabel()
        self._entry, self._browse = QLineEdit(), QPushButton("Browse…")
        self._bar = QProgressBar()
        self._download, self._cancel = QPushButton("Download"), QPushButton("Cancel")
        self._message = MessageLine(lines=3)
        self._named, self._getting = QWidget(), QWidget()
        self._set_tips()
        self._lay_out()
        self._choice.chosen.connect(self._on_chosen)
        self._entry.returnPressed.connect(self._on_entered)
        self._browse.clicked.connect(self._on_browse)
        self._download.clicked.connect(self._on_download)
        self._cancel.clicked.connect(lambda: self.cancel_requested.emit())
        self.set_encoders(())

    def set_encoders(self, rows: Sequence[EncoderRow]) -> None:
        """Show what can be chosen; the choice stays."""
        self._rows = {row.key: row for row in rows}
        self._show(self._choice.current_key() or self._used)

    def set_encoder(self, key: str) -> None:
        """Tell which one is used, by its key; empty for none.

        It is shown if it is another one than before: who is about to choose, or waits
        for a download, is left alone when something else is set.
        """
        if key != self._used:
            self._used = key
            self._show(key)

    def choose(self, key: str) -> None:
        """Show one that could be used, as if somebody had chosen it."""
        self._show(key)

    def set_download(self, done: int, total: int) -> None:
        """Show how many bytes of a download there are; a `total` of 0: not known."""
        self._bar.setRange(0, 1000 if total else 0)
        self._bar.setValue(1000 * done // total if total else 0)
        words = f"{done / MEGA:.0f} of {total / MEGA:.0f} MB" if total else "asking"
        self._bar.setFormat(words)
        self.set_message("")
        self._show_download(running=True)

    def clear_download(self) -> None:
        """Show that none runs any more."""
        self._show_download(running=False)

    def set_message(self, text: str, kind: str = "info") -> None:
        """Show what happened; `kind` is "info", "warning" or "error"."""
        self._message.set_message(text, kind)
        self._message.setVisible(bool(text))

    def showEvent(self, a0: QShowEvent | None) -> None:
        """Tell that somebody looks: what is on disk may have changed."""
        super().showEvent(a0)
        self.looked_at.emit()

    def _show(self, key: str) -> None:
        options = [NONE, *((k, row.label) for k, row in self._rows.items()), *OTHERS]
        if key not in dict(options):
            options.insert(1, (key, _short(key)))
        self._choice.set_options(options, key)
        self._show_chosen(key)

    def _show_chosen(self, key: str) -> None:
        row = self._rows.get(key)
        self._about.setText(row.facts if row else "")
        self._about.setVisible(bool(self._about.text()))
        self._named.setVisible(key in HINTS)
        self._entry.setPlaceholderText(HINTS.get(key, ""))
        self._show_download(running=not self._cancel.isHidden())

    def _show_download(self, *, running: bool) -> None:
        row = self._rows.get(self._choice.current_key() or "")
        wanted = row is not None and not row.on_disk
        had_focus = self._download.hasFocus() or self._cancel.hasFocus()
        self._download.setVisible(wanted and not running)
        for part in (self._bar, self._cancel):
            part.setVisible(running)
        self._getting.setVisible(wanted or running)
        self._choice.setEnabled(not running)
        if had_focus and (wanted or running):
            (self._cancel if running else self._download).setFocus()

    def _on_chosen(self, key: str) -> None:
        self.set_message("")
        self._show_chosen(key)
        row = self._rows.get(key)
        if key in HINTS:
            self._entry.clear()
        elif key == self._used or row is None or row.on_disk:
            self.encoder_chosen.emit(key)

    def _on_entered(self) -> None:
        text = self._entry.text().strip()
        if text:
            self.named.emit(text)

    def _on_browse(self) -> None:
        self.browse_requested.emit(self._choice.current_key() or FILE)

    def _on_download(self) -> None:
        self.download_requested.emit(self._choice.current_key() or "")

    def _set_tips(self) -> None:
        self._entry.setToolTip(
            "A file of SqueezeNet or VGG weights, a folder that save_pretrained made,"
            " or a model of Hugging Face as owner/name. Enter takes it."
        )
        self._entry.setAccessibleName("File, folder or name of an encoder")
        self._browse.setToolTip("Look for it on this machine.")
        self._download.setToolTip(
            "Get it from Hugging Face, once; later it is used without a connection."
        )
        self._cancel.setToolTip("Stop the download; the next one goes on from there.")
        self._bar.setToolTip("How much there is of the download.")
        self._bar.setAccessibleName("Download of an encoder")
        self._message.hide()

    def _lay_out(self) -> None:
        label = QLabel("Encoder")
        label.setIndent(0)
        label.setToolTip(TIP)
        label.setBuddy(self._choice)
        self._choice.setMinimumContentsLength(12)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(3)
        column.addLayout(_filled(QHBoxLayout(), label, self._choice))
        column.addWidget(self._about)
        _filled(QHBoxLayout(self._named), self._browse, self._entry)
        getting = QHBoxLayout(self._getting)
        _filled(getting, self._cancel, self._bar)
        getting.addWidget(self._download)
        for part in (self._named, self._getting, self._message):
            column.addWidget(part)
        self._cancel.hide()


def _filled(row: QHBoxLayout, first: QWidget, second: QWidget) -> QHBoxLayout:
    """Put two widgets in a row, the second as wide as can be."""
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(6)
    row.addWidget(first)
    row.addWidget(second, 1)
    return row


def _short(key: str) -> str:
    """Return the last part of a path; the whole of a name.

    >>> _short("/home/me/vgg.pth"), _short("owner/name")
    ('vgg.pth', 'owner/name')
    """
    parts = key.replace("\\", "/").rstrip("/").split("/")
    return key if len(parts) == 2 and parts[0] else parts[-1]

"""The choice of an encoder, and its download."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from qtpy.QtCore import QObject, QTimer
from qtpy.QtWidgets import QFileDialog

from napari_ood_seg.core.features.catalogue import CATALOGUE, known
from napari_ood_seg.core.io.download import ASKING, STAGE
from napari_ood_seg.core.io.hub import is_available, is_name
from napari_ood_seg.plugin.panels.encoder import FILE, EncoderRow

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_ood_seg.core.config import InstantConfig
    from napari_ood_seg.core.types import Progress
    from napari_ood_seg.plugin.panels.encoder import EncoderPanel
    from napari_ood_seg.session.session import Session

FILES: Final = "Weights (*.pth *.pt *.safetensors)"

_TELL_MS: Final = 250
"""How often progress is shown, see `job_control`."""


class EncoderControl(QObject):
    """Offers encoders, downloads one when asked, and uses it from then on.

    Parameters
    ----------
    panel
        Shows and asks.
    session
        Has the settings, and downloads as a job.
    window
        Parent of the dialogs.
    """

    def __init__(self, panel: EncoderPanel, session: Session, window: QWidget) -> None:
        super().__init__()
        self._panel = panel
        self._session = session
        self._window = window
        self._names = [e.name for e in CATALOGUE]
        self._on_disk: frozenset[str] = frozenset()
        self._coming = ""
        self._latest: Progress | None = None
        self._tell = QTimer(self)
        self._tell.setSingleShot(True)
        self._tell.setInterval(_TELL_MS)
        self._tell.timeout.connect(self._show_progress)
        panel.encoder_chosen.connect(self._use)
        panel.named.connect(self.take)
        panel.browse_requested.connect(self._on_browse)
        panel.download_requested.connect(self.download)
        panel.cancel_requested.connect(session.cancel)
        panel.looked_at.connect(self._look)
        session.config_changed.connect(self._on_config)
        session.encoders_found.connect(self._on_found)
        session.encoder_ready.connect(self._on_ready)
        session.progressed.connect(self._on_progress)
        session.job_ended.connect(self._on_end)
        session.message.connect(self._on_message)
        self._show()
        panel.set_encoder(session.config.encoder)

    def close(self) -> None:
        """Stop following."""
        with suppress(RuntimeError):  # Qt may have deleted it at the very end
            self._tell.stop()
        session = self._session
        session.config_changed.disconnect(self._on_config)
        session.encoders_found.disconnect(self._on_found)
        session.encoder_ready.disconnect(self._on_ready)
        session.progressed.disconnect(self._on_progress)
        session.job_ended.disconnect(self._on_end)
        session.message.disconnect(self._on_message)

    def download(self, name: str) -> None:
        """Get an encoder in the background; it is used once it is there."""
        self._coming = name
        self._latest = None
        self._panel.set_download(0, 0)
        self._session.download_encoder(name)

    def take(self, text: str) -> None:
        """Use what somebody typed, or offer its download."""
        if is_available(text):
            self._use(text)
        elif is_name(text):
            self._names = [*dict.fromkeys([*self._names, text])]
            self._show()
            self._panel.choose(text)
        else:
            self._panel.set_message(
                f"there is no file or folder {text!r}, and no encoder has such a name:"
                " write it as owner/name",
                "warning",
            )

    def _use(self, encoder: str) -> None:
        config = replace(self._session.config, encoder=encoder)
        self._session.set_config(config)
        self._panel.choose(encoder)

    def _on_config(self, config: InstantConfig) -> None:
        self._panel.set_encoder(config.encoder)

    def _look(self) -> None:
        """Ask what is on disk; the worker answers when it is free."""
        self._session.look_for_encoders(self._names)

    def _on_found(self, names: frozenset[str]) -> None:
        self._on_disk = names
        self._show()

    def _show(self) -> None:
        self._panel.set_encoders([_row(n, self._on_disk) for n in self._names])

    def _on_progress(self, progress: Progress) -> None:
        if not self._coming:
            return
        if progress.stage not in (ASKING, STAGE):  # another job has replaced it
            self._over()
            self._panel.set_message(
                "the download was stopped by something else: start it again, it goes"
                " on where it was",
                "warning",
            )
            return
        self._latest = progress
        if not self._tell.isActive():
            self._tell.start()

    def _show_progress(self) -> None:
        if self._coming and self._latest is not None:
            self._panel.set_download(self._latest.done, self._latest.total)

    def _on_ready(self, name: str) -> None:
        self._on_disk |= {name}
        self._over()
        self._show()
        self._use(name)

    def _on_end(self) -> None:
        if self._coming:
            self._over()

    def _on_message(self, text: str, kind: str) -> None:
        """Show beside the choice as well why a download failed."""
        if self._coming and kind == "error":
            self._over()
            self._panel.set_message(text, kind)

    def _over(self) -> None:
        self._coming, self._latest = "", None
        self._tell.stop()
        self._panel.clear_download()

    def _on_browse(self, what: str) -> None:
        if what == FILE:
            name, _ = QFileDialog.getOpenFileName(
                self._window, "Weights of an encoder", "", FILES
            )
        else:
            name = QFileDialog.getExistingDirectory(
                self._window, "Folder of an encoder"
            )
        if name:
            self.take(name)


def _row(name: str, on_disk: frozenset[str]) -> EncoderRow:
    """Return what is shown of an encoder."""
    facts = known(name)
    if facts is None:
        about = f"{name}: for its licence and size see huggingface.co/{name}"
        return EncoderRow(key=name, title=name, about=about, on_disk=name in on_disk)
    terms = ", terms to accept" if facts.gated else ""
    about = (
        f"{facts.purpose.capitalize()}, {facts.megabytes} MB, {facts.licence}{terms}"
    )
    return EncoderRow(key=name, title=facts.title, about=about, on_disk=name in on_disk)

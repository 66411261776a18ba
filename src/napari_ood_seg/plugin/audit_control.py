"""The audit: start it, show it, save it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from qtpy.QtCore import QObject
from qtpy.QtWidgets import QFileDialog

from napari_ood_seg.plugin.panels.audit import AuditRow

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_ood_seg.core.evaluation.report import Audit
    from napari_ood_seg.plugin.image_control import ImageControl
    from napari_ood_seg.plugin.panels.audit import AuditPanel
    from napari_ood_seg.session.session import Session


class AuditControl(QObject):
    """Connects the audit panel with the session.

    Parameters
    ----------
    panel
        Asks and shows.
    session
        Runs the audit as a job.
    images
        Its scribbles are compared with the layer before the audit.
    window
        Parent of the dialogs.
    """

    def __init__(
        self,
        panel: AuditPanel,
        session: Session,
        images: ImageControl,
        window: QWidget,
    ) -> None:
        super().__init__()
        self._panel = panel
        self._session = session
        self._images = images
        self._window = window
        self.audit: Audit | None = None
        panel.audit_requested.connect(self.start)
        panel.save_requested.connect(self._on_save)
        session.audited.connect(self.show)
        session.busy_changed.connect(panel.set_running)
        session.image_changed.connect(self._on_image)

    def start(self) -> None:
        """Audit whatever is on the scribbles layer now."""
        if self._images.tracker is not None:
            self._images.tracker.sync()
        self._session.audit()

    def show(self, audit: Audit) -> None:
        """Show what came of it."""
        self.audit = audit
        names = {c.id: c.name for c in audit.classes}
        rows = [
            AuditRow(
                name=c.name,
                color=c.color,
                values=(c.auroc, c.ap, c.fpr95, c.tpr, c.kept),
                roc=(np.asarray(c.roc.x), np.asarray(c.roc.y)),
                pr=(np.asarray(c.pr.x), np.asarray(c.pr.y)),
            )
            for c in audit.classes
        ]
        mean = audit.mean
        note = (
            f"Mean AUROC {mean['auroc']:.2f}; of known pixels {mean['kept']:.0%} stay "
            f"(asked for: {audit.keep:.0%}). Held out by {audit.folds}."
        )
        answers = [names.get(i, "unknown") for i in audit.answers]
        self._panel.set_audit(rows, answers, audit.confusion, note)

    def save(self, path: Path) -> None:
        """Write the audit as CSV or JSON, by suffix; trouble becomes a message."""
        from napari_ood_seg.core.evaluation.report import to_json

        if self.audit is None:
            return
        text = (
            self.audit.to_csv()
            if path.suffix.lower() == ".csv"
            else to_json(self.audit.to_dict())
        )
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            self._session.message.emit(f"cannot write {path.name}: {error}", "error")
        else:
            self._session.message.emit(f"saved {path.name}", "info")

    def _on_save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self._window, "Save audit", "audit.json", "JSON (*.json);;CSV (*.csv)"
        )
        if name:
            self.save(Path(name))

    def _on_image(self) -> None:
        self.audit = None
        self._panel.clear()

"""Save, load and export, with dialogs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from qtpy.QtCore import QObject, QSettings
from qtpy.QtWidgets import QFileDialog

from napari_ood_seg.core.errors import OODSegError
from napari_ood_seg.core.io.class_files import load_classes, save_classes

if TYPE_CHECKING:
    from qtpy.QtWidgets import QWidget

    from napari_ood_seg.plugin.panels.classes import ClassesPanel
    from napari_ood_seg.plugin.panels.results import ResultsPanel
    from napari_ood_seg.session.session import Session

MODEL_FILES = "Models (*.oodseg)"
CLASS_FILES = "Comma-separated values (*.csv);;JSON (*.json)"
CLASS_LISTS = "Class lists (*.csv *.json)"
EXPORT_FILES = "OME-Zarr (*.zarr);;TIFF (*.tif);;NumPy (*.npz)"


class FileControl(QObject):
    """Asks for file names and does what was asked.

    Parameters
    ----------
    panel, classes
        Their buttons ask.
    session
        Holds model, result and classes.
    window
        Parent of the dialogs.
    """

    def __init__(
        self,
        panel: ResultsPanel,
        classes: ClassesPanel,
        session: Session,
        window: QWidget,
    ) -> None:
        super().__init__()
        self._session = session
        self._window = window
        panel.save_requested.connect(self._on_save)
        panel.load_requested.connect(self._on_load)
        panel.export_requested.connect(self._on_export)
        classes.import_requested.connect(self._on_import_classes)
        classes.export_requested.connect(self._on_export_classes)

    def save(self, path: Path) -> None:
        """Save the model; trouble becomes a message."""
        from napari_ood_seg.core.training.bundle import save_model

        model = self._session.model
        if model is None:
            self._session.message.emit("there is no model yet: train one", "warning")
            return
        try:
            save_model(path, model)
        except OODSegError as error:
            self._session.message.emit(str(error), "error")
        else:
            self._session.message.emit(f"saved {path.name}", "info")

    def load(self, path: Path) -> None:
        """Load a model and apply it; trouble becomes a message, nothing changes."""
        from napari_ood_seg.core.training.bundle import load_model

        remark = ""
        try:
            model = load_model(path)
            if self._session.source is not None:
                remark = model.remark_on(self._session.source)
        except OODSegError as error:
            self._session.message.emit(str(error), "error")
            return
        self._session.set_model(model)
        if remark:
            self._session.message.emit(remark, "info")
        if self._session.source is not None:
            self._session.predict()

    def import_classes(self, path: Path) -> None:
        """Replace the list of classes; a bad file is told, nothing changes."""
        try:
            classes = load_classes(path)
        except OODSegError as error:
            self._session.message.emit(str(error), "error")
            return
        stayed = self._session.import_classes(classes)
        text = f"read {len(classes)} classes from {path.name}"
        if stayed:
            names = ", ".join(c.name for c in stayed)
            text += f"; kept what is painted and not in it: {names}"
        self._session.message.emit(text, "info")

    def export_classes(self, path: Path) -> None:
        """Write the list of classes; trouble becomes a message."""
        try:
            save_classes(path, self._session.classes)
        except OODSegError as error:
            self._session.message.emit(str(error), "error")
        else:
            self._session.message.emit(f"wrote {path.name}", "info")

    def save_as(self, title: str, name: str, kinds: str) -> Path | None:
        """Ask where to write something; `None` if nowhere.

        Parameters
        ----------
        kinds
            As Qt wants them, such as ``"Picture (*.png);;Document (*.pdf)"``.
        """
        chosen, kind = QFileDialog.getSaveFileName(
            self._window, title, str(self._folder() / name), kinds
        )
        suffix = kind.partition("*")[2].rstrip(")") or Path(name).suffix
        return self._remember(chosen, suffix) if chosen else None

    def _on_import_classes(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self._window, "Import classes", str(self._folder()), CLASS_LISTS
        )
        if name:
            self.import_classes(self._remember(name, ".csv"))

    def _on_export_classes(self) -> None:
        name, chosen = QFileDialog.getSaveFileName(
            self._window,
            "Export classes",
            str(self._folder() / "classes.csv"),
            CLASS_FILES,
        )
        if name:
            suffix = chosen.partition("*")[2].rstrip(")") or ".csv"
            self.export_classes(self._remember(name, suffix))

    def _on_save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self._window,
            "Save model",
            str(self._folder() / "model.oodseg"),
            MODEL_FILES,
        )
        if name:
            self.save(self._remember(name, ".oodseg"))

    def _on_load(self) -> None:
        name, _ = QFileDialog.getOpenFileName(
            self._window, "Load model", str(self._folder()), MODEL_FILES
        )
        if name:
            self.load(self._remember(name, ".oodseg"))

    def _on_export(self) -> None:
        name, chosen = QFileDialog.getSaveFileName(
            self._window, "Export result", str(self._folder() / "result"), EXPORT_FILES
        )
        if name:
            suffix = chosen.partition("*")[2].rstrip(")") or ".zarr"
            path = self._remember(name, suffix)
            # the dialog has asked whether to replace this file, and about no other
            asked = path == Path(name) and path.exists()
            self._session.export(path, overwrite=asked)

    def _folder(self) -> Path:
        return Path(str(settings().value("folder", Path.home())))

    def _remember(self, name: str, suffix: str) -> Path:
        path = Path(name)
        if not path.suffix:
            path = path.with_suffix(suffix)
        settings().setValue("folder", str(path.parent))
        return path


def settings() -> QSettings:
    """Return where the plugin remembers things between sessions."""
    return QSettings(
        QSettings.Format.IniFormat,
        QSettings.Scope.UserScope,
        "napari-ood-seg",
        "napari-ood-seg",
    )

"""Keeps a benchmark out of the user's settings; import it before napari.

The panel remembers what was shown last, so that whatever somebody did before would
change what is measured.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from qtpy.QtCore import QSettings

FOLDER = tempfile.TemporaryDirectory(prefix="settings")
os.environ["NAPARI_CONFIG"] = str(Path(FOLDER.name) / "napari.yaml")
QSettings.setPath(QSettings.Format.IniFormat, QSettings.Scope.UserScope, FOLDER.name)

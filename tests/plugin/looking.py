"""What somebody does who looks closer: why, spectra, frames, pictures, at random."""

from __future__ import annotations

from qtpy.QtCore import Qt

from tests.plugin.driver import SHIFT
from tests.plugin.working import Working


class Looking(Working):
    """More actions, with docks below the canvas."""

    def do_explain(self) -> bool:
        """Ask why a pixel is what it is, with mouse or key."""
        if self.driver.images.scribbles is None:
            return False
        point = self.point()
        if not self.driver.canvas.rect().contains(self.driver.at(point)):
            self.driver.show_all()
        if self.flip():
            self.driver.shift_click(point)
        else:
            self.driver.move(point)
            self.driver.key(Qt.Key.Key_W)
        return True

    def do_spectra(self) -> bool:
        """Open the dock, or close it."""
        return self.push("Spectra")

    def do_frames(self) -> bool:
        """Open the dock, or close it."""
        return self.push("Frames")

    def do_next_frame(self) -> bool:
        """Go to the next frame with something unknown."""
        self.key(self.driver.canvas, Qt.Key.Key_U, SHIFT)
        return True

    def do_picture(self) -> bool:
        """Draw an entry of the menu of pictures."""
        menu = self.driver.button("Pictures").menu()
        assert menu is not None
        menu.aboutToShow.emit()
        entries = [a for a in menu.actions() if a.isEnabled()]
        if entries:
            self.one_of(entries).trigger()
        return bool(entries)

    def do_release(self) -> bool:
        """Give back the memory of features."""
        return self.push("Release")

"""What somebody does who looks closer, or trains a network meanwhile, at random."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QPushButton

from tests.contracts.networks import SMALL
from tests.plugin.driver import SHIFT
from tests.plugin.working import Working

NETWORK: Final = replace(SMALL, steps=24, check_every=12, batch=2, evidence="both")
"""Trains in a few seconds, if it is left alone."""


class Looking(Working):
    """More actions, with docks below the canvas."""

    def do_network(self) -> bool:
        """Train a network, pause, go on, or start over."""
        panel = self.driver.panel
        panel.sections.set_expanded("Network", True)
        names = ("Train a network", "Pause", "Resume", "Start over")
        found = panel.deep_panel.findChildren(QPushButton)
        there = [b for b in found if b.text().replace("&", "") in names]
        usable = [b for b in there if b.isEnabled() and b.isVisibleTo(panel)]
        return bool(usable) and self.click(self.one_of(usable))

    def do_whole_network(self) -> bool:
        """Train a network to its end."""
        session = self.driver.session
        session.refine()
        self.driver.until(lambda: session.refining == "off", patience=9)
        return True

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
        return self.pick(self.driver.button("Pictures").menu())

    def do_release(self) -> bool:
        """Give back the memory of features."""
        return self.push("Release")

"""A user who does anything, in any order: the same for the same seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from weakref import ReferenceType, WeakKeyDictionary, ref

import numpy as np

from napari_ood_seg.plugin.layers import role_of
from tests.plugin.driver import Driver, delete_what_was_closed, open_panel
from tests.plugin.invariants import Freshness, Troubles, broken
from tests.plugin.looking import NETWORK, Looking
from tests.plugin.working import MOST_LAYERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from napari.layers import Layer
    from napari.viewer import Viewer

    from napari_ood_seg.plugin.widget import OODSegWidget
    from tests.plugin.hand import Hand

WEIGHTS: Final = {
    "paint": 14,
    "erase": 3,
    "fill": 2,
    "undo": 6,
    "redo": 4,
    "press_number": 5,
    "add_class": 3,
    "rename_class": 2,
    "remove_class": 2,
    "merge_class": 1,
    "move_class": 2,
    "recolor_class": 2,
    "train": 5,
    "toggle_live": 4,
    "stop": 4,
    "keep": 4,
    "check_box": 3,
    "eye": 2,
    "peek": 2,
    "cycle_view": 3,
    "opacity": 3,
    "legend": 2,
    "delete_result": 2,
    "delete_scribbles": 1,
    "new_scribbles": 3,
    "delete_image": 1,
    "delete_leftovers": 1,
    "delete_all": 1,
    "add_image": 3,
    "switch_image": 3,
    "read_axes": 1,
    "step": 4,
    "zoom": 2,
    "pan": 2,
    "audit": 1,
    "next_unknown": 3,
    "make_class": 1,
    "predict_all": 2,
    "learn_from": 2,
    "check_scribbles": 1,
    "explain": 3,
    "spectra": 2,
    "frames": 2,
    "next_frame": 1,
    "picture": 1,
    "release": 1,
    "network": 3,
    "export": 1,
    "save_model": 1,
    "load_model": 1,
    "reopen": 1,
}
"""How often each action is taken, relative to the others."""

OPENING: Final = (
    *("add_image", "paint", "paint", "paint", "add_class", "paint", "paint", "paint"),
    *("train", "audit", "check_scribbles", "next_unknown", "export", "export"),
    *("export", "save_model", "load_model", "delete_result", "train", "reopen"),
    *("explain", "spectra", "frames", "picture", "whole_network", "open_much"),
    "delete_all",
)
"""How everybody begins, each when the one before is done.

All is loaded by then, and as much was open as ever will be: for what is open at a time,
an interpreter grows once.
"""


@dataclass
class Report:
    """What came of it.

    Attributes
    ----------
    done, skipped
        How often each action was taken, or made no sense at that moment.
    troubles
        One line each, with the number and the name of the action before it.
    """

    done: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    troubles: list[str] = field(default_factory=list)
    checks: int = 0


class RandomUser(Looking):
    """Takes random actions with mouse and keys, and checks what must hold.

    A layer of planes that is not ours stays in the viewer all the time: napari 0.9.2
    alone crashes while it draws (on Mesa's software renderer) if labels were painted
    and a later stack makes it show its first slider.

    The action of each number depends on the seed alone, so that a run may be repeated;
    how far a job has come by then depends on the machine.

    Parameters
    ----------
    viewer
        On the screen, without layers.
    hand
        Mouse and keyboard.
    folder
        For exports and models.
    """

    def __init__(self, viewer: Viewer, hand: Hand, folder: Path, *, seed: int) -> None:
        super().__init__(viewer, hand, folder)
        self.report, self._troubles, self._seed = Report(), Troubles(), seed
        # neither side may keep the other: the panel knows the way back
        self._images_of: WeakKeyDictionary[Layer, ReferenceType[Layer]]
        self._images_of = WeakKeyDictionary()
        self.theirs = viewer.add_points([[0, 0, 0], [2, 0, 0]], name="theirs")
        viewer.layers.events.inserted.connect(self._on_inserted)
        self._follow(open_panel(viewer))

    def run(self, first: int, last: int) -> None:
        """Take the actions with these numbers; `last` is not among them."""
        with self._troubles.watch():
            for number in range(first, last):
                self.rng = np.random.default_rng((self._seed, number))
                name = str(self.rng.choice(list(WEIGHTS), p=_shares()))
                if number < len(OPENING):
                    name = OPENING[number]
                elif not (self.images() or self.flip()):
                    name = "add_image"  # without an image not much can be done
                elif len(self.viewer.layers) > MOST_LAYERS:
                    name = "delete_all"
                self._take(name)
                waits = number < len(OPENING) or number == last - 1
                if waits or self.rng.random() < 1 / 3:
                    self.settle()
                    self._check()
                self._note(f"{number} {name}")

    def close(self) -> None:
        """Close the panel; what it leaves in the viewer stays."""
        with self._troubles.watch():
            self.settle()
            self.viewer.window.remove_dock_widget(self.driver.panel)
            delete_what_was_closed()
            self._note("close")
        self.viewer.layers.events.inserted.disconnect(self._on_inserted)

    # ---------------------------------------------------------------- private
    def _follow(self, panel: OODSegWidget) -> None:
        self.driver = Driver(self.viewer, panel, self.hand)  # type: ignore[arg-type]  # all it needs
        panel.session.set_deep(NETWORK)
        panel.session.edits.clear()  # nobody chose it
        self._fresh = Freshness(panel.session)
        panel.session.message.connect(self._troubles.on_message)
        self.driver.spin()

    def _take(self, name: str) -> None:
        action: Callable[[], bool] = getattr(self, f"do_{name}")
        taken = action()
        (self.report.done if taken else self.report.skipped)[name] += 1
        self.driver.spin()

    def _check(self) -> None:
        self.report.checks += 1
        session, fresh = self.driver.session, self._fresh
        # who steps to a plane that is coming starts no job of his own
        self.driver.until(lambda: fresh.filled or not session.ahead)
        images_of = {layer: image() for layer, image in self._images_of.items()}
        found = broken(self.driver, self._fresh, images_of)
        self._troubles.found += found

    def _note(self, when: str) -> None:
        found, self._troubles.found = self._troubles.found, []
        self.report.troubles += [f"{when}: {text}" for text in found]

    def _on_inserted(self, event: Any) -> None:
        """Note which image a layer of ours was made for."""
        layer, image = event.value, self.driver.images.image
        for other, shown in self.driver.panel.overlays._shown_of.items():
            if layer in shown.layers():
                image = other
        if role_of(layer) is not None and image is not None:
            self._images_of[layer] = ref(image)

    # ---------------------------------------------------------------- actions
    def do_reopen(self) -> bool:
        """Close the panel, perhaps in the middle of a job, and open it again."""
        self.viewer.window.remove_dock_widget(self.driver.panel)
        del self.driver
        delete_what_was_closed()
        self._follow(open_panel(self.viewer))
        return True


def _shares() -> list[float]:
    total = sum(WEIGHTS.values())
    return [weight / total for weight in WEIGHTS.values()]

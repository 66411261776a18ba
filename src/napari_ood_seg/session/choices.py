"""Threshold and settings, with undo."""

from __future__ import annotations

from typing import ClassVar

from psygnal import Signal

from napari_ood_seg.core.config import InstantConfig
from napari_ood_seg.session.annotations import Annotations
from napari_ood_seg.session.edits import Edit, State, changed_settings


class Choices(Annotations):
    """What is chosen beside classes and strokes, in one order of undo with them."""

    keep_changed: ClassVar[Signal] = Signal(float)
    config_changed: ClassVar[Signal] = Signal(InstantConfig)

    def __init__(self) -> None:
        super().__init__()
        self.config = InstantConfig()
        self.keep = 0.95

    def set_config(self, config: InstantConfig) -> None:
        """Change the settings, as one step of undo."""
        if config != self.config:
            what = changed_settings(self.config, config)
            now = State(self.classes, self.scribbles, config=self.config)
            after = now._replace(config=config)
            run = f"settings: {what}"
            edit = Edit(what=f"change {what}", before=now, after=after, run=run)
            self.edits.record(edit)
            self._choose(after)

    def set_keep(self, keep: float) -> None:
        """Move the threshold: the share of held-out scribbles that stays known.

        Moves that follow each other are one step of undo, until `end_keep`.
        """
        if keep != self.keep:
            now = State(self.classes, self.scribbles, keep=self.keep)
            after = now._replace(keep=keep)
            what = f"keep {keep:.1%} of the scribbles"
            self.edits.record(Edit(what=what, before=now, after=after, run="keep"))
            self._choose(after)

    def end_keep(self) -> None:
        """Take the threshold for set: the next move is another step of undo."""
        self.edits.end_run()

    def _choose(self, state: State) -> None:
        """Take over threshold and settings as well, where a state has them."""
        super()._choose(state)
        if state.keep is not None and state.keep != self.keep:
            self.keep = state.keep
            self.keep_changed.emit(state.keep)
        if state.config is not None and state.config != self.config:
            self.config = state.config
            self.config_changed.emit(state.config)
